-- What the days to come may bring, as it looked at the end of a day.
-- Grain: one row per as_of, day, level, name and measure.
-- Inputs: none; insert_rows fills it.
-- Late data: projecting as of the same day again replaces its rows.
CREATE TABLE IF NOT EXISTS sales_projection (
    as_of date COMMENT 'the last day of the history that was projected from',
    day date COMMENT 'the day that is projected, one of the 28 after as_of',
    level string COMMENT 'total, category or product',
    name string COMMENT 'of the category or product, else total',
    measure string COMMENT 'revenue or units, both without cancelled and returned orders',
    projected decimal(38, 4) COMMENT 'the expectation, products add up to categories and total',
    low_80 decimal(38, 4) COMMENT 'lower end of the 80 % interval',
    high_80 decimal(38, 4) COMMENT 'upper end of the 80 % interval',
    low_95 decimal(38, 4) COMMENT 'lower end of the 95 % interval',
    high_95 decimal(38, 4) COMMENT 'upper end of the 95 % interval',
    model string COMMENT 'what projected it'
)
PARTITIONED BY (as_of)
LOCATION 's3://{{ task.bucket }}/gold/sales_projection/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
