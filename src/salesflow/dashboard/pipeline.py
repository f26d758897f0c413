"""How the pipeline is, hop by hop, and in one sentence."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Literal

from salesflow.dashboard.json_values import time_text
from salesflow.dashboard.reports import DUE, newest_object
from salesflow.dashboard.silver import QUARANTINE, Silver, version
from salesflow.deliveries import ERROR_PREFIX
from salesflow.deployment import Connect, stack_name
from salesflow.silver import ORDERS_TABLE
from salesflow.status import Hop, hops

WINDOW: Final = timedelta(days=1)
"""The time whose records and objects are counted."""

HopState = Literal["well", "waiting", "failing", "unknown"]

_DAGS: Final = {
    "orders": "generate_orders",
    "pipe": "redrive_orders",
    "bronze": "redrive_orders",
    "catalogue": "ingest_orders",
    "silver": "ingest_orders",
    "reports": "daily_sales_reports",
}
"""By hop the DAG that sets it going, or right."""

_ALARMS: Final = {
    "orders": ("Generate",),
    "pipe": ("Pipe", "DeadLetters"),
    "live": ("Aggregate", "Live"),
    "delivery": ("Cdc", "Delivery", "Transform"),
}
"""By hop how the names of the alarms about it begin."""

_WELL_NOTES: Final = frozenset({"ACTIVE", "RUNNING", "Enabled", "crawl SUCCEEDED"})
_CHANGING_NOTES: Final = frozenset(
    {"CREATING", "UPDATING", "STARTING", "Creating", "Enabling", "Updating", "never crawled"}
)


@dataclass(frozen=True, slots=True)
class Alarm:
    """An alarm that is raised: its logical name, what it means, and since when."""

    name: str
    reason: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Records whose transformation failed.

    Attributes:
        waiting: payloads that nobody has redriven; None before the quarantine has its view.
        newest_at: when the newest came, of the last day.
    """

    waiting: int | None
    newest_at: datetime | None


@dataclass(frozen=True, slots=True)
class Pipeline:
    """The hops in the order in which data flows, each with its state, and what has gone wrong."""

    hops: tuple[tuple[Hop, HopState], ...]
    quarantine: Quarantine
    alarms: tuple[Alarm, ...]

    @property
    def dead_letters(self) -> int:
        """Batches of changes that the pipe gave up."""
        return self._hop("pipe").failed or 0

    @property
    def state(self) -> HopState:
        """The worst state of a hop; an alarm or the quarantine makes it failing."""
        states = {state for _, state in self.hops}
        if "failing" in states or self.alarms or self.quarantine.waiting:
            return "failing"
        return "waiting" if "waiting" in states else "well"

    @property
    def sentence(self) -> str:
        """What to know first, and what to do about it."""
        return next(self._sentences())

    def _sentences(self) -> Iterator[str]:
        if self.dead_letters:
            batches = _counted(self.dead_letters, "batch", "batches")
            yield f"The pipe gave up {batches} of changes: run redrive_orders."
        if records := self.quarantine.waiting:
            waiting = _counted(records, "record waits", "records wait")
            yield f"{waiting} in quarantine: run redrive_orders."
        if failed := self._hop("live").failed:
            batches = _counted(failed, "batch", "batches")
            yield f"{batches} of changes couldn't be counted live; the lake has them."
        for alarm in self.alarms:
            yield f"Alarm {alarm.name}: {alarm.reason}."
        for hop, state in self.hops:
            if state == "failing":
                yield f"Failing: {hop.name}, {hop.note}."
        if objects := self._hop("catalogue").waits:
            waiting = _counted(objects, "object waits", "objects wait")
            yield f"{waiting} for the next run of ingest_orders."
        for hop, state in self.hops:
            if state == "waiting":
                yield f"Waiting: {hop.name}, {hop.note}."
        yield "All is well."

    def _hop(self, identity: str) -> Hop:
        return next(hop for hop, _ in self.hops if hop.id == identity)


def read_pipeline(
    connect: Connect, outputs: Mapping[str, str], now: datetime, prefix: str
) -> Pipeline:
    """The pipeline now; the counts are those of the last day.

    Args:
        prefix: what the names of the deployment begin with.
    """
    silver = Silver(connect, outputs)
    found = list(hops(connect, outputs, now=now, window=WINDOW))
    quarantine = _quarantine(connect("s3"), outputs["LakeBucketName"], silver, now)
    alarms = tuple(_alarms(connect("cloudwatch"), stack_name(prefix, "monitoring")))
    stated = [(hop, hop_state(hop, quarantine, alarms)) for hop in found]
    return Pipeline(
        hops=(
            *stated,
            _silver(silver, now),
            _reports(connect("s3"), outputs["LakeBucketName"], now),
        ),
        quarantine=quarantine,
        alarms=alarms,
    )


def pipeline_data(pipeline: Pipeline) -> dict[str, Any]:
    """The pipeline as JSON values."""
    return {
        "state": pipeline.state,
        "sentence": pipeline.sentence,
        "hops": [
            {
                "id": hop.id,
                "name": hop.name,
                "came": hop.came,
                "went": hop.went,
                "waits": hop.waits,
                "failed": hop.failed,
                "age_seconds": None if hop.age is None else round(hop.age, 1),
                "note": hop.note,
                "state": state,
                "dag": _DAGS.get(hop.id),
            }
            for hop, state in pipeline.hops
        ],
        "quarantine": {
            "waiting": pipeline.quarantine.waiting,
            "newest_at": time_text(pipeline.quarantine.newest_at),
        },
        "dead_letters": pipeline.dead_letters,
        "alarms": [
            {"name": alarm.name, "reason": alarm.reason, "since": time_text(alarm.since)}
            for alarm in pipeline.alarms
        ],
    }


def hop_state(hop: Hop, quarantine: Quarantine, alarms: Iterable[Alarm]) -> HopState:
    """The state of a hop on the way to the catalogue. A raised alarm makes its hop failing."""
    # What failed on the way to S3 fails no longer when it is redriven, though it lies there still.
    failed = quarantine.waiting if hop.id == "bronze" else hop.failed
    if failed or any(alarm.name.startswith(_ALARMS.get(hop.id, ())) for alarm in alarms):
        return "failing"
    if hop.waits or hop.note in _CHANGING_NOTES:
        return "waiting"
    return "well" if hop.id == "bronze" or hop.note in _WELL_NOTES else "failing"


def _silver(silver: Silver, now: datetime) -> tuple[Hop, HopState]:
    table = silver.table(ORDERS_TABLE)
    if table is None:
        return Hop("silver", "orders in silver", note="nothing merged yet"), "unknown"
    age = (now - table["UpdateTime"]).total_seconds()
    return Hop("silver", "orders in silver", age=max(0.0, age), note="merged"), "well"


def _reports(s3: Any, bucket: str, now: datetime) -> tuple[Hop, HopState]:
    newest = newest_object(s3, bucket, "day_totals", "json", now)
    if newest is None:
        return Hop("reports", "daily reports", note="none yet"), "unknown"
    age = (now - newest.written_at).total_seconds()
    due = (now - DUE).astimezone(UTC).date() - timedelta(days=1)
    hop = Hop("reports", "daily reports", age=max(0.0, age), note=f"newest {newest.day}")
    return hop, "well" if newest.day >= due else "waiting"


def _quarantine(s3: Any, bucket: str, silver: Silver, now: datetime) -> Quarantine:
    """How many wait is asked when something came or was redriven, else once an hour."""
    day = (now - WINDOW).astimezone(UTC).date()
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=ERROR_PREFIX, StartAfter=f"{ERROR_PREFIX}dt={day.isoformat()}/"
    )
    errors = [entry for page in pages for entry in page.get("Contents", [])]
    newest = max((entry["LastModified"] for entry in errors), default=None)
    redrives = silver.table("redrives")
    if redrives is None or silver.table("quarantine") is None:
        return Quarantine(None, newest)
    [(waiting,)] = silver.ask(
        QUARANTINE, timedelta(hours=1), now, len(errors), newest, version(redrives)
    )
    return Quarantine(int(waiting or 0), newest)


def _alarms(cloudwatch: Any, prefix: str) -> Iterator[Alarm]:
    """Those that are raised. CloudFormation names them stack-LogicalName-random."""
    pages = cloudwatch.get_paginator("describe_alarms").paginate(
        AlarmNamePrefix=f"{prefix}-", StateValue="ALARM", AlarmTypes=["MetricAlarm"]
    )
    for alarm in (alarm for page in pages for alarm in page["MetricAlarms"]):
        yield Alarm(
            name=alarm["AlarmName"].removeprefix(f"{prefix}-").partition("-")[0],
            reason=alarm.get("AlarmDescription") or alarm["StateReason"],
            since=alarm["StateUpdatedTimestamp"],
        )


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
