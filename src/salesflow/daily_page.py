"""The page of a day in the lake: what it is made of, and where it lies."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final, TypeVar

from salesflow.pages.contents import (
    CheckOutcome,
    DailyReport,
    DataState,
    PastDay,
    Projected,
    Restatement,
)
from salesflow.pages.page import CONTENT_TYPE, render
from salesflow.pages.reading import SECTIONS, read_sections, rows_of
from salesflow.projection.history import MINIMUM_DAYS
from salesflow.projection.rows import Accuracy, BacktestResult, ProjectedDay
from salesflow.projection.series import NotProjected
from salesflow.report_store import Manifest, read_manifest, report_key

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

Row = TypeVar("Row")

REPORTS: Final = frozenset(report for report, _, _ in SECTIONS.values())
"""The reports that a page shows."""

PROJECTION_TABLE: Final = "sales_projection"


class NothingStored(Exception):
    """No report of a day is stored: there is nothing to show."""


@dataclass(frozen=True, slots=True)
class StoredReport:
    """A report as it lies in the lake."""

    manifest: Manifest
    csv: bytes


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is in no figure, as rows of the query of that name have it."""

    quarantined: int
    set_aside: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """Why there is no projection, as project_sales has stored it; empty if there is one."""

    sentence: str


def page_key(day: str) -> str:
    """The key of a day's page in the lake's bucket."""
    return f"reports/page/dt={day}/page.html"


def read_report(client: S3Client, bucket: str, name: str, day: str) -> StoredReport | None:
    """A report of a day; None if it isn't stored, or not whole.

    A crash may leave new rows beside an old manifest: the report's next run mends that.
    """
    manifest = read_manifest(client, bucket, name, day)
    if manifest is None:
        return None
    csv = client.get_object(Bucket=bucket, Key=report_key(name, day))["Body"].read()
    return StoredReport(manifest, csv) if sha256(csv).hexdigest() == manifest.csv else None


def read_reports(
    client: S3Client, bucket: str, day: str, names: Iterable[str]
) -> dict[str, StoredReport]:
    """The reports of a day that a page shows, out of `names`; what isn't stored is left out."""
    found = {name: read_report(client, bucket, name, day) for name in REPORTS & set(names)}
    return {name: report for name, report in found.items() if report is not None}


def contents_of(
    day: date,
    shop: str,
    reports: Mapping[str, StoredReport],
    query: Callable[[str], bytes],
    read: Callable[[str, str], StoredReport | None],
    *,
    watermark: str | None,
    has_projection: bool,
    restated: Iterable[Restatement] = (),
) -> DailyReport:
    """What the page of a day tells.

    Args:
        reports: those that are not among them have failed, or were never made.
        query: gives the result of a query of dags/sql/page, by its name, as a CSV file.
        read: gives what project_sales has stored under a name and a day.
        watermark: ISO 8601 time until which all that was written is known to be in silver now.
        has_projection: whether the table of projections exists.
        restated: changes that may not be in the table of restatements yet.

    Raises:
        NothingStored: there are no reports.
    """
    if not reports:
        raise NothingStored(f"no report of {day} is stored")
    [left_out] = rows_of(LeftOut, query("left_out"))
    known = complete_until(day, (each.manifest.watermark for each in reports.values()), watermark)
    return DailyReport(
        day=day,
        shop=shop,
        state=DataState(
            complete_until=known,
            checks=rows_of(CheckOutcome, query("checks")),
            quarantined=left_out.quarantined,
            set_aside=left_out.set_aside,
        ),
        projection=_projection(day, query, read, has_projection),
        restatements=_restatements(rows_of(Restatement, query("restatements")), restated),
        failed=tuple(sorted(REPORTS - set(reports))),
        **read_sections(lambda name: reports[name].csv if name in reports else None),
    )


def complete_until(
    day: date, computed: Iterable[str | None], watermark: str | None
) -> datetime | None:
    """Until when all that was written is in the figures of a day; None: nobody can tell.

    Once a day is whole this is the time when its figures last changed, so that a page that would
    tell nothing new stays as it is. Every run computes all reports, so the newest holds for all.

    Args:
        computed: the watermarks of the manifests.
        watermark: how far silver has come by now.
    """
    end = datetime.combine(day + timedelta(days=1), time(), UTC)
    newest = max((datetime.fromisoformat(text) for text in computed if text), default=None)
    if newest is not None and newest >= end:
        return newest
    now = datetime.fromisoformat(watermark) if watermark else None
    return max((at for at in (newest, now) if at), default=None)


def restatement(change: Mapping[str, Any]) -> Restatement:
    """A change as the run that found it tells it: sums as text, no column if none has changed."""
    before, after, difference = (
        None if change[name] is None else Decimal(change[name])
        for name in ("before", "after", "difference")
    )
    return Restatement(
        report=change["report"],
        day=date.fromisoformat(change["day"]),
        version=change["version"],
        column_name=change["column"],
        sum_before=before,
        sum_after=after,
        difference=difference,
        rows_gone=change["rows_gone"],
        rows_new=change["rows_new"],
    )


def store_page(client: S3Client, bucket: str, report: DailyReport, currency_code: str) -> str:
    """Render the page and store it in the place of the one before; its key."""
    key = page_key(report.day.isoformat())
    client.put_object(
        Bucket=bucket, Key=key, Body=render(report, currency_code), ContentType=CONTENT_TYPE
    )
    return key


def read_page(client: S3Client, bucket: str, day: date) -> bytes | None:
    """The page of a day as it was stored; None if there is none."""
    try:
        found = client.get_object(Bucket=bucket, Key=page_key(day.isoformat()))
    except client.exceptions.NoSuchKey:
        return None
    return found["Body"].read()


def _restatements(
    recorded: Iterable[Restatement], restated: Iterable[Restatement]
) -> tuple[Restatement, ...]:
    """Each once, the newest day and version first."""
    changes = {
        (-row.day.toordinal(), row.report, -row.version, row.column_name or ""): row
        for row in (*restated, *recorded)
    }
    return tuple(changes[key] for key in sorted(changes))


def _projection(
    day: date,
    query: Callable[[str], bytes],
    read: Callable[[str, str], StoredReport | None],
    has_projection: bool,
) -> Projected | str:
    days = rows_of(ProjectedDay, query("projection")) if has_projection else ()
    if not days:
        for as_of in (day, day - timedelta(days=1)):
            for outcome in _stored(Outcome, read, "projection_outcome", as_of):
                if outcome.sentence:
                    return outcome.sentence
        return (
            f"none was made by the end of {day}; project_sales makes one, of {MINIMUM_DAYS} days "
            "of history in a row or more"
        )
    as_of = days[0].as_of
    return Projected(
        as_of=as_of,
        days=days,
        backtest=rows_of(BacktestResult, query("backtest")),
        past=tuple(row for row in rows_of(PastDay, query("past_days")) if row.day <= as_of),
        not_projected=_stored(NotProjected, read, "projection_not_projected", as_of),
        accuracy=_stored(Accuracy, read, "projection_accuracy", as_of),
    )


def _stored(
    row_type: type[Row], read: Callable[[str, str], StoredReport | None], name: str, day: date
) -> tuple[Row, ...]:
    report = read(name, day.isoformat())
    return () if report is None else rows_of(row_type, report.csv)
