-- How many different products were sold on the day, and which; so of those that no catalogue knows.
-- Grain: one row.
-- Inputs: orders_current, the day's partition; products.
-- Adds up: unique_products, not_in_catalogue
-- Late data: a rerun takes in what was merged since, and replaces the report.
SELECT
    count(DISTINCT product_name) AS unique_products,
    array_join(array_sort(array_agg(DISTINCT product_name)), ', ') AS product_names,
    count(DISTINCT product_name) FILTER (WHERE NOT in_catalogue) AS not_in_catalogue,
    array_join(
        array_sort(array_agg(DISTINCT product_name) FILTER (WHERE NOT in_catalogue)), ', '
    ) AS names_not_in_catalogue
FROM (
    SELECT orders_current.product_name, products.name IS NOT NULL AS in_catalogue
    FROM orders_current
    LEFT JOIN products ON products.name = orders_current.product_name
    WHERE order_date = DATE '{{ task.day }}'
) AS sold
