-- Rows of the changelog that no consumer could use; there should be none.
-- Grain: one row per faulty row, 20 at most.
-- Inputs: the partitions of orders_changelog from task.first_day on.
-- Late data: rows are checked by the run that finds them, by their partition of arrival.
SELECT problem, orderid, event_id, sequence_number, dt, hour, path
FROM (
    SELECT
        orderid, event_id, sequence_number, dt, hour, "$path" AS path,
{% include "sql/row_problem.sql" %} AS problem
    FROM orders_changelog
    WHERE dt >= '{{ task.first_day }}'
) AS judged
WHERE problem IS NOT NULL
LIMIT 20
