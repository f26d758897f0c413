-- Which changes have been merged into silver: the watermark, kept beside the table it is about.
-- Grain: one row per finished merge.
-- Inputs: none; record_merge fills it.
-- Late data: a merge whose row is missing is done again, which changes nothing in orders.
CREATE TABLE IF NOT EXISTS merges (
    run_id string COMMENT 'the run of ingest_orders',
    merged_at timestamp COMMENT 'when the row was written, UTC',
    newest timestamp COMMENT 'LastModified of the newest object that was taken in, UTC',
    complete_until timestamp COMMENT 'all that was written to the table until then is in orders, UTC',
    first_dt string COMMENT 'dt of the first partition of the changelog that was read',
    last_dt string COMMENT 'dt of the last partition of the changelog that was read',
    changes bigint COMMENT 'different changes that were read',
    orders bigint COMMENT 'orders that were written because of them'
)
LOCATION 's3://{{ task.bucket }}/silver/merges/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
