-- Not a statement: what is wrong with a row of the changelog, NULL for a good one (include).
-- Grain: one value per row; it begins with the name of the column.
-- Inputs: the columns of orders_changelog; the rules of salesflow.rules, by which the transform
-- judges the same values, and its schema.
-- Late data: a row is judged by itself, so its judgement doesn't depend on when it came.
-- A removal isn't judged by its values: an order must be able to go, whatever it had become.
CASE
    WHEN coalesce(orderid, '') = '' THEN 'orderid is missing'
    WHEN coalesce(event_id, '') = '' THEN 'event_id is missing'
    WHEN NOT regexp_like(coalesce(sequence_number, ''), '^[0-9]{1,{{ schema.SEQUENCE_NUMBER_DIGITS }}}$')
        THEN 'sequence_number is not of 1 to {{ schema.SEQUENCE_NUMBER_DIGITS }} digits'
    WHEN creation_time IS NULL THEN 'creation_time is missing'
    WHEN creation_time NOT BETWEEN 0 AND {{ rules.LAST_SECOND }} THEN 'creation_time is not in seconds'
    WHEN creation_time > to_unixtime(current_timestamp) + {{ rules.CLOCK_TOLERANCE_SECONDS }}
        THEN 'creation_time is in the future'
    WHEN coalesce(event_type, '') NOT IN ('{{ schema.EVENT_TYPES | join("', '") }}')
        THEN 'event_type is none of {{ schema.EVENT_TYPES | join(", ") }}'
    WHEN event_type = 'REMOVE' THEN NULL
    WHEN coalesce(product_name, '') = '' THEN 'product_name is missing'
    WHEN quantity IS NULL THEN 'quantity is missing'
    WHEN quantity < 1 THEN 'quantity is less than 1'
    WHEN price IS NULL THEN 'price is missing'
    WHEN price <= 0 THEN 'price is not more than 0'
    WHEN status NOT IN ('{{ schema.STATUSES | join("', '") }}')
        THEN 'status is none of {{ schema.STATUSES | join(", ") }}'
    WHEN to_unixtime(date_trunc('second', {{ silver.time_of("order_ts") }}))
        > creation_time + {{ rules.CLOCK_TOLERANCE_SECONDS }}
        THEN 'order_ts is in the future of the change'
END
