-- Notes which days have been reported.
-- Grain: one row per day.
-- Inputs: none; what the run has computed.
-- Late data: none.
INSERT INTO report_runs (day, merged_until, run_id, reported_at)
VALUES
{%- for day in task.days %}
    (DATE '{{ day }}', TIMESTAMP '{{ task.merged_until }}', '{{ run_id | replace("'", "''") }}', CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6))){{ "," if not loop.last }}
{%- endfor %}
