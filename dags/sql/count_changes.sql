-- The number of different changes that were made while somebody says that they wrote.
-- Grain: one row.
-- Inputs: the partitions of orders_changelog from the day of the first write on.
-- Late data: what has not arrived isn't counted; that is what the count is for.
SELECT count(DISTINCT event_id) AS changes
FROM orders_changelog
WHERE dt >= '{{ task.first_day }}'
  AND creation_time BETWEEN {{ task.first_second }} AND {{ task.last_second }}
