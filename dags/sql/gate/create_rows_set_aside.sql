-- The rows of the changelog that break a rule and that somebody has decided to leave out.
-- Grain: one row per faulty row; copies of it in the same object are one.
-- Inputs: none; set_aside_rows fills it.
-- Late data: a copy that comes in another object is another row, and stops the merge again.
CREATE TABLE IF NOT EXISTS rows_set_aside (
    event_id string COMMENT 'id of the change, empty if it has none',
    orderid string COMMENT 'the order, empty if the row names none',
    problem string COMMENT 'the rule that the row breaks',
    path string COMMENT 'the object that the row is in',
    set_aside_at timestamp COMMENT 'when it was decided, UTC',
    run_id string COMMENT 'the run of ingest_orders that was given the param set_aside'
)
LOCATION 's3://{{ task.bucket }}/silver/rows_set_aside/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
