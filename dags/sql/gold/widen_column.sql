-- Gives a column of an Iceberg table more digits, as its declaration has them by now.
-- Grain: none.
-- Inputs: task.table; task.widened, a column and its new type.
-- Late data: rows that are there keep their values.
ALTER TABLE {{ task.table }} CHANGE COLUMN {{ task.widened[0] }} {{ task.widened[0] }} {{ task.widened[1] }}
