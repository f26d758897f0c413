"""Which reports there are in the lake, newest first: listed from a month ago on, never all."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

LOOKED_BACK: Final = timedelta(days=35)
"""How old the newest report may be."""

DUE: Final = timedelta(hours=3)
"""So long after midnight (UTC) a day's reports are there, late silver and retries included."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """A file of a day's report: its key, the day, and when it was written."""

    key: str
    day: date
    written_at: datetime


def newest_object(
    s3: Any, bucket: str, name: str, suffix: str, now: datetime
) -> StoredObject | None:
    """The file of the newest day of a report; None if there is none of the last weeks.

    Args:
        name: the report, or `page`.
        suffix: csv, json, parquet or html.
    """
    prefix = f"reports/{name}/dt="
    first = (now - LOOKED_BACK).astimezone(UTC).date()
    key_of = re.compile(re.escape(prefix) + rf"(\d{{4}}-\d\d-\d\d)/{name}\.{suffix}")
    newest = None
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=bucket, Prefix=prefix, StartAfter=f"{prefix}{first.isoformat()}"
    )
    # Days sort as their keys do.
    for entry in (entry for page in pages for entry in page.get("Contents", [])):
        if place := key_of.fullmatch(entry["Key"]):
            with suppress(ValueError):  # 2026-13-45 is no day, and no report of ours
                day = date.fromisoformat(place[1])
                newest = StoredObject(entry["Key"], day, entry["LastModified"])
    return newest
