-- What the eight weeks up to a day have brought, without what was cancelled or returned.
-- Grain: one row per day on which something was sold.
-- Inputs: orders_current, the partitions of the eight weeks.
-- Late data: in the figures of its day.
{% set days = "order_date BETWEEN DATE '" ~ macros.ds_add(task.day, -55) ~ "' AND DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT order_date AS day, sum(total) AS revenue, sum(quantity) AS units
FROM sold
WHERE kept
GROUP BY order_date
ORDER BY order_date
