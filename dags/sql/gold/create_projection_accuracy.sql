-- Past projections beside what was sold.
-- Grain: one row per as_of, level, name and measure, over those of its days that are known by now.
-- Inputs: none; insert_rows fills it.
-- Late data: a projection is judged anew for 35 days: its own 28, and a week for late changes.
CREATE TABLE IF NOT EXISTS projection_accuracy (
    as_of date COMMENT 'the last day of the history that was projected from',
    level string COMMENT 'total, category or product',
    name string COMMENT 'of the category or product, else total',
    measure string COMMENT 'revenue or units',
    days int COMMENT 'days that are known by now',
    projected decimal(38, 4) COMMENT 'sum over these days',
    actual decimal(38, 4) COMMENT 'what was sold on them',
    absolute_error double COMMENT 'the errors of all days without their sign, by what was sold',
    relative_error double COMMENT 'root mean squared error by that of the same day of the last week',
    coverage_80 double COMMENT 'share of days within the 80 % interval',
    coverage_95 double COMMENT 'share of days within the 95 % interval'
)
LOCATION 's3://{{ task.bucket }}/gold/projection_accuracy/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
