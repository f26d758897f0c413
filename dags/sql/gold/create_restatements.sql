-- By how much reports changed when their day was computed again.
-- Grain: one row per report, day, version and column whose sum changed; column_name is empty where
-- rows changed and no sum did.
-- Inputs: none; record_restatements fills it.
-- Late data: this is what is told here.
CREATE TABLE IF NOT EXISTS restatements (
    report string COMMENT 'name of the report',
    day date COMMENT 'the day that was computed again',
    version int COMMENT 'the version that replaced the one before',
    column_name string COMMENT 'a column that adds up over the rows of the report',
    sum_before decimal(38, 4) COMMENT 'what it added up to in the version before',
    sum_after decimal(38, 4) COMMENT 'what it adds up to now',
    difference decimal(38, 4) COMMENT 'sum_after - sum_before',
    rows_gone bigint COMMENT 'rows that only the version before has. A changed row is gone and new',
    rows_new bigint COMMENT 'rows that only this version has',
    run_id string COMMENT 'the run of daily_sales_reports',
    restated_at timestamp COMMENT 'when the row was written, UTC'
)
LOCATION 's3://{{ task.bucket }}/gold/restatements/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
