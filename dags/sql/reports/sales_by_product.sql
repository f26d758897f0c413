-- The day's sales by product, the best first.
-- Grain: one row per product.
-- Inputs: orders_changelog, from the day before on: a change arrives on its order's day or after.
-- Late data: a rerun takes it in, and replaces the report.
{% set first_day = macros.ds_add(task.day, -1) -%}
WITH newest_state AS (
{% include "sql/newest_state.sql" %}
)
SELECT
    product_name,
    count(*) AS orders,
    sum(quantity) AS units,
    sum(quantity * price) AS total_sales
FROM newest_state
WHERE order_date = DATE '{{ task.day }}'
GROUP BY product_name
ORDER BY total_sales DESC, product_name
