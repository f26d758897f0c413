-- The view of the orders that exist, in their newest state.
-- Grain: one row per order.
-- Inputs: orders.
-- Late data: seen as soon as it is merged. A query that names order_date reads only those days.
CREATE OR REPLACE VIEW orders_current AS
SELECT
{%- for attribute in silver.ATTRIBUTES %}
    {{ attribute.name }},
{%- endfor %}
    order_date, attributes, changed_at, last_event_id AS event_id,
    last_sequence_number AS sequence_number
FROM orders
WHERE NOT is_deleted
