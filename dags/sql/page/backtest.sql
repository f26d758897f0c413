-- What the newest projection that knows nothing of what came after a day is worth.
-- Grain: one row per level, name and measure.
-- Inputs: projection_backtest, sales_projection.
-- Late data: none; a projection stays as it was made.
SELECT
    as_of, level, name, measure, model, relative_error, relative_error_unseen, coverage_80,
    coverage_95, folds
FROM projection_backtest
WHERE as_of = (SELECT max(as_of) FROM sales_projection WHERE as_of <= DATE '{{ task.day }}')
ORDER BY measure, level, name
