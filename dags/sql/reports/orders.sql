-- All orders of the day.
-- Grain: one row per order that still exists, in its newest state.
-- Inputs: orders_current, the day's partition.
-- Adds up: quantity, total
-- Late data: a rerun takes in what was merged since, and replaces the report.
SELECT
    orderid, order_ts, customer_id, product_name, category, brand_name, quantity, price,
    quantity * price AS total, channel, country, status
FROM orders_current
WHERE order_date = DATE '{{ task.day }}'
ORDER BY orderid
