"""What a merge into silver reads: the partitions of the changelog with objects it hasn't seen.

How far the merges have come is kept in the table `merges`, beside the table that it is about.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from salesflow.deliveries import BRONZE_PREFIX, Pace

MARGIN: Final = timedelta(minutes=5)
"""How much older than the newest known object one may be that nobody has seen yet.

S3 dates an object from the beginning of its upload, and shows it at the end.
https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingMetadata.html
"""

LONGEST_DELIVERY: Final = timedelta(hours=25)
"""How long before it comes an object's folder may be named: Firehose retries for 24 hours.

https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

DATES_AT_ONCE: Final = 50
"""Order dates that one MERGE writes to. Athena takes 100, and an order that has moved needs two.

https://docs.aws.amazon.com/athena/latest/ug/troubleshooting-athena.html
"""

_PARTITIONS_BY_NAME: Final = 200
_PARTITION: Final = re.compile(
    re.escape(BRONZE_PREFIX) + r"dt=(\d{4}-\d{2}-\d{2})/hour=(\d{2})/[^_.][^/]*"
)

Partition = tuple[str, str]
"""The values of dt and hour."""


@dataclass(frozen=True, slots=True)
class Watermark:
    """How far silver has come; None: nothing was merged yet.

    `newest` is when the newest object came that was taken in; what was written to the table until
    `complete_until` is all there.
    """

    newest: datetime | None = None
    complete_until: datetime | None = None

    @classmethod
    def of(cls, row: Sequence[str | None]) -> Watermark:
        """The watermark as the statement read_watermark gives it: newest, complete_until, orders.

        Without orders nothing has been merged, whatever was noted: somebody has dropped the table
        to have it made again.
        """
        newest, complete_until, orders = row
        if not int(orders or 0):
            return cls()
        return cls(_utc(newest), _utc(complete_until))


def _utc(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def listing(bucket: str, watermark: datetime | None, since: date | None) -> dict[str, str]:
    """The ListObjectsV2 request that finds all objects of rows which are new, or to be read again.

    Args:
        since: a day from which on all partitions are read again; None: only what is new.
    """
    request = {"Bucket": bucket, "Prefix": BRONZE_PREFIX}
    if watermark is not None:
        first = (watermark - LONGEST_DELIVERY).astimezone(UTC).date()
        first = min(first, since or first)
        request["StartAfter"] = f"{BRONZE_PREFIX}dt={first.isoformat()}/"
    return request


def new_partitions(
    objects: Iterable[Mapping[str, Any]], watermark: datetime | None, since: date | None
) -> tuple[list[Partition], datetime | None]:
    """The partitions of the objects that are new, in their order, and when the newest one came.

    An object that lies in no partition's folder, or is hidden from Athena by its name, is none of
    the table's.

    Args:
        objects: entries of ListObjectsV2's Contents.
    """
    found: set[Partition] = set()
    newest: datetime | None = None
    for entry in objects:
        if not (place := _PARTITION.fullmatch(entry["Key"])):
            continue
        dt, hour = place.groups()
        came: datetime = entry["LastModified"]
        again = since is not None and dt >= since.isoformat()
        if again or watermark is None or came > watermark - MARGIN:
            found.add((dt, hour))
            newest = max(newest or came, came)
    return sorted(found), newest


def complete_until(
    watermark: Watermark, objects: Iterable[Mapping[str, Any]], pace: Pace, now: datetime
) -> datetime | None:
    """Until when all that was written to the table is in silver; None: nobody can tell.

    A merge proves it until the time that it waited for. If no object has come since that it hasn't
    seen, nothing is left either of what was written so long ago that it would have come.

    Args:
        objects: entries of ListObjectsV2's Contents, by `listing` from the watermark on.
        now: by the same clock as the objects' times, or nearly: the pace's margin covers the rest.
    """
    newest = watermark.newest
    if any(newest is None or entry["LastModified"] > newest for entry in objects):
        return watermark.complete_until
    quiet = now - timedelta(seconds=pace.quiet + pace.intervals)
    return max(watermark.complete_until or quiet, quiet)


def partition_condition(partitions: Sequence[Sequence[str]]) -> str:
    """The SQL condition that selects partitions of the changelog.

    Of very many, all from the first day to the last are selected: a query's length is limited, and
    a change that is merged again changes nothing.
    """
    days: dict[str, list[str]] = {}
    for dt, hour in partitions:
        days.setdefault(dt, []).append(hour)
    if not days:
        return "dt IS NULL"  # no partition
    if len(partitions) > _PARTITIONS_BY_NAME:
        return f"dt BETWEEN '{min(days)}' AND '{max(days)}'"
    alternatives = (
        f"(dt = '{dt}' AND hour IN ({', '.join(map(_literal, hours))}))"
        for dt, hours in sorted(days.items())
    )
    return f"({' OR '.join(alternatives)})"


def _literal(text: str) -> str:
    return f"'{text}'"


def cuts(dates: Sequence[str], size: int = DATES_AT_ONCE) -> Iterator[str | None]:
    """The last order date of each statement that merges; None for the last one.

    That one takes whatever is left, and with it what has come since the dates were counted.

    Args:
        dates: YYYY-MM-DD, in their order.
    """
    for end in range(size, len(dates), size):
        yield dates[end - 1]
    yield None


def timestamp_literal(at: datetime | None) -> str:
    """A time as SQL of the type that silver has."""
    if at is None:
        return "CAST(NULL AS timestamp(6))"
    return f"TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}'"
