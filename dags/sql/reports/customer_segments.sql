-- Customers by recency and frequency, and what they spent, over the year up to the day.
-- Grain: one row per segment that has customers.
-- Inputs: orders_current, the 365 days up to the day: four columns.
-- Adds up: customers, orders, net_sales
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
-- Customers are cut into five equal parts by their last order and by their number of orders; 5 is
-- best. Cancelled and returned orders don't count.
{% set days = "order_date BETWEEN DATE '" ~ macros.ds_add(task.day, -364) ~ "' AND DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
customers AS (
    SELECT
        customer_id,
        date_diff('day', max(order_date), DATE '{{ task.day }}') AS days_since,
        count(*) AS orders,
        sum(total) AS spent
    FROM sold
    WHERE kept AND customer_id IS NOT NULL
    GROUP BY customer_id
),
scored AS (
    SELECT
        days_since, orders, spent,
        ntile(5) OVER (ORDER BY days_since DESC, customer_id) AS recency,
        ntile(5) OVER (ORDER BY orders, customer_id) AS frequency
    FROM customers
),
named AS (
    SELECT
        days_since, orders, spent,
        CASE
            WHEN recency >= 4 AND frequency >= 4 THEN 'champions'
            WHEN recency >= 3 AND frequency >= 3 THEN 'loyal'
            WHEN recency >= 4 THEN 'newcomers'
            WHEN recency = 3 THEN 'occasional'
            WHEN frequency >= 4 THEN 'at risk'
            ELSE 'dormant'
        END AS segment
    FROM scored
)
SELECT
    segment,
    count(*) AS customers,
    sum(orders) AS orders,
    sum(spent) AS net_sales,
    CAST(sum(spent) / count(*) AS decimal(38, 2)) AS spent_per_customer,
    CAST(CAST(sum(days_since) AS decimal(18, 4)) / count(*) AS decimal(18, 1)) AS days_since_last_order
FROM named
GROUP BY segment
ORDER BY net_sales DESC, segment
