-- The versions of reports of which it is noted already by how much they changed.
-- Grain: one row per report, day and version.
-- Inputs: restatements.
-- Late data: this is what is told here.
SELECT DISTINCT report, CAST(day AS varchar) AS day, version
FROM restatements
WHERE day IN (DATE '{{ task.days | join("', DATE '") }}')
