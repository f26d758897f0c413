-- Notes which order dates a merge is about to touch: before it does, so that none is forgotten if it
-- doesn't finish.
-- Grain: one row per order date.
-- Inputs: none; what the run has found.
-- Late data: none.
INSERT INTO merged_days (run_id, merged_at, order_date)
VALUES
{%- for day in task.touched %}
    (
        '{{ run_id | replace("'", "''") }}',
        CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
        DATE '{{ day }}'
    ){{ "," if not loop.last }}
{%- endfor %}
