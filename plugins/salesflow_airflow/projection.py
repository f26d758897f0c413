"""Which day the sales are projected from, as a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from salesflow.reports import DayRefused, report_day


@task
def choose_last_day(params: dict[str, Any], dag_run: Any) -> str:
    """The given day, else the one before the run was due; it has to be over."""
    default = dag_run.run_after.astimezone(UTC).date() - timedelta(days=1)
    today = datetime.now(UTC).date()
    try:
        day = report_day(params["day"] or default.isoformat(), today)
    except DayRefused as error:
        raise AirflowFailException(f"day: {error}") from error
    if day == today:
        raise AirflowFailException(f"day: {day} isn't over (UTC): project from a whole day")
    return day.isoformat()
