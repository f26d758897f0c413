-- How right a projection would have been in the past.
-- Grain: one row per as_of, level, name and measure.
-- Inputs: none; insert_rows fills it.
-- Late data: projecting as of the same day again replaces its rows.
CREATE TABLE IF NOT EXISTS projection_backtest (
    as_of date COMMENT 'the last day of the history that was projected from',
    level string COMMENT 'total, category or product',
    name string COMMENT 'of the category or product, else total',
    measure string COMMENT 'revenue or units',
    model string COMMENT 'the chosen one',
    relative_error double COMMENT 'root mean squared error by that of the same day of the last week',
    relative_error_unseen double COMMENT 'the same of the models that were the best ones by then',
    coverage_80 double COMMENT 'share of days within the 80 % interval',
    coverage_95 double COMMENT 'share of days within the 95 % interval',
    folds int COMMENT 'past days as of which was projected for the last three'
)
PARTITIONED BY (as_of)
LOCATION 's3://{{ task.bucket }}/gold/projection_backtest/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
