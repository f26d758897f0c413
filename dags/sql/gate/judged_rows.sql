-- Not a statement: the rows of the new partitions, each with what is wrong with it (include).
-- Grain: one row per row of the changelog; problem is NULL if it is good, or set aside.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; rows_set_aside.
-- Late data: rows of a partition that were judged by an earlier run are judged again with it.
SELECT
    judged.orderid, judged.event_id, judged.creation_time, judged.path,
    CASE WHEN aside.path IS NULL THEN judged.problem END AS problem
FROM (
    SELECT
        orderid, event_id, creation_time, "$path" AS path,
{% include "sql/row_problem.sql" %} AS problem
    FROM orders_changelog
    WHERE {{ task.new_partitions }}
) AS judged
LEFT JOIN (
    SELECT DISTINCT path, event_id, orderid, problem FROM rows_set_aside
) AS aside
    ON aside.path = judged.path
    AND aside.event_id = coalesce(judged.event_id, '')
    AND aside.orderid = coalesce(judged.orderid, '')
    AND aside.problem = judged.problem
