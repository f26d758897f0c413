"""What the dashboard asks Athena. Each question is asked anew only when its answer may differ.

A question has a token that follows from what it reads: Athena answers one that it knows with the
query that it has run, and charges nothing for it.
https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from salesflow.deployment import Connect
from salesflow.patience import Patience
from salesflow.queries import Row, ask
from salesflow.reports import request_token

_PATIENCE: Final = Patience(timeout=30, interval=0.3)

# A day's orders that are neither cancelled nor returned, and how far silver has come.
TODAY: Final = """
SELECT
    (SELECT max(merged_at) FROM merges) AS merged_at,
    (SELECT max(complete_until) FROM merges) AS complete_until,
    count(*) AS orders,
    coalesce(sum(quantity), 0) AS units,
    coalesce(sum(quantity * price), 0) AS revenue
FROM orders_current
WHERE order_date = DATE '{day}' AND coalesce(status, '') NOT IN ('cancelled', 'returned')
"""

# What was sold on each of some days, as dags/sql/page/past_days.sql counts it.
PAST: Final = """
SELECT order_date AS day, sum(quantity * price) AS revenue
FROM orders_current
WHERE order_date BETWEEN DATE '{first}' AND DATE '{last}'
    AND coalesce(status, '') NOT IN ('cancelled', 'returned')
GROUP BY order_date
ORDER BY order_date
"""

# How many payloads in the quarantine wait for somebody.
QUARANTINE: Final = """
SELECT count_if(waiting) AS waiting
FROM quarantine
"""


class Silver:
    """The tables of a deployment's lake."""

    def __init__(self, connect: Connect, outputs: Mapping[str, str]) -> None:
        self._glue = connect("glue")
        self._athena = connect("athena")
        self._database = outputs["DatabaseName"]
        self._workgroup = outputs["WorkGroupName"]

    def table(self, name: str) -> Mapping[str, Any] | None:
        """A table as Glue has it; None if there is none."""
        try:
            answer = self._glue.get_table(DatabaseName=self._database, Name=name)
        except self._glue.exceptions.EntityNotFoundException:
            return None
        table: Mapping[str, Any] = answer["Table"]
        return table

    def ask(self, sql: str, kept: timedelta, now: datetime, *state: object) -> list[Row]:
        """The rows of an answer.

        Args:
            kept: the longest time for which an answer is kept, and so is a failure.
            state: what the answer depends on, beside the question.

        Raises:
            QueryFailed, TimeoutError: as `ask`.
        """
        token = request_token(
            self._database, sql, *state, int(now.timestamp() / kept.total_seconds())
        )
        answer = ask(
            self._athena,
            sql,
            database=self._database,
            workgroup=self._workgroup,
            token=token,
            patience=_PATIENCE,
        )
        return list(answer.rows)


def version(table: Mapping[str, Any]) -> str:
    """Where the metadata of an Iceberg table are now: another place with each commit.

    https://iceberg.apache.org/docs/latest/aws/#glue-catalog
    """
    return str(table.get("Parameters", {}).get("metadata_location", ""))


def utc(text: str | None) -> datetime | None:
    """A timestamp as Athena prints it."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def day(text: str | None) -> date | None:
    """A date as Athena prints it."""
    return date.fromisoformat(text) if text else None
