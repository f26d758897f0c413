-- The day's sales by product, the best first.
-- Grain: one row per product; in_catalogue is false for one that the catalogue doesn't know.
-- Inputs: orders_current, the day's partition; products.
-- Adds up: orders, units, total_sales, net_orders, net_units, net_sales
-- Late data: a late change restates the day.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    product_name,
    product_name IN (SELECT name FROM products) AS in_catalogue,
{% include "sql/measures.sql" %}
FROM sold
GROUP BY product_name
ORDER BY total_sales DESC, product_name
