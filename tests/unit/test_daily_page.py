"""What the page of a day is made of: reports, queries, and what a run has found."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from daily_page import DAY, projected
from salesflow.daily_page import (
    REPORTS,
    NothingStored,
    StoredReport,
    complete_until,
    contents_of,
    restatement,
)
from salesflow.pages.contents import DailyReport, Projected
from salesflow.pages.page import render
from salesflow.pages.reading import SECTIONS
from salesflow.projection.rows import BacktestResult, ProjectedDay, as_csv
from salesflow.projection.series import NotProjected
from salesflow.report_store import Manifest

NEXT_DAY = "2026-03-05T00:10:00+00:00"
BACKTEST = BacktestResult(DAY, "total", "total", "revenue", "theta", 0.7, None, 0.8, 0.9, 3)
QUERIES = {
    "left_out": b'"quarantined","set_aside"\n"3","1"\n',
    "checks": b'"check_name","severity","outcome","found","sample"\n'
    b'"check_rows","blocking","passed","0",\n',
    "restatements": b'"report","day","version","column_name","sum_before","sum_after",'
    b'"difference","rows_gone","rows_new"\n'
    b'"day_totals","2026-03-04","2","net_sales","3.0000","5.0000","2.0000","1","1"\n',
    "projection": as_csv(ProjectedDay, projected().days),
    "backtest": as_csv(BacktestResult, [BACKTEST]),
    "past_days": b'"day","revenue","units"\n"2026-03-04","9.5000","3"\n"2026-03-05","1.0000","1"\n',
}
CHANGE = {
    "report": "day_totals",
    "day": "2026-03-04",
    "version": 2,
    "column": "net_sales",
    "before": "3",
    "after": "5",
    "difference": "2",
    "rows_gone": 1,
    "rows_new": 1,
}


def stored(name: str, csv: bytes, watermark: str = NEXT_DAY) -> StoredReport:
    manifest = Manifest(name, DAY.isoformat(), 1, 0, "", watermark, "", 0, "", "", "")
    return StoredReport(manifest, csv)


def header(report: str) -> bytes:
    [(row_type, renamed)] = [
        (kind, more) for name, kind, more in SECTIONS.values() if name == report
    ]
    return (
        ",".join(renamed.get(field.name, field.name) for field in fields(row_type)) + "\n"
    ).encode()


ALL = {name: stored(name, header(name)) for name in REPORTS}
HOURS = stored("hourly_sales", header("hourly_sales") + b"3,1,2,20.5000\n")


def contents(
    reports: dict[str, StoredReport] | None = None,
    files: dict[tuple[str, str], StoredReport] | None = None,
    watermark: str | None = None,
    **queries: bytes,
) -> DailyReport:
    return contents_of(
        DAY,
        "salesflow test",
        ALL if reports is None else reports,
        (QUERIES | queries).__getitem__,
        lambda name, day: (files or {}).get((name, day)),
        watermark=watermark,
        has_projection=True,
        restated=[restatement(CHANGE)],
    )


def test_a_page_tells_of_the_reports_and_of_the_data() -> None:
    report = contents(ALL | {"hourly_sales": HOURS})
    assert [(row.hour, row.net_sales) for row in report.hours] == [(3, Decimal("20.5"))]
    assert (report.state.quarantined, report.state.set_aside) == (3, 1)
    assert [check.outcome for check in report.state.checks] == ["passed"]
    assert report.failed == ()


def test_a_report_that_failed_is_named_and_the_others_are_shown() -> None:
    reports = {name: each for name, each in ALL.items() if name != "inventory"}
    report = contents(reports | {"hourly_sales": HOURS})
    assert report.failed == ("inventory",)
    page = render(report).decode()
    assert "Missing, as the reports failed or were never made: inventory." in page
    assert "Missing, as the report inventory failed or was never made." in page
    assert "Missing, as the report customer_segments failed or was never made." not in page


def test_totals_that_failed_are_not_said_to_be_none() -> None:
    page = render(
        replace(contents(), failed=("day_totals", "hourly_sales", "sales_by_product"))
    ).decode()
    assert "Missing, as the report day_totals failed or was never made." in page
    assert "There are no totals of this day." not in page
    assert "Missing, as the report sales_by_product failed or was never made." in page


def test_without_a_report_there_is_no_page() -> None:
    with pytest.raises(NothingStored, match="no report of 2026-03-04"):
        contents({})


def test_a_change_is_told_once_though_the_run_and_the_table_have_it() -> None:
    [change] = contents().restatements
    assert (change.column_name, change.difference) == ("net_sales", Decimal(2))
    [change] = contents(restatements=QUERIES["restatements"].splitlines(True)[0]).restatements
    assert change.sum_after == Decimal(5)


def test_the_projection_is_shown_with_the_days_that_it_knew() -> None:
    gone = NotProjected("Pager", "not sold for 60 days", "(other: phones)")
    files = {
        ("projection_not_projected", DAY.isoformat()): stored(
            "projection_not_projected", as_csv(NotProjected, [gone])
        )
    }
    projection = contents(files=files).projection
    assert isinstance(projection, Projected)
    assert (projection.as_of, projection.days) == (DAY, projected().days)
    assert projection.backtest == (BACKTEST,)
    assert [day.day for day in projection.past] == [DAY]
    assert projection.not_projected == (gone,)


@pytest.mark.parametrize("day", ["2026-03-04", "2026-03-03"])
def test_without_a_projection_the_page_says_why(day: str) -> None:
    none = QUERIES["projection"].splitlines(True)[0]
    assert "project_sales makes one, of 84 days" in str(contents(projection=none).projection)
    outcome = b"as_of,outcome,sentence\n2026-03-04,refused,not enough history: it has 30 days\n"
    files = {("projection_outcome", day): stored("projection_outcome", outcome)}
    assert contents(files=files, projection=none).projection == (
        "not enough history: it has 30 days"
    )


@pytest.mark.parametrize(
    ("computed", "now", "known"),
    [
        ([NEXT_DAY], "2026-03-09T00:00:00+00:00", NEXT_DAY),
        ([NEXT_DAY, "2026-03-04T12:00:00+00:00"], None, NEXT_DAY),
        (["2026-03-04T12:00:00+00:00"], "2026-03-06T00:00:00+00:00", "2026-03-06T00:00:00+00:00"),
        (["2026-03-04T12:00:00+00:00"], None, "2026-03-04T12:00:00+00:00"),
        ([None], "2026-03-04T13:00:00+00:00", "2026-03-04T13:00:00+00:00"),
        ([None], None, None),
    ],
)
def test_a_whole_day_is_known_until_its_figures_last_changed(
    computed: list[str | None], now: str | None, known: str | None
) -> None:
    until = complete_until(date(2026, 3, 4), computed, now)
    assert until == (datetime.fromisoformat(known).astimezone(UTC) if known else None)
