-- The newest projection that knows nothing of what came after a day.
-- Grain: one row per day to come, level, name and measure.
-- Inputs: sales_projection.
-- Late data: none; a projection stays as it was made.
SELECT
    as_of, day, level, name, measure, projected, low_80, high_80, low_95, high_95, model
FROM sales_projection
WHERE as_of = (SELECT max(as_of) FROM sales_projection WHERE as_of <= DATE '{{ task.day }}')
ORDER BY measure, level, name, day
