-- The day's newest ten orders of products that cost more than 100.
-- Grain: one row per order, ten at most.
-- Inputs: orders_changelog, from the day before on: a change arrives on its order's day or after.
-- Late data: a rerun takes it in, and replaces the report.
{% set first_day = macros.ds_add(task.day, -1) -%}
WITH newest_state AS (
{% include "sql/newest_state.sql" %}
)
SELECT orderid, order_ts, product_name, brand_name, quantity, price, status
FROM newest_state
WHERE order_date = DATE '{{ task.day }}' AND price > 100
ORDER BY orderid DESC
LIMIT 10
