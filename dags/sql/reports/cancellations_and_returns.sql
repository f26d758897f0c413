-- What came to nothing of the day's orders, by product, the costliest first.
-- Grain: one row per product of which something was cancelled or returned.
-- Inputs: orders_current, the day's partition.
-- Adds up: cancelled, cancelled_sales, returned, returned_sales
-- Late data: a return comes days after its order, and restates the order's day.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    product_name,
    count(*) AS orders,
    count_if(status = 'cancelled') AS cancelled,
    coalesce(sum(total) FILTER (WHERE status = 'cancelled'), 0) AS cancelled_sales,
    count_if(status = 'returned') AS returned,
    coalesce(sum(total) FILTER (WHERE status = 'returned'), 0) AS returned_sales,
    CAST(CAST(count_if(NOT kept) AS decimal(18, 4)) * 100 / count(*) AS decimal(5, 2)) AS percent_of_orders
FROM sold
GROUP BY product_name
HAVING count_if(NOT kept) > 0
ORDER BY cancelled_sales + returned_sales DESC, product_name
