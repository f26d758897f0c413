"""How the pipeline is: each hop with what came in, went out, waits and failed, and how fresh it is.

All of it is asked of AWS: CloudWatch's metrics for what moves, the services for what lies still.
Where AWS has no figure, there is none. What it takes grows with the window, not with the history.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from salesflow.deliveries import BRONZE_PREFIX, ERROR_PREFIX
from salesflow.live import LiveTotals
from salesflow.merges import LONGEST_DELIVERY

Connect = Callable[[str], Any]
"""Makes the client of an AWS service."""

_Object = dict[str, Any]
_PERIOD_SECONDS: Final = 60


@dataclass(frozen=True)
class Hop:
    """One hop of the pipeline.

    Attributes:
        id: orders, pipe, live, delivery, bronze or catalogue.
        came: what came in; ``went``: what went out; ``waits``: what is in between; ``failed``.
            None where AWS doesn't say.
        age: seconds since the newest thing that arrived, or None.
        note: the state in AWS's words.
    """

    id: str
    name: str
    came: int | None = None
    went: int | None = None
    waits: int | None = None
    failed: int | None = None
    age: float | None = None
    note: str = ""


def hops(
    connect: Connect, outputs: Mapping[str, str], *, now: datetime, window: timedelta
) -> Iterator[Hop]:
    """The hops of a deployment, in the order in which data flows.

    Args:
        outputs: those of the deployment's stacks.
        window: the time up to ``now`` whose records and objects are counted.
    """
    metrics = _Metrics(connect("cloudwatch"), now - window, now)
    yield _table(connect("dynamodb"), outputs["OrdersTableName"])
    yield _pipe(connect, outputs, metrics)
    yield _live_totals(connect, outputs, now, window)
    yield _delivery_stream(connect("firehose"), outputs["DeliveryStreamName"], metrics)
    rows, errors = _objects(connect("s3"), outputs["LakeBucketName"], now - window)
    yield _bronze(rows, errors, now)
    yield _catalogue(connect("glue"), outputs, rows, now)


class _Metrics:
    """Sums of CloudWatch metrics over one window of time."""

    def __init__(self, client: Any, start: datetime, end: datetime) -> None:
        self._client, self._start, self._end = client, start, end

    def sum(self, namespace: str, name: str, dimension: str, value: str) -> int:
        minutes = (self._end - self._start) / timedelta(minutes=1)
        # At most 1,440 points an answer: a day of minutes.
        period = _PERIOD_SECONDS * max(1, math.ceil(minutes / 1440))
        points = self._client.get_metric_statistics(
            Namespace=namespace,
            MetricName=name,
            Dimensions=[{"Name": dimension, "Value": value}],
            StartTime=self._start,
            EndTime=self._end + timedelta(seconds=period),
            Period=period,
            Statistics=["Sum"],
        )["Datapoints"]
        total: float = sum(point["Sum"] for point in points)
        return round(total)


def _table(dynamodb: Any, name: str) -> Hop:
    # Counting would mean a scan; AWS brings ItemCount up to date every six hours.
    table = dynamodb.describe_table(TableName=name)["Table"]
    return Hop("orders", "orders", came=table["ItemCount"], note=table["TableStatus"])


def _pipe(connect: Connect, outputs: Mapping[str, str], metrics: _Metrics) -> Hop:
    name = outputs["PipeName"]
    came = metrics.sum("AWS/EventBridge/Pipes", "EventCount", "PipeName", name)
    dead = connect("sqs").get_queue_attributes(
        QueueUrl=outputs["DeadLetterQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    state = connect("pipes").describe_pipe(Name=name)["CurrentState"]
    return Hop("pipe", "records in the pipe", came=came, failed=int(dead), note=state)


def _live_totals(
    connect: Connect, outputs: Mapping[str, str], now: datetime, window: timedelta
) -> Hop:
    totals = LiveTotals(connect("dynamodb"), outputs["LiveTotalsName"])
    counted = totals.figures(now - window, now).changes
    _, latest = totals.latest(now, limit=1)
    failures = connect("sqs").get_queue_attributes(
        QueueUrl=outputs["LiveFailureQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )["Attributes"]["ApproximateNumberOfMessages"]
    mappings = connect("lambda").list_event_source_mappings(
        FunctionName=outputs["AggregateFunctionName"]
    )["EventSourceMappings"]
    return Hop(
        "live",
        "changes counted live",
        went=counted,
        failed=int(failures),
        age=(now - latest[0].arrived).total_seconds() if latest else None,
        note=", ".join(mapping["State"] for mapping in mappings),
    )


def _delivery_stream(firehose: Any, name: str, metrics: _Metrics) -> Hop:
    def total(metric: str) -> int:
        return metrics.sum("AWS/Firehose", metric, "DeliveryStreamName", name)

    came, went = total("DataReadFromKinesisStream.Records"), total("DeliveryToS3.Records")
    stream = firehose.describe_delivery_stream(DeliveryStreamName=name)
    status = stream["DeliveryStreamDescription"]["DeliveryStreamStatus"]
    return Hop("delivery", "records in Firehose", came=came, went=went, note=status)


def _objects(s3: Any, bucket: str, since: datetime) -> tuple[list[_Object], list[_Object]]:
    """The objects with rows and those with failed records that came since then.

    Folders are named after the time (UTC) when an object's oldest record arrived, which is before
    it came: by minutes, and by up to `LONGEST_DELIVERY` while S3 refuses Firehose.
    """
    first = (since - LONGEST_DELIVERY).astimezone(UTC)
    pages = s3.get_paginator("list_objects_v2")
    rows, errors = (
        [
            entry
            for page in pages.paginate(
                Bucket=bucket,
                Prefix=prefix,
                StartAfter=f"{prefix}dt={first:%Y-%m-%d}/hour={first:%H}/",
            )
            for entry in page.get("Contents", [])
            if entry["LastModified"] >= since
        ]
        for prefix in (BRONZE_PREFIX, ERROR_PREFIX)
    )
    return rows, errors


def _bronze(rows: list[_Object], errors: list[_Object], now: datetime) -> Hop:
    newest = max((entry["LastModified"] for entry in rows), default=None)
    return Hop(
        "bronze",
        "objects in S3",
        came=len(rows) + len(errors),
        went=len(rows),
        failed=len(errors),
        age=(now - newest).total_seconds() if newest else None,
        note=f"{sum(entry['Size'] for entry in rows) / 1e6:,.1f} MB",
    )


def _catalogue(glue: Any, outputs: Mapping[str, str], rows: list[_Object], now: datetime) -> Hop:
    """What waits here are objects that no crawl has seen."""
    last = glue.get_crawler(Name=outputs["CrawlerName"])["Crawler"].get("LastCrawl")
    if last is None:
        return Hop(
            "catalogue", "objects crawled", came=len(rows), waits=len(rows), note="never crawled"
        )
    waiting = sum(entry["LastModified"] >= last["StartTime"] for entry in rows)
    return Hop(
        "catalogue",
        "objects crawled",
        came=len(rows),
        went=len(rows) - waiting,
        waits=waiting,
        age=(now - last["StartTime"]).total_seconds(),
        note=f"crawl {last['Status']}",
    )
