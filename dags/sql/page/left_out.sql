-- How much is not in the figures, as it waits in quarantine or was set aside.
-- Grain: one row.
-- Inputs: quarantine, rows_set_aside.
-- Late data: counted when it is there.
SELECT
    (SELECT count(*) FROM quarantine WHERE waiting) AS quarantined,
    (SELECT count(*) FROM rows_set_aside) AS set_aside
