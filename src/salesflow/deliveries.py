"""When the delivery stream has delivered what was written: read from S3, without looking inside.

Firehose tells nobody what it still holds, so this is concluded from its two buffering intervals
(first for the transformation, then for the object) and from the times of the objects.
https://docs.aws.amazon.com/firehose/latest/dev/create-configure-backup.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from salesflow.schema import CHANGELOG_TABLE

BRONZE_PREFIX: Final = f"bronze/{CHANGELOG_TABLE}/"
ERROR_PREFIX: Final = f"errors/{CHANGELOG_TABLE}/processing-failed/"
"""Where Firehose puts the records whose transformation failed; an S3 destination has no other type.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
"""

_DEFAULT_BUFFERING: Final = 300
_DEFAULT_TRANSFORM_BUFFERING: Final = 60
_SMALLEST_MARGIN: Final = 5.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast a delivery stream delivers.

    `intervals` are the seconds of its two buffers together, `margin` the seconds that the pipe, the
    transformation and the upload may take besides.
    """

    intervals: float
    margin: float

    @property
    def quiet(self) -> float:
        """Seconds without a new object after which nothing is on its way."""
        return self.intervals + self.margin


@dataclass(frozen=True, slots=True)
class Arrivals:
    """What lies in the lake: objects of rows, objects of failed records, the time of the newest."""

    row_objects: int = 0
    error_objects: int = 0
    newest: datetime | None = None

    def __str__(self) -> str:
        newest = self.newest.isoformat() if self.newest else "none"
        return (
            f"{self.row_objects} objects of rows, {self.error_objects} of errors, newest {newest}"
        )


def pace_of(description: Mapping[str, Any]) -> Pace:
    """The pace of a delivery stream, from DescribeDeliveryStream's DeliveryStreamDescription."""
    (destination,) = description["Destinations"]
    s3 = destination["ExtendedS3DestinationDescription"]
    intervals = float(s3.get("BufferingHints", {}).get("IntervalInSeconds", _DEFAULT_BUFFERING))
    processing = s3.get("ProcessingConfiguration", {})
    if processing.get("Enabled"):
        given = {
            parameter["ParameterName"]: parameter["ParameterValue"]
            for processor in processing.get("Processors", [])
            for parameter in processor.get("Parameters", [])
        }
        intervals += float(given.get("BufferIntervalInSeconds", _DEFAULT_TRANSFORM_BUFFERING))
    return Pace(intervals, max(_SMALLEST_MARGIN, intervals / 4))


def listing(bucket: str, since: datetime | None, pace: Pace) -> list[dict[str, str]]:
    """The ListObjectsV2 requests that find all objects with changes from `since` (None: all).

    Folders are named after the arrival of an object's oldest record (UTC), so they sort by time and
    the listing begins at the right one: it doesn't grow with the history.
    """
    requests = [{"Bucket": bucket, "Prefix": prefix} for prefix in (BRONZE_PREFIX, ERROR_PREFIX)]
    if since is not None:
        oldest = since.astimezone(UTC) - timedelta(seconds=pace.quiet)
        for request in requests:
            request["StartAfter"] = f"{request['Prefix']}dt={oldest:%Y-%m-%d}/hour={oldest:%H}/"
    return requests


def arrivals(objects: Iterable[Mapping[str, Any]]) -> Arrivals:
    """Sum up listed objects (entries of ListObjectsV2's Contents)."""
    rows = errors = 0
    newest: datetime | None = None
    for entry in objects:
        if entry["Key"].startswith(ERROR_PREFIX):
            errors += 1
        else:
            rows += 1
        if newest is None or entry["LastModified"] > newest:
            newest = entry["LastModified"]
    return Arrivals(rows, errors, newest)


def missing(
    found: Arrivals, pace: Pace, *, written_until: datetime, announced: bool, now: datetime
) -> str | None:
    """What is still to be waited for until all that was written until `written_until` is there.

    None means delivered:

    - nothing has come for the time in which anything that was on its way would have (`Pace.quiet`);
      and if the writer has announced that it wrote, an object has come since it ended;
    - or, as writing may go on and it is never quiet: twice both intervals have passed, and an
      object has come late enough to prove that the stream delivers.

    Args:
        announced: whether `written_until` is the time of a last write, or one that somebody chose.
        now: by the same clock as the objects' times, or nearly: the margin covers the difference.
    """
    newest = found.newest
    quiet = timedelta(seconds=pace.quiet)
    intervals = timedelta(seconds=pace.intervals)
    # S3 tells times in whole seconds.
    second = written_until.replace(microsecond=0)
    come = newest is not None and newest >= second
    silent = now >= max(written_until, newest or written_until) + quiet
    if silent and (come or not announced):
        return None
    if now >= written_until + quiet + intervals and (
        not announced or (newest is not None and newest >= second + intervals)
    ):
        return None
    if announced and not come:
        return f"an object that came after {written_until.isoformat()}"
    return f"{pace.quiet:g} s without a new object"
