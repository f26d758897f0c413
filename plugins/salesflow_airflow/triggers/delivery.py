"""Waits until Firehose has delivered what was written."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from salesflow.deliveries import Arrivals, Pace, arrivals, listing, missing
from salesflow_airflow.triggers.polling import PollingTrigger


class DeliveryTrigger(PollingTrigger):
    """Sees how many objects lie in the lake when all that was written has arrived.

    Args:
        written_until, since: ISO 8601; from `since` on, objects are listed (None: all).
        announced: see `salesflow.deliveries.missing`.
        intervals, margin: the delivery stream's `salesflow.deliveries.Pace`.
    """

    service = "s3"

    def __init__(
        self,
        *,
        bucket: str,
        written_until: str,
        announced: bool,
        since: str | None,
        intervals: float,
        margin: float,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.bucket = bucket
        self.written_until = written_until
        self.announced = announced
        self.since = since
        self.pace = Pace(intervals, margin)
        self._found = Arrivals()
        self._missing = "a first look"

    def arguments(self) -> dict[str, Any]:
        """See `PollingTrigger`."""
        return {
            "bucket": self.bucket,
            "written_until": self.written_until,
            "announced": self.announced,
            "since": self.since,
            "intervals": self.pace.intervals,
            "margin": self.pace.margin,
        }

    async def look(self, client: Any, now: float) -> dict[str, Any] | None:
        """See `PollingTrigger`."""
        since = datetime.fromisoformat(self.since) if self.since else None
        objects: list[dict[str, Any]] = []
        for request in listing(self.bucket, since, self.pace):
            async for page in client.get_paginator("list_objects_v2").paginate(**request):
                objects += page.get("Contents", [])
        self._found = found = arrivals(objects)
        self._missing = (
            missing(
                found,
                self.pace,
                written_until=datetime.fromisoformat(self.written_until),
                announced=self.announced,
                now=datetime.fromtimestamp(now, UTC),
            )
            or ""
        )
        if self._missing:
            return None
        return {
            "row_objects": found.row_objects,
            "error_objects": found.error_objects,
            "newest": found.newest.isoformat() if found.newest else None,
        }

    def waiting_for(self) -> str:
        """See `PollingTrigger`."""
        return (
            f"the delivery of what was written until {self.written_until} to {self.bucket}: "
            f"for {self._missing}; there are {self._found}"
        )
