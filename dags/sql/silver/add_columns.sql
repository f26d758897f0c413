-- Gives silver the columns that were declared since it was made.
-- Grain: none.
-- Inputs: task.columns, from salesflow.silver.
-- Late data: rows that are there have NULL in them, until the runbook's UPDATE fills them.
ALTER TABLE orders ADD COLUMNS (
{%- for column in task.columns %}
    {{ column.name }} {{ column.glue_type }}{{ "," if not loop.last }}
{%- endfor %}
)
