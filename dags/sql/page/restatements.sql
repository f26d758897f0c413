-- How a day was restated, and what was restated on the day after it, when its page is due.
-- Grain: one row per report, day, version and column; once, however often it was recorded.
-- Inputs: restatements.
-- Late data: this is what is told here.
SELECT DISTINCT
    report, day, version, column_name, sum_before, sum_after, difference, rows_gone, rows_new
FROM restatements
WHERE day = DATE '{{ task.day }}'
    OR CAST(restated_at AS date) = DATE '{{ macros.ds_add(task.day, 1) }}'
