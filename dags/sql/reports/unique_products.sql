-- How many different products were sold on the day, and which.
-- Grain: one row.
-- Inputs: orders_current, the day's partition.
-- Late data: a rerun takes in what was merged since, and replaces the report.
SELECT
    count(DISTINCT product_name) AS unique_products,
    array_join(array_sort(array_agg(DISTINCT product_name)), ', ') AS product_names
FROM orders_current
WHERE order_date = DATE '{{ task.day }}'
