-- Which part of what came since the last merge was refused by the transform.
-- Grain: one row; what is judged is its first value, between 0 and 1.
-- Inputs: quarantined_records from the partition task.first_day on; the number of new rows.
-- Late data: a record counts by its arrival, a row by its change: near enough for a rate.
SELECT
    coalesce(CAST(failed AS double) / nullif(failed + {{ task.new_rows }}, 0), 0) AS rate,
    failed,
    failed + {{ task.new_rows }} AS records
FROM (
    SELECT count(*) AS failed
    FROM quarantined_records
    WHERE dt >= '{{ task.first_day }}' AND arrivaltimestamp >= {{ task.since_second * 1000 }}
) AS quarantined
