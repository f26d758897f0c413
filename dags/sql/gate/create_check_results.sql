-- What every check of the gate between bronze and silver found, whether it passed or not.
-- Grain: one row per check and run; another one, with a later checked_at, if the gate was cleared.
-- Inputs: none; record_checks fills it.
-- Late data: none.
CREATE TABLE IF NOT EXISTS check_results (
    run_id string COMMENT 'the run of ingest_orders',
    checked_at timestamp COMMENT 'when the result was recorded, UTC',
    check_name string COMMENT 'what was checked',
    severity string COMMENT 'blocking (the merge is not made if it fails) or warning',
    outcome string COMMENT 'passed or failed',
    found bigint COMMENT 'how much was found that should not be, or that was counted',
    sample string COMMENT 'some of it by name, or the figures in words'
)
LOCATION 's3://{{ task.bucket }}/silver/check_results/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
