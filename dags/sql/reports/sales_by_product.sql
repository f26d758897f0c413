-- The day's sales by product, the best first.
-- Grain: one row per product.
-- Inputs: orders_current, the day's partition.
-- Late data: a rerun takes in what was merged since, and replaces the report.
SELECT
    product_name,
    count(*) AS orders,
    sum(quantity) AS units,
    sum(quantity * price) AS total_sales
FROM orders_current
WHERE order_date = DATE '{{ task.day }}'
GROUP BY product_name
ORDER BY total_sales DESC, product_name
