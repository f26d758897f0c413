-- The day's sales by category, the best first.
-- Grain: one row per category; '' stands for orders without one.
-- Inputs: orders_current, the day's partition.
-- Adds up: orders, units, total_sales, net_orders, net_units, net_sales
-- Late data: a late change restates the day.
{% set dimension = 'category' -%}
{% include "sql/sales_by.sql" %}
