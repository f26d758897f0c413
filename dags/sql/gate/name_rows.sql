-- Which of the new rows break a rule.
-- Grain: one row per faulty row, of each problem 5 at most; found is how many have it.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; rows_set_aside.
-- Late data: as check_rows.
SELECT problem, found, orderid, event_id, path
FROM (
    SELECT
        problem, orderid, event_id, path,
        count(*) OVER (PARTITION BY problem) AS found,
        row_number() OVER (PARTITION BY problem ORDER BY path, orderid, event_id) AS place
    FROM (
{% include "sql/gate/judged_rows.sql" %}
    ) AS rows_of_run
    WHERE problem IS NOT NULL
) AS faulty
WHERE place <= 5
ORDER BY problem, place
