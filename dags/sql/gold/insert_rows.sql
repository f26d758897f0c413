-- Adds rows to one of the projection's tables; more than fit into a query come in several.
-- Grain: one row of that table.
-- Inputs: none; what the run has computed.
-- Late data: none.
INSERT INTO {{ task.table }} ({{ task.columns | join(", ") }})
SELECT
{%- for name, type in task.columns.items() %}
    CAST({{ name }} AS {{ type }}) AS {{ name }}{{ "," if not loop.last }}
{%- endfor %}
FROM (
VALUES
{{ task.values }}
) AS computed ({{ task.columns | join(", ") }})
