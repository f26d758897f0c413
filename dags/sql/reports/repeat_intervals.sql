-- How long customers took to order again, over the year up to the day.
-- Grain: one row per span of days between two orders of a customer that follow each other.
-- Inputs: orders_current, the 365 days up to the day: two columns.
-- Adds up: repeats
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
{% set days = "order_date BETWEEN DATE '" ~ macros.ds_add(task.day, -364) ~ "' AND DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
gaps AS (
    SELECT
        date_diff(
            'day',
            lag(order_date) OVER (PARTITION BY customer_id ORDER BY order_date, orderid),
            order_date
        ) AS days
    FROM sold
    WHERE kept AND customer_id IS NOT NULL
)
SELECT
    from_days, to_days,
    count(days) AS repeats,
    CAST(
        CAST(count(days) AS decimal(18, 4)) * 100 / nullif(sum(count(days)) OVER (), 0)
        AS decimal(5, 2)
    ) AS percent
FROM (
    VALUES (0, 0), (1, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 364)
) AS spans (from_days, to_days)
LEFT JOIN gaps ON days BETWEEN from_days AND to_days
GROUP BY from_days, to_days
ORDER BY from_days
