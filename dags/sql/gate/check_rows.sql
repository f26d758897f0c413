-- How many of the new rows break a rule; none may.
-- Grain: one row; what is judged is its first value.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; rows_set_aside.
-- Late data: a row counts as new if it is of a change since task.since_second.
SELECT
    count(problem) AS broken,
    count_if(creation_time >= {{ task.since_second }}) AS new_rows,
    count(DISTINCT CASE WHEN creation_time >= {{ task.since_second }} THEN orderid END) AS new_orders
FROM (
{% include "sql/gate/judged_rows.sql" %}
) AS rows_of_run
