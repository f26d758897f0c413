-- The day's curve: sales by hour, UTC.
-- Grain: one row per hour, 24, and a last one, hour empty, for orders whose time isn't known.
-- Inputs: orders_current, the day's partition.
-- Adds up: orders, units, total_sales, net_orders, net_units, net_sales
-- Late data: a late change restates the day.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
by_hour AS (
    SELECT
        hour(order_ts) AS hour,
{% include "sql/measures.sql" %}
    FROM sold
    GROUP BY hour(order_ts)
)
SELECT
    hours.hour,
    coalesce(orders, 0) AS orders,
    coalesce(units, 0) AS units,
    coalesce(total_sales, 0) AS total_sales,
    coalesce(net_orders, 0) AS net_orders,
    coalesce(net_units, 0) AS net_units,
    coalesce(net_sales, 0) AS net_sales
FROM UNNEST(sequence(0, 23)) AS hours (hour)
LEFT JOIN by_hour ON by_hour.hour = hours.hour
UNION ALL
SELECT hour, orders, units, total_sales, net_orders, net_units, net_sales
FROM by_hour
WHERE hour IS NULL
ORDER BY 1 NULLS LAST
