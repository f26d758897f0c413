"""Which day is reported, and by which reports: the params of a run, as tasks."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import Param, task
from airflow.sdk.exceptions import AirflowFailException

from salesflow.reports import DayRefused, report_day


def day_param(description: str) -> Param:
    """The param that says which day; a text that is no date is refused when a run is triggered."""
    return Param(
        None, type=["null", "string"], format="date", description=f"YYYY-MM-DD (UTC), {description}"
    )


def reports_param(names: Sequence[str]) -> Param:
    """The param that says which reports; an unknown name is refused when a run is triggered."""
    return Param(
        None,
        type=["null", "array"],
        items={"type": "string", "enum": list(names)},
        minItems=1,
        uniqueItems=True,
        examples=list(names),
        description="Which reports are run, of the day alone; by default all",
    )


@task
def choose_reports(names: list[str], params: dict[str, Any]) -> list[str]:
    """The given reports, else all."""
    return params["reports"] or names


@task
def choose_day(params: dict[str, Any], dag_run: Any) -> str:
    """The given day, else that of the run's data interval, else the one before the run was due."""
    default = dag_run.data_interval_start or dag_run.run_after - timedelta(days=1)
    text = params["day"] or default.astimezone(UTC).date().isoformat()
    try:
        return report_day(text, datetime.now(UTC).date()).isoformat()
    except DayRefused as error:
        raise AirflowFailException(f"day: {error}") from error
