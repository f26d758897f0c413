-- The day's products by rank, and how the rank has changed since the day before.
-- Grain: one row per product that was sold on the day; previous_rank is empty for a newcomer.
-- Inputs: orders_current, the partitions of the day and of the day before.
-- Adds up: net_units, net_sales
-- Late data: a late change to the day restates it; one to the day before doesn't.
{% set before = macros.ds_add(task.day, -1) -%}
{% set days = "order_date IN (DATE '" ~ task.day ~ "', DATE '" ~ before ~ "')" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
by_product AS (
    SELECT
        order_date, product_name,
{% include "sql/measures.sql" %}
    FROM sold
    GROUP BY order_date, product_name
),
ranked AS (
    SELECT
        order_date, product_name, net_units, net_sales,
        rank() OVER (PARTITION BY order_date ORDER BY net_sales DESC, product_name) AS place
    FROM by_product
)
SELECT
    today.place AS rank,
    yesterday.place AS previous_rank,
    yesterday.place - today.place AS places_gained,
    today.product_name, today.net_units, today.net_sales
FROM ranked AS today
LEFT JOIN ranked AS yesterday
    ON yesterday.product_name = today.product_name AND yesterday.order_date = DATE '{{ before }}'
WHERE today.order_date = DATE '{{ task.day }}'
ORDER BY today.place
