-- The history that is projected: what was sold each day, without cancelled and returned orders.
-- Grain: one row per day, product and category.
-- Inputs: orders_current, the partitions of three years; sales_projection, for its newest as_of.
-- Late data: read anew by each run. Where later days have been projected from, they are known too.
{% set days -%}
order_date > DATE '{{ task.day }}' - INTERVAL '3' YEAR
    AND order_date <= (
        SELECT greatest(coalesce(max(as_of), DATE '{{ task.day }}'), DATE '{{ task.day }}')
        FROM sales_projection
    )
{%- endset -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    CAST(order_date AS varchar) AS day,
    product_name,
    category,
    sum(quantity) AS units,
    sum(total) AS revenue
FROM sold
WHERE kept
GROUP BY order_date, product_name, category
ORDER BY order_date, product_name, category
