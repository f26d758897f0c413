"""What all DAGs have in common."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from airflow.sdk import Asset, Param

from salesflow_airflow.notices import tell_of_failure
from salesflow_airflow.stage import default_stage

PROJECT: Final = Path(__file__).resolve().parents[2]
"""Where dags/, plugins/, lambdas/ and infra/ lie side by side."""

TAGS: Final = ["salesflow"]

DEFAULT_ARGS: Final[dict[str, Any]] = {
    "owner": "salesflow",
    "retries": 2,
    "retry_delay": timedelta(seconds=20),
    "execution_timeout": timedelta(minutes=15),
    "on_failure_callback": tell_of_failure,
}

ORDERS_WRITTEN: Final = Asset("orders_written", uri="salesflow://orders_written")
"""Orders were written to the table. Extra: stage, orders, changes, written_from, written_until."""

ORDERS: Final = Asset("orders", uri="salesflow://orders")
"""Changes are queryable. Extra: stage, newest (when the newest object came that was crawled)."""

SALES_REPORTS: Final = Asset("sales_reports", uri="salesflow://sales_reports")
"""A day's reports are stored, and so are those that it restated."""


STAGE_PATTERN: Final = "^[a-z]([a-z0-9-]*[a-z0-9])?$"
STAGE_LENGTH: Final = 12


def stage_param() -> Param:
    """The param that says which deployment a run works on."""
    return Param(
        default_stage(),
        type="string",
        pattern=STAGE_PATTERN,
        maxLength=STAGE_LENGTH,
        title="Stage",
        description="Which deployment: the part of its names that follows salesflow-",
    )
