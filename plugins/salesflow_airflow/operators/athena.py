"""Athena: statements that a retry doesn't run twice, and counts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context
from airflow.sdk.exceptions import AirflowException

from salesflow.deliveries import pace_of
from salesflow.merges import partition_condition
from salesflow.quarantine import failures_between
from salesflow.reports import request_token
from salesflow_airflow.deployment import connect

POLL_SECONDS = 0.5
"""How often to look at a statement: most take about a second; the provider would wait for 30."""

LONGEST_SECONDS: Final = 1800
"""Athena's own limit for a query; the provider would give up after 120 looks.

https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
"""


class AthenaStatementOperator(AthenaOperator):
    """Runs a statement, once per task instance.

    A retry after a crash adopts the query that was submitted before; a retry after a failed query
    submits another, and so does a task that was cleared. That is the work of the client request
    token: it is made of the task's identity, its number of clearings (which is what moves
    `max_tries`), the statement and the number of failed queries before it.
    """

    def __init__(self, **kwargs: Any) -> None:
        looks = int(LONGEST_SECONDS / POLL_SECONDS)
        super().__init__(sleep_time=POLL_SECONDS, max_polling_attempts=looks, **kwargs)  # type: ignore[arg-type]

    def execute(self, context: Context) -> Any:
        """Submit the statement or adopt the query that is there, and wait for it."""
        ti = context["ti"]
        identity = (ti.dag_id, ti.run_id, ti.task_id, ti.map_index, ti.max_tries, self.query)
        earlier_tries = max(0, ti.try_number - 1 - (ti.max_tries - (self.retries or 0)))
        for failures in range(earlier_tries + 1):
            self.client_request_token = request_token(*identity, failures)
            try:
                return super().execute(context)
            except AirflowException:
                if failures == earlier_tries:
                    raise
        raise AssertionError("unreachable")

    def run_statement(self, statement: str, context: Context) -> None:
        """Run one of several statements of the task."""
        self.query = statement
        AthenaStatementOperator.execute(self, context)

    def execution(self) -> dict[str, Any]:
        """Athena's description of the query that ran."""
        answer = self.hook.conn.get_query_execution(QueryExecutionId=self.query_execution_id)
        return dict(answer["QueryExecution"])

    def result_rows(self) -> tuple[list[str], list[list[str | None]]]:
        """Header and rows of the result."""
        pages = self.hook.conn.get_paginator("get_query_results").paginate(
            QueryExecutionId=self.query_execution_id
        )
        header, *rows = [
            [cell.get("VarCharValue") for cell in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return [name or "" for name in header], rows


class DeliveryQueryOperator(AthenaStatementOperator):
    """A query on what a delivery brought.

    Args:
        delivery: what the delivery sensor found.
    """

    template_fields: Sequence[str] = ("delivery", *AthenaOperator.template_fields)

    def __init__(self, *, delivery: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.delivery = delivery

    @property
    def first_day(self) -> str:
        """The partition to read from, YYYY-MM-DD; the first there can be, if nobody knows."""
        since = self.delivery["since"]
        if since is None:
            return "0001-01-01"
        # A row's folder is named after the oldest record in its object, perhaps of the day before.
        return (datetime.fromisoformat(since) - timedelta(days=1)).date().isoformat()

    @property
    def new_partitions(self) -> str:
        """The SQL condition on dt and hour that selects the partitions with rows that are new."""
        return partition_condition(self.delivery["partitions"])

    @property
    def first_second(self) -> int:
        """The earliest time of an announced change, epoch seconds: DynamoDB rounds down."""
        first = self.delivery["written_from"] or self.delivery["written_until"]
        return int(datetime.fromisoformat(first).timestamp())

    @property
    def last_second(self) -> int:
        """The latest time of an announced change, epoch seconds."""
        return int(datetime.fromisoformat(self.delivery["written_until"]).timestamp())


class CompareCountsOperator(DeliveryQueryOperator):
    """Compares the changes that were announced with those that arrived; warns if some are missing.

    A writer that repeats itself writes orders that don't change, and of those the stream tells
    nothing: so this is a hint, and the exact comparison is that of the table with the lake.

    Args:
        query: counts the changes that arrived.
        bucket: where the failed records lie; they arrived too.
    """

    template_fields: Sequence[str] = ("bucket", "stream", *DeliveryQueryOperator.template_fields)
    # The provider's link would log an error whenever there was no query to link to.
    operator_extra_links = ()

    def __init__(self, *, bucket: str, stream: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.stream = stream

    def execute(self, context: Context) -> dict[str, int] | None:
        """Count, compare and return the numbers; None if nothing was announced."""
        expected = self.delivery["changes"]
        if expected is None:
            self.log.info("nobody announced how many changes to expect")
            return None
        super().execute(context)
        delivered = int(self.result_rows()[1][0][0] or 0)
        description = connect("firehose", self.aws_conn_id).describe_delivery_stream(
            DeliveryStreamName=self.stream
        )["DeliveryStreamDescription"]
        failed = failures_between(
            connect("s3", self.aws_conn_id),
            self.bucket,
            pace_of(description),
            since=datetime.fromisoformat(self.delivery["written_from"]),
            until=datetime.fromisoformat(self.delivery["written_until"]),
        )
        counts = {
            "announced": expected,
            "delivered": delivered,
            "quarantined": sum(1 for _ in failed),
        }
        summary = ", ".join(f"{number} {name}" for name, number in counts.items())
        if counts["delivered"] + counts["quarantined"] < expected:
            self.log.warning("some changes haven't arrived: %s", summary)
        else:
            self.log.info("all changes have arrived: %s", summary)
        return counts
