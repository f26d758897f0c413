{# The day's sales by the column `dimension`, the best first; orders without one count as ''. -#}
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
