-- How many different products were sold on the day, and which.
-- Grain: one row.
-- Inputs: orders_changelog, from the day before on: a change arrives on its order's day or after.
-- Late data: a rerun takes it in, and replaces the report.
{% set first_day = macros.ds_add(task.day, -1) -%}
WITH newest_state AS (
{% include "sql/newest_state.sql" %}
)
SELECT
    count(DISTINCT product_name) AS unique_products,
    array_join(array_sort(array_agg(DISTINCT product_name)), ', ') AS product_names
FROM newest_state
WHERE order_date = DATE '{{ task.day }}'
