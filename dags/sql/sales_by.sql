-- Not a report by itself: the day's sales by the column `dimension`, the best first (include).
-- Grain: one row per value, '' for orders without one.
-- Inputs: orders_current, the day's partition.
-- Late data: as in the report that includes it.
{% set days = "order_date = DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
)
SELECT
    coalesce({{ dimension }}, '') AS {{ dimension }},
{% include "sql/measures.sql" %}
FROM sold
GROUP BY coalesce({{ dimension }}, '')
ORDER BY net_sales DESC, {{ dimension }}
