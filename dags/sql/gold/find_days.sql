-- The days to report: the given one, and earlier reported ones that merges have touched since.
-- Grain: one row per day; merged_until is the same in all: the last merge that will be known to all
-- its reports, so empty in a run of some.
-- Inputs: merges, merged_days, report_runs.
-- Late data: found here, by the merges that brought it. A run of some
-- reports restates no other day.
SELECT CAST(day AS varchar) AS day, CAST({{ "NULL" if params.reports else "merged_until" }} AS varchar) AS merged_until
FROM (
    SELECT DATE '{{ task.day }}' AS day
{%- if params.restate and not params.reports and dag_run.run_type != 'backfill' %}
    UNION
    SELECT touched.order_date
    FROM (
        SELECT order_date, max(merged_at) AS merged_at
        FROM merged_days
        GROUP BY order_date
    ) AS touched
    JOIN (
        SELECT day, max(merged_until) AS merged_until
        FROM report_runs
        GROUP BY day
    ) AS reported ON reported.day = touched.order_date
    WHERE touched.merged_at > reported.merged_until
{%- endif %}
) AS days
CROSS JOIN (SELECT max(merged_at) AS merged_until FROM merges) AS merged
ORDER BY days.day = DATE '{{ task.day }}' DESC, days.day
