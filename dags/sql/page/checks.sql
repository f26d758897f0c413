-- What was checked before the changes of a day were merged, and found.
-- Grain: one row per check, with its last outcome.
-- Inputs: check_results and merged_days, the rows of the day's merges.
-- Late data: the checks of the merge that brought it are the last ones.
SELECT
    check_name,
    max_by(severity, checked_at) AS severity,
    max_by(outcome, checked_at) AS outcome,
    max_by(found, checked_at) AS found,
    max_by(sample, checked_at) AS sample
FROM check_results
WHERE run_id IN (SELECT run_id FROM merged_days WHERE order_date = DATE '{{ task.day }}')
GROUP BY check_name
ORDER BY check_name
