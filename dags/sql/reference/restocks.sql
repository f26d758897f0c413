-- What the warehouse ordered, and when it arrives.
-- Grain: one row per order of the warehouse: a product on a day.
-- Inputs: the objects that runs of the generator write.
-- Late data: seen as soon as it is there.
CREATE EXTERNAL TABLE IF NOT EXISTS restocks (
    product_name string COMMENT 'the gadget, as the catalogue names it',
    units int COMMENT 'pieces',
    ordered_on date COMMENT 'when the warehouse ordered them',
    received_on date COMMENT 'when they arrive'
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://{{ task.bucket }}/bronze/restocks/'
