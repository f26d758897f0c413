-- Which days were reported, on how much of silver.
-- Grain: one row per day and run that computed all its reports.
-- Inputs: none; record_runs fills it.
-- Late data: a day with merges after merged_until is computed again.
CREATE TABLE IF NOT EXISTS report_runs (
    day date COMMENT 'the day that was reported',
    merged_until timestamp COMMENT 'merged_at of the last merge that the reports know, UTC',
    run_id string COMMENT 'the run of daily_sales_reports',
    reported_at timestamp COMMENT 'when the row was written, UTC'
)
LOCATION 's3://{{ task.bucket }}/gold/report_runs/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
