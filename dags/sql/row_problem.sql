-- Not a statement: what is wrong with a row of the changelog, NULL for a good one (include).
-- Grain: one value per row.
-- Inputs: the columns of orders_changelog.
-- Late data: a row is judged by itself, so its judgement doesn't depend on when it came.
CASE
    WHEN coalesce(orderid, '') = '' THEN 'no orderid'
    WHEN coalesce(event_id, '') = '' THEN 'no event_id'
    WHEN coalesce(sequence_number, '') = '' THEN 'no sequence_number'
    WHEN creation_time IS NULL THEN 'no creation_time'
    WHEN coalesce(event_type, '') NOT IN ('INSERT', 'MODIFY', 'REMOVE') THEN 'event_type'
    WHEN event_type <> 'REMOVE' AND (product_name IS NULL OR quantity IS NULL OR price IS NULL)
        THEN 'no product_name, quantity or price'
END
