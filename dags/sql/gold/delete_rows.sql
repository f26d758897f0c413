-- Makes room for the rows of the days as of which something is projected or judged again.
-- Grain: one row of one of the projection's tables.
-- Inputs: that table.
-- Late data: what it changes comes with the rows that replace these.
DELETE FROM {{ task.table }}
WHERE as_of BETWEEN DATE '{{ task.first }}' AND DATE '{{ task.last }}'
