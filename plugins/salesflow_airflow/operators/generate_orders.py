"""Writes generated orders."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from airflow.sdk import BaseOperator, Context
from airflow.sdk.exceptions import AirflowFailException
from botocore.config import Config

from salesflow.generation import (
    INVOCATION_SECONDS,
    Assignment,
    GeneratorFailed,
    write_by_lambda,
    write_here,
)
from salesflow_airflow.deployment import connect

# As salesflow.writer.connect: checking every attribute in the client costs more than sending it.
_WRITING = Config(retries={"mode": "standard", "max_attempts": 5}, parameter_validation=False)
# A retry would invoke the function again while it is still writing.
_INVOKING = Config(
    read_timeout=INVOCATION_SECONDS + 30, tcp_keepalive=True, retries={"total_max_attempts": 1}
)


class GenerateOrdersOperator(BaseOperator):
    """Writes orders with their past, from the worker or by the generator's Lambda.

    The same seed and `until` give the same orders, so a retry or a rerun does no harm. Returns the
    exact counts, and puts them into the events of the task's outlets.

    Args:
        where: "worker" or "lambda".
        until: ISO 8601 time at which the orders end; by default when the run was due.
        seed: by default the epoch seconds of `until`.
    """

    template_fields: Sequence[str] = (
        "where", "table", "function", "stage", "orders", "days", "until", "seed",
    )  # fmt: skip

    def __init__(
        self,
        *,
        where: str,
        table: str,
        function: str,
        stage: str,
        orders: int | str,
        days: int | str,
        until: str | None = None,
        seed: int | str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.where = where
        self.table = table
        self.function = function
        self.stage = stage
        self.orders = orders
        self.days = days
        self.until = until
        self.seed = seed
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Write, and announce what was written."""
        assignment = self._assignment(context)
        if self.where == "lambda":
            client = connect("lambda", self.aws_conn_id, _INVOKING)
            try:
                written = write_by_lambda(client, self.function, assignment)
            except GeneratorFailed as error:
                raise AirflowFailException(str(error)) from error
        else:
            client = connect("dynamodb", self.aws_conn_id, _WRITING)
            written = write_here(client, self.table, assignment)
        summary = written.summary() | {"stage": self.stage}
        self.log.info(
            "%d orders: %d changes were acknowledged (%d inserted, %d changed, %d removed)",
            *(summary[name] for name in ("orders", "changes", "inserted", "changed", "removed")),
        )
        for outlet in self.outlets:
            context["outlet_events"][outlet].extra = summary
        return summary

    def _assignment(self, context: Context) -> Assignment:
        due = context["dag_run"].run_after
        until = datetime.fromisoformat(self.until) if self.until else due
        if until.tzinfo is None:
            raise AirflowFailException(f"until={self.until} has no time zone: add one, such as Z")
        if until > datetime.now(UTC):
            raise AirflowFailException(
                f"until={until.isoformat()} is in the future, where no order can have been placed"
            )
        seed = int(until.timestamp()) if self.seed in (None, "") else int(self.seed or 0)
        return Assignment(int(self.orders), int(self.days), until, seed)
