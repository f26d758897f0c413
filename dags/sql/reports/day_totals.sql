-- The day beside the day before and the same day of the week before.
-- Grain: one row per day, three; without an order, zeros.
-- Inputs: orders_current, the partitions of the three days.
-- Adds up: nothing
-- Late data: a late change to the day restates it; one to a day that it is compared with doesn't.
{% set compared = [task.day, macros.ds_add(task.day, -1), macros.ds_add(task.day, -7)] -%}
{% set days = "order_date IN (DATE '" ~ compared | join("', DATE '") ~ "')" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
totals AS (
    SELECT
        order_date,
{% include "sql/measures.sql" %},
        count(DISTINCT customer_id) AS customers,
        count(DISTINCT product_name) AS products
    FROM sold
    GROUP BY order_date
)
SELECT
    day, what,
    coalesce(orders, 0) AS orders,
    coalesce(units, 0) AS units,
    coalesce(total_sales, 0) AS total_sales,
    coalesce(net_orders, 0) AS net_orders,
    coalesce(net_units, 0) AS net_units,
    coalesce(net_sales, 0) AS net_sales,
    coalesce(customers, 0) AS customers,
    coalesce(products, 0) AS products,
    CAST(net_sales / nullif(net_orders, 0) AS decimal(38, 2)) AS average_basket,
    CAST(CAST(net_units AS decimal(38, 4)) / nullif(net_orders, 0) AS decimal(38, 2)) AS units_per_order
FROM (
    VALUES
        (DATE '{{ compared[0] }}', 'the day', 1),
        (DATE '{{ compared[1] }}', 'the day before', 2),
        (DATE '{{ compared[2] }}', 'a week before', 3)
) AS asked (day, what, position)
LEFT JOIN totals ON totals.order_date = asked.day
ORDER BY position
