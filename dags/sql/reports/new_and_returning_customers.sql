-- The day's orders by whether their customer had ordered on an earlier day.
-- Grain: one row each for new, returning and unknown customers (orders without a customer_id).
-- Inputs: orders_current up to the day: two columns of its history.
-- Adds up: customers, orders, units, total_sales, net_sales
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
first_orders AS (
    SELECT customer_id, min(order_date) AS first_date
    FROM orders_current
    WHERE order_date <= DATE '{{ task.day }}' AND customer_id IS NOT NULL
    GROUP BY customer_id
),
told_apart AS (
    SELECT
        sold.customer_id, quantity, total, kept, orderid,
        CASE
            WHEN first_date IS NULL THEN 'unknown'
            WHEN first_date = DATE '{{ task.day }}' THEN 'new'
            ELSE 'returning'
        END AS kind
    FROM sold
    LEFT JOIN first_orders ON first_orders.customer_id = sold.customer_id
)
SELECT
    kinds.kind AS customers_are,
    count(DISTINCT customer_id) AS customers,
    count(orderid) AS orders,
    coalesce(sum(quantity), 0) AS units,
    coalesce(sum(total), 0) AS total_sales,
    coalesce(sum(total) FILTER (WHERE kept), 0) AS net_sales
FROM (VALUES ('new', 1), ('returning', 2), ('unknown', 3)) AS kinds (kind, position)
LEFT JOIN told_apart ON told_apart.kind = kinds.kind
GROUP BY kinds.kind, position
ORDER BY position
