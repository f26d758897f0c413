-- Silver: every order in its newest state.
-- Grain: one row per order ever seen; of a removed one, its tombstone.
-- Inputs: none; merge_orders fills it. The columns are declared in salesflow.silver.
-- Late data: see merge_orders.
CREATE TABLE IF NOT EXISTS orders (
{%- for column in silver.ORDERS_COLUMNS %}
    {{ column.name }} {{ column.glue_type }}{{ "," if not loop.last }}
{%- endfor %}
)
PARTITIONED BY (order_date)
LOCATION 's3://{{ task.bucket }}/silver/orders/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
