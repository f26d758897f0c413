-- Notes that a merge is finished: only now does the watermark move.
-- Grain: one row.
-- Inputs: none; what the run has found and merged.
-- Late data: an object that came after task.newest is taken in by the next run.
INSERT INTO merges (run_id, merged_at, newest, complete_until, first_dt, last_dt, changes, orders)
VALUES (
    '{{ run_id | replace("'", "''") }}',
    CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
    {{ task.newest }},
    {{ task.complete_until }},
    {{ task.first_dt }},
    {{ task.last_dt }},
    {{ task.merged.changes }},
    {{ task.merged.orders }}
)
