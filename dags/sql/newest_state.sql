-- Not a statement: the newest state of each order that still exists, for WITH ... AS (include).
-- Grain: one row per order.
-- Inputs: orders_changelog, from partition first_day on (a dt, or empty: the whole changelog).
-- Duplicates need no care: a repeated change has the same sequence number, and one row is taken.
-- Late data: the newest sequence number wins, in whichever order the changes arrived. An order
-- without a readable order_ts is dated by its first change; where not the whole changelog is read,
-- only the INSERT is sure to be the first: a change of an older order isn't taken for a new one.
SELECT
    orderid, customer_id, product_name, category, brand_name, quantity, price, channel, country,
    status, order_ts, order_date, attributes, changed_at, event_id, sequence_number
FROM (
    SELECT
        orderid, customer_id, product_name, category, brand_name, quantity,
        CAST(price AS decimal(18, 4)) AS price,
        channel, country, status, order_ts,
        coalesce(
            CAST(try(from_iso8601_timestamp(order_ts)) AT TIME ZONE 'UTC' AS date),
            CAST(from_unixtime(
                min({% if first_day %}CASE WHEN event_type = 'INSERT' THEN creation_time END{% else %}creation_time{% endif %})
                    OVER (PARTITION BY orderid)
            ) AT TIME ZONE 'UTC' AS date)
        ) AS order_date,
        attributes,
        CAST(from_unixtime(creation_time) AT TIME ZONE 'UTC' AS timestamp) AS changed_at,
        event_type, event_id, sequence_number,
        row_number() OVER (
            PARTITION BY orderid ORDER BY lpad(sequence_number, 40, '0') DESC
        ) AS age
    FROM orders_changelog{% if first_day %}
    WHERE dt >= '{{ first_day }}'{% endif %}
) AS changes
WHERE age = 1 AND event_type <> 'REMOVE'
