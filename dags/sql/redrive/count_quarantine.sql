-- What is in the quarantine.
-- Grain: one row.
-- Inputs: quarantine.
-- Late data: counted when its object is there.
SELECT
    count(*) AS payloads,
    coalesce(sum(times), 0) AS failures,
    count_if(waiting) AS waiting
FROM quarantine
