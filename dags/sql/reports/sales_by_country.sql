-- The day's sales by country, the best first.
-- Grain: one row per country; '' stands for orders without one.
-- Inputs: orders_current, the day's partition.
-- Adds up: orders, units, total_sales, net_orders, net_units, net_sales
-- Late data: a late change restates the day.
{% set dimension = 'country' -%}
{% include "sql/sales_by.sql" %}
