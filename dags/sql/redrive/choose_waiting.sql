-- The quarantined payloads that a run redrives: those that wait, or some of them.
-- Grain: one row per distinct payload, with the object in which its last failure is.
-- Inputs: quarantine.
-- Late data: what fails after this was asked waits for the next run.
SELECT payload_digest, times, path
FROM quarantine
WHERE waiting
{%- if params.since %}
    AND last_failed_at >= TIMESTAMP '{{ params.since }} 00:00:00'
{%- endif %}
{%- if params.reason %}
    AND strpos(reason, '{{ params.reason | replace("'", "''") }}') > 0
{%- endif %}
{%- if params.orderid %}
    AND orderid = '{{ params.orderid | replace("'", "''") }}'
{%- endif %}
ORDER BY path
