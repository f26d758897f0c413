-- Not a statement: existing orders with their worth, for WITH ... AS (include).
-- Grain: one row per order, in its newest state.
-- Inputs: orders_current, the rows for which the text `days` holds, a condition on order_date.
-- Late data: as in the report that includes it.
-- `kept` is false for what came to nothing: such an order was cancelled or returned.
SELECT
    orderid, customer_id, product_name, category, brand_name, quantity, price,
    quantity * price AS total, channel, country, status, order_ts, order_date,
    coalesce(status, '') NOT IN ('cancelled', 'returned') AS kept
FROM orders_current
WHERE {{ days }}
