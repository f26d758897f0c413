"""Waits until a day is whole in silver."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context, PokeReturnValue

from salesflow.deliveries import pace_of
from salesflow.merges import Watermark, complete_until, listing
from salesflow.queries import ask
from salesflow_airflow.deployment import connect


class SilverSensor(BaseSensorOperator):
    """Waits until all that was written until the end of a day has been merged into silver.

    A day that isn't over is taken as far as it has come. Returns the time until which everything
    is in silver, ISO 8601.

    Args:
        day: YYYY-MM-DD (UTC).
        timeout: in seconds; the log says what it waited for.
    """

    template_fields: Sequence[str] = ("day", "stream", "bucket", "database", "workgroup", "query")
    template_ext: Sequence[str] = (".sql",)

    def __init__(
        self,
        *,
        day: str,
        stream: str,
        bucket: str,
        database: str,
        workgroup: str,
        query: str = "sql/silver/read_watermark.sql",
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.day = day
        self.stream = stream
        self.bucket = bucket
        self.database = database
        self.workgroup = workgroup
        self.query = query
        self.aws_conn_id = aws_conn_id

    def poke(self, context: Context) -> PokeReturnValue:
        """Look how far silver has come."""
        now = datetime.now(UTC)
        end = datetime.combine(date.fromisoformat(self.day) + timedelta(days=1), time(), UTC)
        until = self._complete_until(now)
        done = end > now or (until is not None and until >= end)
        self.log.info(
            "silver has all that was written until %s; %s ends at %s", until, self.day, end
        )
        return PokeReturnValue(done, xcom_value=until.isoformat() if until else None)

    def _complete_until(self, now: datetime) -> datetime | None:
        [row] = ask(
            connect("athena", self.aws_conn_id),
            self.query,
            database=self.database,
            workgroup=self.workgroup,
        ).rows
        watermark = Watermark.of(row)
        description = connect("firehose", self.aws_conn_id).describe_delivery_stream(
            DeliveryStreamName=self.stream
        )["DeliveryStreamDescription"]
        pages = (
            connect("s3", self.aws_conn_id)
            .get_paginator("list_objects_v2")
            .paginate(**listing(self.bucket, watermark.newest, None))
        )
        objects = (entry for page in pages for entry in page.get("Contents", []))
        return complete_until(watermark, objects, pace_of(description), now)
