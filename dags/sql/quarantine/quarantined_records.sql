-- The records that Firehose couldn't have transformed, as it wrote them under the error prefix.
-- Grain: one row per failed attempt to deliver a record; rawdata is the record, in base64.
-- Inputs: errors/orders_changelog/processing-failed/; a day's partition follows from its name
-- (partition projection), so that no crawl has to find it; the hours below are read with it.
-- Late data: a day's folder has what arrived at the delivery stream that day, whenever it failed.
CREATE EXTERNAL TABLE IF NOT EXISTS quarantined_records (
    attemptsmade int COMMENT 'how often the transform was invoked with the record',
    arrivaltimestamp bigint COMMENT 'when it arrived at the delivery stream, epoch milliseconds',
    errorcode string COMMENT 'what went wrong, as Firehose sees it',
    errormessage string COMMENT 'the same in words (why the transform refused it, quarantine says)',
    attemptendingtimestamp bigint COMMENT 'when the last attempt ended, epoch milliseconds',
    rawdata string COMMENT 'the record, in base64',
    lambdaarn string COMMENT 'the transform'
)
PARTITIONED BY (dt string COMMENT 'day of arrival at the delivery stream, yyyy-MM-dd, UTC')
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://{{ task.bucket }}/errors/orders_changelog/processing-failed/'
TBLPROPERTIES (
    'projection.enabled' = 'true',
    'projection.dt.type' = 'date',
    'projection.dt.format' = 'yyyy-MM-dd',
    'projection.dt.range' = '2025-01-01,NOW',
    'storage.location.template' =
        's3://{{ task.bucket }}/errors/orders_changelog/processing-failed/dt=${dt}/'
)
