-- The order dates that a merge writes to: so many partitions does it open.
-- Grain: one row per order date, and one without date for orders of which nothing is new;
-- moved_from are the dates that its orders had before, if others, with commas between.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; orders, of which
-- only key and times are read.
-- Late data: an order that has been merged already is counted under no date.
SELECT
    order_date,
    count(*) AS orders,
    sum(changes) AS changes,
    array_join(
        array_sort(
            array_agg(DISTINCT CAST(kept_date AS varchar)) FILTER (WHERE kept_date <> order_date)
        ),
        ','
    ) AS moved_from
FROM (
    SELECT
        change.changes,
        kept.order_date AS kept_date,
        CASE
            WHEN kept.orderid IS NULL THEN change.order_date
            WHEN change.last_sequence_number > kept.last_sequence_number
                OR (
                    change.last_sequence_number = kept.last_sequence_number
                    AND change.last_event_id <> kept.last_event_id
                )
                OR change.first_changed_at < kept.first_changed_at
                THEN coalesce(
                    CAST(change.order_ts AS date),
                    CAST(least(kept.first_changed_at, change.first_changed_at) AS date)
                )
        END AS order_date
    FROM (
{% include "sql/silver/new_changes.sql" %}
    ) AS change
    LEFT JOIN orders AS kept ON kept.orderid = change.orderid
) AS dated
GROUP BY order_date
ORDER BY order_date
