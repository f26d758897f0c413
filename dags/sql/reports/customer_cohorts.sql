-- Of the customers who came in a month, how many ordered in each month since.
-- Grain: one row per month of the first order (the last twelve) and month after it, up to the day.
-- Inputs: orders_current up to the day: three columns of its history.
-- Adds up: nothing
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
{% set days = "order_date <= DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
active AS (
    SELECT
        customer_id,
        date_trunc('month', order_date) AS month,
        min(date_trunc('month', min(order_date))) OVER (PARTITION BY customer_id) AS cohort
    FROM sold
    WHERE kept AND customer_id IS NOT NULL
    GROUP BY customer_id, date_trunc('month', order_date)
),
counted AS (
    SELECT cohort, date_diff('month', cohort, month) AS months_after, count(*) AS customers
    FROM active
    WHERE cohort >= date_add('month', -11, date_trunc('month', DATE '{{ task.day }}'))
    GROUP BY cohort, date_diff('month', cohort, month)
)
SELECT
    cohort, months_after, customers,
    first_value(customers) OVER (PARTITION BY cohort ORDER BY months_after) AS cohort_size,
    CAST(
        CAST(customers AS decimal(18, 4)) * 100
        / first_value(customers) OVER (PARTITION BY cohort ORDER BY months_after)
        AS decimal(5, 2)
    ) AS retention_percent
FROM counted
ORDER BY cohort, months_after
