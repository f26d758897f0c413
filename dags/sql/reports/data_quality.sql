-- How fresh and how complete the day is: what changed on it, came late, or was left out.
-- Grain: one row. The day is that of the changes, not of the orders: these may be of earlier days.
-- Inputs: orders_changelog, the partitions of the day, of the hour before (an object is filed by its
-- oldest record) and of eight days after; quarantined_records, the day's partition; redrives;
-- rows_set_aside; the watermark.
-- Adds up: changes, inserted, modified, removed, orders_changed, late_changes, repeated, quarantined, redriven, set_aside
-- Late data: counted here once it has come, if the day is computed again for whatever reason; a
-- change restates the day of its order. late_changes came an hour or more after the day had ended.
-- complete_until ends with the day: a rerun of a whole day gives the same bytes. newest_change is the
-- last one before it, so it is in silver. quarantined are different records, redriven some of them.
WITH arrived AS (
{%- if task.has_changelog %}
    SELECT
        max(event_type) AS event_type, orderid, min(creation_time) AS creation_time,
        count(*) AS times, min(dt || '-' || hour) > '{{ macros.ds_add(task.day, 1) }}-00' AS late
    FROM orders_changelog
    WHERE dt >= '{{ macros.ds_add(task.day, -1) }}' AND dt <= '{{ macros.ds_add(task.day, 8) }}'
        AND (dt >= '{{ task.day }}' OR hour = '23')
        AND creation_time >= to_unixtime(TIMESTAMP '{{ task.day }} 00:00:00')
        AND creation_time < to_unixtime(TIMESTAMP '{{ macros.ds_add(task.day, 1) }} 00:00:00')
    GROUP BY orderid, event_id
{%- else %}
    SELECT '' AS event_type, '' AS orderid, 0 AS creation_time, 0 AS times, false AS late
    WHERE false -- nothing has ever arrived
{%- endif %}
),
known AS (
    SELECT {{ "TIMESTAMP '" ~ task.complete_until ~ "'" if task.complete_until else "CAST(NULL AS timestamp)" }} AS complete_until
),
changed AS (
    SELECT
        count(*) AS changes,
        count_if(event_type = 'INSERT') AS inserted,
        count_if(event_type = 'MODIFY') AS modified,
        count_if(event_type = 'REMOVE') AS removed,
        count(DISTINCT orderid) AS orders_changed,
        coalesce(sum(times), 0) - count(*) AS repeated,
        count_if(late) AS late_changes,
        CAST(
            from_unixtime(max(creation_time) FILTER (WHERE creation_time < to_unixtime(known.complete_until)))
            AT TIME ZONE 'UTC' AS timestamp
        ) AS newest_change
    FROM arrived
    CROSS JOIN known
),
refused AS (
    SELECT
        count(*) AS quarantined,
        count_if(payload_digest IN (SELECT payload_digest FROM redrives)) AS redriven
    FROM (
        SELECT DISTINCT lower(to_hex(sha256(from_base64(rawdata)))) AS payload_digest
        FROM quarantined_records
        WHERE dt = '{{ task.day }}'
    ) AS records
)
SELECT
    DATE '{{ task.day }}' AS day,
    complete_until,
    coalesce(complete_until >= TIMESTAMP '{{ macros.ds_add(task.day, 1) }} 00:00:00', false) AS is_complete,
    changes, inserted, modified, removed, orders_changed, late_changes, repeated, newest_change,
    quarantined, redriven,
    (SELECT count(*) FROM rows_set_aside WHERE path LIKE '%/dt={{ task.day }}/%') AS set_aside
FROM changed
CROSS JOIN known
CROSS JOIN refused
