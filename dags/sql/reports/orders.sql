-- All orders of the day.
-- Grain: one row per order that still exists, in its newest state.
-- Inputs: orders_changelog, from the day before on: a change arrives on its order's day or after.
-- Late data: a rerun takes it in, and replaces the report.
{% set first_day = macros.ds_add(task.day, -1) -%}
WITH newest_state AS (
{% include "sql/newest_state.sql" %}
)
SELECT
    orderid, order_ts, customer_id, product_name, category, brand_name, quantity, price,
    quantity * price AS total, channel, country, status
FROM newest_state
WHERE order_date = DATE '{{ task.day }}'
ORDER BY orderid
