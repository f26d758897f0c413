-- Merges the new changes into silver.
-- Grain: one row per order ever seen; a removed order keeps its last values, as a tombstone.
-- Inputs: the partitions of orders_changelog that task.new_partitions selects; orders.
-- Late data: the highest sequence number wins, so a late or repeated change brings nothing back.
-- One that is earlier than all that were known only says when the order first changed, and so
-- dates it anew if it has no order_ts. Of changes that were made anew with one number, the last.
-- A statement may write to 100 partitions: with task.until, orders dated later wait for the next.
{% set order_date -%}
coalesce(CAST(change.order_ts AS date), CAST(least(kept.first_changed_at, change.first_changed_at) AS date))
{%- endset -%}
{% set is_newer -%}
(
    change.last_sequence_number > kept.last_sequence_number
    OR change.last_sequence_number = kept.last_sequence_number AND (
        change.changed_at > kept.changed_at
        OR change.changed_at = kept.changed_at AND change.last_event_id > kept.last_event_id
    )
)
{%- endset -%}
MERGE INTO orders AS kept
USING (
{% include "sql/silver/new_changes.sql" %}
) AS change
ON kept.orderid = change.orderid
WHEN MATCHED AND {{ is_newer }}
{%- if task.until %} AND {{ order_date }} <= DATE '{{ task.until }}'{% endif %} THEN UPDATE SET
{%- for column in silver.STATE_COLUMNS if column.name != "orderid" %}
    {{ column.name }} = change.{{ column.name }},
{%- endfor %}
    first_changed_at = least(kept.first_changed_at, change.first_changed_at),
    merged_at = CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
    order_date = {{ order_date }}
WHEN MATCHED AND NOT {{ is_newer }} AND change.first_changed_at < kept.first_changed_at
{%- if task.until %} AND {{ order_date }} <= DATE '{{ task.until }}'{% endif %} THEN UPDATE SET
    first_changed_at = change.first_changed_at,
    merged_at = CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
    order_date = coalesce(CAST(kept.order_ts AS date), CAST(change.first_changed_at AS date))
WHEN NOT MATCHED{% if task.until %} AND change.order_date <= DATE '{{ task.until }}'{% endif %} THEN INSERT (
{%- for column in silver.STATE_COLUMNS %}
    {{ column.name }},
{%- endfor %}
    first_changed_at, merged_at, order_date
) VALUES (
{%- for column in silver.STATE_COLUMNS %}
    change.{{ column.name }},
{%- endfor %}
    change.first_changed_at, CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)), change.order_date
)
