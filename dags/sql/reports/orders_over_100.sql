-- The day's newest ten orders of products that cost more than 100.
-- Grain: one row per order, ten at most.
-- Inputs: orders_current, the day's partition.
-- Adds up: nothing
-- Late data: a rerun takes in what was merged since, and replaces the report.
SELECT orderid, order_ts, product_name, brand_name, quantity, price, status
FROM orders_current
WHERE order_date = DATE '{{ task.day }}' AND price > 100
ORDER BY orderid DESC
LIMIT 10
