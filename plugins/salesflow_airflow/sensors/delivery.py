"""Waits for the delivery of what was written."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from airflow.sdk import BaseSensorOperator, Context
from airflow.sdk.exceptions import AirflowFailException, AirflowSensorTimeout, AirflowSkipException

from salesflow.deliveries import pace_of
from salesflow.merges import listing, new_partitions
from salesflow_airflow.deployment import connect
from salesflow_airflow.triggers.delivery import DeliveryTrigger
from salesflow_airflow.triggers.polling import WaitedInVain, event_or_defer, seen

_SETTLING = timedelta(seconds=5)


@dataclass(frozen=True)
class Announcement:
    """What the writers say that they wrote, and when; times are ISO 8601."""

    written_from: str
    written_until: str
    changes: int | None


class DeliverySensor(BaseSensorOperator):
    """Waits, deferred, until Firehose has delivered all that was written until a time W.

    W is the latest `written_until` that the triggering events of the stage announce, or the one
    that is given; without either, it is the moment at which the sensor starts. Delivered means:

    - no object has come for the quiet time, which is the delivery stream's two buffering intervals
      and a margin (a quarter of them, 5 s at least), counted from W at the earliest; and if W was
      announced, an object has come at or after W;
    - or, under continuous writes, W is past by both intervals twice and the margin, and if it was
      announced, an object has come at or after W plus both intervals.

    An object of failed records counts like one of rows: all records may have failed. The run ends
    here, skipped, if W was not announced and no object is newer than the watermark, which is the
    newest one that an earlier run has merged.

    The result says what was waited for (`written_from`, `written_until`, `changes`, `announced`),
    what there is (`row_objects`, `error_objects`, `newest`: when the newest object came, ISO 8601),
    which `partitions` of the changelog have rows that are new (pairs of dt and hour), and the
    `watermark` that holds when they are merged.

    Args:
        written_until: ISO 8601, empty for none.
        watermark: ISO 8601, None if nothing was merged yet.
        again_from: YYYY-MM-DD, a day from which on all partitions count as new; empty for none.
        timeout: in seconds; the message then says what it waited for, and what there is.
    """

    template_fields: Sequence[str] = (
        "stream",
        "bucket",
        "stage",
        "written_until",
        "watermark",
        "again_from",
    )

    def __init__(
        self,
        *,
        stream: str,
        bucket: str,
        stage: str,
        written_until: str | None = None,
        watermark: str | None = None,
        again_from: str | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stream = stream
        self.bucket = bucket
        self.stage = stage
        self.written_until = written_until
        self.watermark = watermark
        self.again_from = again_from
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Context) -> dict[str, Any]:
        """Find out what to wait for, and wait."""
        pace = pace_of(
            connect("firehose", self.aws_conn_id).describe_delivery_stream(
                DeliveryStreamName=self.stream
            )["DeliveryStreamDescription"]
        )
        now = datetime.now(UTC)
        told = self._announcement(context)
        since = told.written_from if told else self.watermark
        written_until = told.written_until if told else now.isoformat()
        self.log.info(
            "waiting for what was written until %s%s; quiet time %g s",
            written_until,
            f" ({told.changes} changes)" if told and told.changes is not None else "",
            pace.quiet,
        )
        trigger = DeliveryTrigger(
            bucket=self.bucket,
            written_until=written_until,
            announced=told is not None,
            since=since,
            intervals=pace.intervals,
            margin=pace.margin,
            deadline=now.timestamp() + self.timeout,
            poll_seconds=10.0,
            aws_conn_id=self.aws_conn_id,
            kept={
                "written_from": told.written_from if told else None,
                "written_until": written_until,
                "changes": told.changes if told else None,
                "since": since,
                "announced": told is not None,
                "began": now.timestamp(),
            },
        )
        return self.finish(context, event_or_defer(trigger, "finish"))

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Return what arrived, or end the run if that is nothing new."""
        try:
            found = seen(event)
        except WaitedInVain as error:
            raise AirflowSensorTimeout(f"{error} (after {self.timeout:g} s)") from error
        waited_for = found.pop("kept")
        self.log.info(
            "delivered after %.0f s: %d objects of rows, %d of failed records, newest %s",
            time.time() - waited_for["began"],
            found["row_objects"],
            found["error_objects"],
            found["newest"],
        )
        newest = found["newest"]
        expected = waited_for["announced"] or self.again_from
        if not expected and (newest is None or newest <= (self.watermark or "")):
            raise AirflowSkipException(f"nothing has come since {self.watermark or 'ever'}")
        return {**waited_for, **found, **self._new_partitions(newest)}

    def _new_partitions(self, newest: str | None) -> dict[str, Any]:
        """Which partitions a merge has to read, and until when it then knows all objects."""
        watermark = datetime.fromisoformat(self.watermark) if self.watermark else None
        since = date.fromisoformat(self.again_from) if self.again_from else None
        pages = (
            connect("s3", self.aws_conn_id)
            .get_paginator("list_objects_v2")
            .paginate(**listing(self.bucket, watermark, since))
        )
        listed = datetime.now(UTC)
        objects = (entry for page in pages for entry in page.get("Contents", []))
        partitions, newest_row = new_partitions(objects, watermark, since)
        self.log.info("%d partitions have rows that are new", len(partitions))
        times = [datetime.fromisoformat(newest)] if newest else []
        times += [newest_row] if newest_row else []
        return {
            "partitions": [list(partition) for partition in partitions],
            "newest": max(times).isoformat() if times else None,
            # S3 tells times in whole seconds, and more of the present one may still come.
            "watermark": min(max(times), listed - _SETTLING).isoformat() if times else None,
        }

    def _announcement(self, context: Context) -> Announcement | None:
        if self.written_until:
            moment = datetime.fromisoformat(self.written_until)
            if moment.tzinfo is None:
                raise AirflowFailException(
                    f"written_until={self.written_until} has no time zone: add one, such as Z"
                )
            iso = moment.astimezone(UTC).isoformat()
            return Announcement(written_from=iso, written_until=iso, changes=None)
        extras: list[dict[str, Any]] = [
            extra
            for events in context["triggering_asset_events"].values()
            for event in events
            if (extra := event.extra or {}).get("stage") == self.stage and extra.get("changes")
        ]
        if not extras:
            return None
        # What was redriven was changed before, and can't be told from other changes of that time.
        redriven = any(extra.get("redriven") for extra in extras)
        return Announcement(
            written_from=min(extra["written_from"] for extra in extras),
            written_until=max(extra["written_until"] for extra in extras),
            changes=None if redriven else sum(extra["changes"] for extra in extras),
        )
