-- Rows of the changelog that no consumer could use; there should be none.
-- Grain: one row per faulty row, 20 at most.
-- Inputs: the partitions of orders_changelog from task.first_day on.
-- Late data: rows are checked by the run that finds them, by their partition of arrival.
SELECT problem, orderid, event_id, sequence_number, dt, hour, path
FROM (
    SELECT
        orderid, event_id, sequence_number, dt, hour, "$path" AS path,
        CASE
            WHEN coalesce(orderid, '') = '' THEN 'no orderid'
            WHEN coalesce(event_id, '') = '' THEN 'no event_id'
            WHEN coalesce(sequence_number, '') = '' THEN 'no sequence_number'
            WHEN creation_time IS NULL THEN 'no creation_time'
            WHEN coalesce(event_type, '') NOT IN ('INSERT', 'MODIFY', 'REMOVE') THEN 'event_type'
            WHEN event_type <> 'REMOVE' AND (product_name IS NULL OR quantity IS NULL OR price IS NULL)
                THEN 'no product_name, quantity or price'
        END AS problem
    FROM orders_changelog
    WHERE dt >= '{{ task.first_day }}'
) AS judged
WHERE problem IS NOT NULL
LIMIT 20
