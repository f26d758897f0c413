-- What was redriven: put to the CDC stream again, and acknowledged by it.
-- Grain: one row per record that was put.
-- Inputs: none, `redrive_orders` appends to it.
-- Late data: a record that was put twice, because a run broke in between, may have two rows.
CREATE TABLE IF NOT EXISTS redrives (
    run_id string COMMENT 'the run of redrive_orders',
    redriven_at timestamp COMMENT 'when the stream had acknowledged it, UTC',
    source string COMMENT 'quarantine, dlq (read again from the stream of the table) or table (made from the item)',
    payload_digest string COMMENT 'SHA-256 of the record, in lower-case hex',
    failures bigint COMMENT 'how often it had failed by then (if it fails more often, it waits again)',
    event_id string COMMENT 'id of the change',
    orderid string COMMENT 'the order'
)
LOCATION 's3://{{ task.bucket }}/silver/redrives/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
