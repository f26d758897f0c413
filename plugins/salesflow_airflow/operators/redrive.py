"""How much waits to be redriven."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.sdk import Context

from salesflow_airflow.deployment import connect
from salesflow_airflow.operators.athena import AthenaStatementOperator


class CountFailuresOperator(AthenaStatementOperator):
    """Counts what failed: in the quarantine, and in the pipe's dead-letter queue.

    Args:
        query: gives one row of counts.
        queue_url: of the dead-letter queue.
        before: earlier counts to show beside these.
    """

    template_fields: Sequence[str] = ("queue_url", "before", *AthenaOperator.template_fields)

    def __init__(
        self,
        *,
        queue_url: str,
        before: dict[str, int] | None = None,
        query: str = "sql/redrive/count_quarantine.sql",
        **kwargs: Any,
    ) -> None:
        super().__init__(query=query, **kwargs)
        self.queue_url = queue_url
        self.before = before

    def execute(self, context: Context) -> dict[str, int]:
        """Count, and show the counts."""
        super().execute(context)
        header, [row] = self.result_rows()
        counts = {name: int(value or 0) for name, value in zip(header, row, strict=True)}
        counts["dead_letters"] = self._dead_letters()
        for name, count in counts.items():
            if self.before is None:
                self.log.info("%12s %8d", name, count)
            else:
                self.log.info("%12s %8d before, %8d after", name, self.before[name], count)
        return counts

    def _dead_letters(self) -> int:
        """Messages in the queue, whether somebody is at work on them or not; SQS estimates."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = connect("sqs", self.aws_conn_id).get_queue_attributes(
            QueueUrl=self.queue_url, AttributeNames=names
        )["Attributes"]
        return sum(int(attributes[name]) for name in names)
