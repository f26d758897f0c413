-- The projections that are held against what came, and the last day of which that is known.
-- Grain: one row per as_of, day, level, name and measure.
-- Inputs: sales_projection.
-- Late data: none.
WITH known AS (
    SELECT greatest(max(as_of), DATE '{{ task.day }}') AS until FROM sales_projection
)
SELECT
    as_of, day, level, name, measure, projected, low_80, high_80, low_95, high_95, model,
    known.until AS known_until
FROM sales_projection
CROSS JOIN known
WHERE as_of >= date_add('day', -{{ task.judged_days }}, known.until)
    AND as_of < known.until AND day <= known.until
ORDER BY as_of, day, level, name, measure
