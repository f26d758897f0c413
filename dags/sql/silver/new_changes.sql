-- Not a statement: what the new changes say of each order (include).
-- Grain: one row per order: its newest change, and the time of its earliest.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects.
-- Late data: rows may have come twice and in any order; rows that break a rule are left out.
SELECT
{%- for attribute in silver.ATTRIBUTES %}
    {{ attribute.name }},
{%- endfor %}
    attributes,
    event_type = 'REMOVE' AS is_deleted,
    CAST(from_unixtime(creation_time) AT TIME ZONE 'UTC' AS timestamp(6)) AS changed_at,
    CAST(from_unixtime(first_creation_time) AT TIME ZONE 'UTC' AS timestamp(6)) AS first_changed_at,
    event_id AS last_event_id,
    last_sequence_number,
    coalesce(
        CAST(order_ts AS date), CAST(from_unixtime(first_creation_time) AT TIME ZONE 'UTC' AS date)
    ) AS order_date,
    changes
FROM (
    SELECT
        typed_changes.*,
        row_number() OVER (
            PARTITION BY orderid
            ORDER BY last_sequence_number DESC, creation_time DESC, event_id DESC
        ) AS age,
        min(creation_time) OVER (PARTITION BY orderid) AS first_creation_time,
        count(*) OVER (PARTITION BY orderid) AS changes
    FROM (
        SELECT
{%- for attribute in silver.ATTRIBUTES %}
            {{ silver.typed(attribute) }} AS {{ attribute.name }},
{%- endfor %}
            attributes, event_type, event_id, creation_time,
            lpad(sequence_number, 40, '0') AS last_sequence_number,
            row_number() OVER (PARTITION BY orderid, event_id ORDER BY creation_time) AS copy
        FROM orders_changelog
        WHERE {{ task.new_partitions }} AND (
{% include "sql/row_problem.sql" %}
        ) IS NULL
    ) AS typed_changes
    WHERE copy = 1
) AS changes
WHERE age = 1
