-- How far silver has come.
-- Grain: one row.
-- Inputs: merges; orders, of which only the number of rows is asked.
-- Late data: none; a merge that is under way has no row yet.
SELECT
    max(newest) AS newest,
    max(complete_until) AS complete_until,
    (SELECT count(*) FROM orders) AS orders
FROM merges
