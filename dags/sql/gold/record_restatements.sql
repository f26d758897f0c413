-- Notes by how much reports differ from the versions that they replaced.
-- Grain: one row per report, day, version and column whose sum changed, or without column.
-- Inputs: none; the manifests of versions that find_restatements doesn't find.
-- Late data: none.
INSERT INTO restatements (
    report, day, version, column_name, sum_before, sum_after, difference, rows_gone, rows_new,
    run_id, restated_at
)
VALUES
{%- for change in task.changes %}
    (
        '{{ change.report }}', DATE '{{ change.day }}', {{ change.version }},
        {{ "'" ~ change.column ~ "'" if change.column else "NULL" }},
        {{ "CAST(" ~ change.before ~ " AS decimal(38, 4))" if change.column else "CAST(NULL AS decimal(38, 4))" }},
        {{ "CAST(" ~ change.after ~ " AS decimal(38, 4))" if change.column else "CAST(NULL AS decimal(38, 4))" }},
        {{ "CAST(" ~ change.difference ~ " AS decimal(38, 4))" if change.column else "CAST(NULL AS decimal(38, 4))" }},
        {{ change.rows_gone }}, {{ change.rows_new }},
        '{{ run_id | replace("'", "''") }}',
        CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6))
    ){{ "," if not loop.last }}
{%- endfor %}
