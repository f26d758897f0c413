-- The order dates that a merge writes to: so many partitions does it open.
-- Grain: one row per order date, and one without date for orders of which nothing is new.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; orders, of which
-- only key and times are read; merged_days.
-- Late data: an order that has been merged already is counted under no date.
-- also_touched are other dates, with commas between: those that orders have had until now, and those
-- of orders whose changes came while the last merge was under way, after it had noted its dates, if
-- they weren't among these.
SELECT
    order_date,
    count(*) AS orders,
    sum(changes) AS changes,
    array_join(
        array_sort(
            array_agg(DISTINCT CAST(kept_date AS varchar)) FILTER (
                WHERE kept_date <> order_date OR order_date IS NULL AND is_unnoted
            )
        ),
        ','
    ) AS also_touched
FROM (
    SELECT
        change.changes,
        kept.order_date AS kept_date,
        kept.merged_at > noted.merged_at AND noted_day.order_date IS NULL AS is_unnoted,
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
    CROSS JOIN (SELECT max(merged_at) AS merged_at FROM merged_days) AS noted
    LEFT JOIN merged_days AS noted_day
        ON noted_day.merged_at = noted.merged_at AND noted_day.order_date = kept.order_date
) AS dated
GROUP BY order_date
ORDER BY order_date
