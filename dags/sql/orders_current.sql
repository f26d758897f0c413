-- The view of the newest state of every order that still exists.
-- Grain: one row per order.
-- Inputs: orders_changelog, all of it: an order may have changed last at any time.
-- Late data: seen as soon as its partition is known; the newest sequence number wins.
{% set first_day = '' -%}
CREATE OR REPLACE VIEW orders_current AS
{% include "sql/newest_state.sql" %}
