-- The day's sales by brand, the best first.
-- Grain: one row per brand; '' stands for orders without one.
-- Inputs: orders_current, the day's partition.
-- Adds up: orders, units, total_sales, net_orders, net_units, net_sales
-- Late data: a late change restates the day.
{% set dimension = 'brand_name' -%}
{% include "sql/sales_by.sql" %}
