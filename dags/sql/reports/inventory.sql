-- What lies in the warehouse at the end of the day, how long it lasts, and what to order.
-- Grain: one row per product of the catalogue, and per other product that was ever sold, for which
-- nothing but the sales is known (in_catalogue is false).
-- Inputs: orders_current up to the day: three columns of its history; products; restocks.
-- Adds up: opening_stock, restocked, sold, stock, on_order, reorder_units
-- Late data: a late change to the day restates it; one to an earlier day doesn't.
-- stock = opening_stock + restocked - sold, where sold leaves out what was cancelled or returned.
-- It lasts as long as it would at the rate of the last 28 days.
{% set days = "order_date <= DATE '" ~ task.day ~ "'" -%}
WITH sold AS (
{% include "sql/sold.sql" %}
),
gone AS (
    SELECT
        product_name,
        sum(quantity) AS sold,
        coalesce(
            sum(quantity) FILTER (WHERE order_date > DATE '{{ macros.ds_add(task.day, -28) }}'), 0
        ) AS sold_in_28_days
    FROM sold
    WHERE kept
    GROUP BY product_name
),
come AS (
    SELECT
        product_name,
        coalesce(sum(units) FILTER (WHERE received_on <= DATE '{{ task.day }}'), 0) AS restocked,
        coalesce(sum(units) FILTER (WHERE received_on > DATE '{{ task.day }}'), 0) AS on_order,
        min(received_on) FILTER (WHERE received_on > DATE '{{ task.day }}') AS next_arrival
    FROM restocks
    WHERE ordered_on <= DATE '{{ task.day }}'
    GROUP BY product_name
),
stocked AS (
    SELECT
        coalesce(products.name, gone.product_name) AS product_name,
        products.name IS NOT NULL AS in_catalogue,
        opening_stock, reorder_point, lead_time_days,
        coalesce(restocked, 0) AS restocked,
        coalesce(sold, 0) AS sold,
        coalesce(sold_in_28_days, 0) AS sold_in_28_days,
        opening_stock + coalesce(restocked, 0) - coalesce(sold, 0) AS stock,
        coalesce(on_order, 0) AS on_order,
        next_arrival
    FROM products
    FULL JOIN gone ON gone.product_name = products.name
    LEFT JOIN come ON come.product_name = products.name
),
covered AS (
    SELECT
        product_name, in_catalogue, opening_stock, reorder_point, lead_time_days, restocked, sold,
        sold_in_28_days, stock, on_order, next_arrival,
        greatest(stock, 0) * 28 / nullif(sold_in_28_days, 0) AS days_of_cover
    FROM stocked
)
SELECT
    product_name, in_catalogue, opening_stock, restocked, sold, stock, on_order, next_arrival,
    CAST(CAST(sold_in_28_days AS decimal(38, 4)) / 28 AS decimal(38, 2)) AS sold_per_day,
    days_of_cover,
    date_add('day', days_of_cover, DATE '{{ task.day }}') AS stock_out_date,
    reorder_point, lead_time_days,
    stock + on_order <= reorder_point AS reorder,
    CASE WHEN stock + on_order <= reorder_point THEN opening_stock - stock - on_order END
        AS reorder_units
FROM covered
ORDER BY in_catalogue, days_of_cover NULLS LAST, product_name
