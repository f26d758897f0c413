-- Which order dates a merge has touched: what was reported of them before is out of date.
-- Grain: one row per merge and order date of an order that it wrote, or moved away.
-- Inputs: none; record_merged_days fills it.
-- Late data: this is how it is noticed.
CREATE TABLE IF NOT EXISTS merged_days (
    run_id string COMMENT 'the run of ingest_orders',
    merged_at timestamp COMMENT 'when the row was written, just before the merge, UTC',
    order_date date COMMENT 'a day whose orders have changed'
)
LOCATION 's3://{{ task.bucket }}/silver/merged_days/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
