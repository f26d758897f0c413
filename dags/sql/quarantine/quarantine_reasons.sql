-- Why the transform refused quarantined records: Firehose writes only that it did.
-- Grain: one row per row of quarantined_records, once `judge_quarantine` has read its object.
-- Inputs: errors/orders_changelog/reasons/, with one object for each object of failed records.
-- Late data: an object of failed records that isn't judged yet has no rows here.
CREATE EXTERNAL TABLE IF NOT EXISTS quarantine_reasons (
    payload_digest string COMMENT 'SHA-256 of the record, in lower-case hex',
    failed_at bigint COMMENT 'when the last attempt ended, epoch milliseconds',
    reason string COMMENT 'what the transform says, or null if it takes the record when asked alone'
)
PARTITIONED BY (dt string COMMENT 'day of arrival at the delivery stream, yyyy-MM-dd, UTC')
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://{{ task.bucket }}/errors/orders_changelog/reasons/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.dt.type' = 'date',
    'projection.dt.format' = 'yyyy-MM-dd',
    'projection.dt.range' = '2025-01-01,NOW',
    'storage.location.template' = 's3://{{ task.bucket }}/errors/orders_changelog/reasons/dt=${dt}/'
)
