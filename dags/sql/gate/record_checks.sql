-- Records what the checks of a run found, before the gate lets it pass or not.
-- Grain: one row per check.
-- Inputs: none; the outcomes of the checks.
-- Late data: none.
INSERT INTO check_results (run_id, checked_at, check_name, severity, outcome, found, sample)
VALUES
{%- for outcome in task.results %}
    (
        {{ quality.text_literal(run_id) }},
        CAST(current_timestamp AT TIME ZONE 'UTC' AS timestamp(6)),
        {{ quality.text_literal(outcome.check_name) }},
        {{ quality.text_literal(outcome.severity) }},
        {{ quality.text_literal(outcome.outcome) }},
        {{ outcome.found }},
        {{ quality.text_literal(outcome.sample) }}
    ){{ "," if not loop.last }}
{%- endfor %}
