"""Which day is reported, as a task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from salesflow.reports import DayRefused, report_day


@task
def choose_day(params: dict[str, Any], dag_run: Any) -> str:
    """The given day, else that of the run's data interval, else the one before the run was due."""
    default = dag_run.data_interval_start or dag_run.run_after - timedelta(days=1)
    text = params["day"] or default.astimezone(UTC).date().isoformat()
    try:
        return report_day(text, datetime.now(UTC).date()).isoformat()
    except DayRefused as error:
        raise AirflowFailException(f"day: {error}") from error
