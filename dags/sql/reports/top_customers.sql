-- The customers who spent most in the 30 days up to the day.
-- Grain: one row per customer, 20 at most.
-- Inputs: orders_current, the partitions of the 30 days.
-- Adds up: nothing
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
{% set days = "order_date BETWEEN DATE '" ~ macros.ds_add(task.day, -29) ~ "' AND DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    customer_id,
    count(*) AS net_orders,
    sum(quantity) AS net_units,
    sum(total) AS net_sales,
    max(order_date) AS last_order
FROM sold
WHERE kept AND customer_id IS NOT NULL
GROUP BY customer_id
ORDER BY net_sales DESC, customer_id
LIMIT 20
