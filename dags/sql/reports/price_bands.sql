-- The day's sales by the price of one piece.
-- Grain: one row per band, also for those in which nothing was sold; from is in it, below is not.
-- Inputs: orders_current, the day's partition.
-- Adds up: orders, units, total_sales, net_sales
-- Late data: a late change restates the day.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    from_price, below_price,
    count(orderid) AS orders,
    coalesce(sum(quantity), 0) AS units,
    coalesce(sum(total), 0) AS total_sales,
    coalesce(sum(total) FILTER (WHERE kept), 0) AS net_sales
FROM (
    VALUES (0, 25), (25, 50), (50, 100), (100, 200), (200, 300), (300, 500), (500, NULL)
) AS bands (from_price, below_price)
LEFT JOIN sold ON price >= from_price AND (below_price IS NULL OR price < below_price)
GROUP BY from_price, below_price
ORDER BY from_price
