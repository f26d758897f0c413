-- Sets aside the new rows that break a rule: from now on they stop no merge, and are in none.
-- Grain: one row per faulty row that isn't set aside yet.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; rows_set_aside.
-- Late data: a faulty row that comes later is another decision.
INSERT INTO rows_set_aside (event_id, orderid, problem, path, set_aside_at, run_id)
SELECT DISTINCT
    coalesce(event_id, ''), coalesce(orderid, ''), problem, path,
    CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
    '{{ run_id | replace("'", "''") }}'
FROM (
{% include "sql/gate/judged_rows.sql" %}
) AS rows_of_run
WHERE problem IS NOT NULL
