"""Days and tokens of the daily reports, and what adds up in them."""

from __future__ import annotations

from datetime import date

import pytest

from report_sql import REPORTS, columns, rendered
from salesflow.reports import (
    DayRefused,
    HeaderRefused,
    columns_that_add_up,
    report_day,
    request_token,
)

TODAY = date(2026, 3, 4)


def test_a_day_may_be_past_or_today() -> None:
    assert report_day("2026-03-03", TODAY) == date(2026, 3, 3)
    assert report_day("2026-03-04", TODAY) == TODAY


@pytest.mark.parametrize("text", ["2026-3-3", "20260303", "2026-02-30", "yesterday", "", "' OR 1"])
def test_a_malformed_day_is_refused_by_name(text: str) -> None:
    with pytest.raises(DayRefused, match="is no day: write it as YYYY-MM-DD"):
        report_day(text, TODAY)


def test_a_day_in_the_future_is_refused() -> None:
    with pytest.raises(DayRefused, match="2026-03-05 is in the future: it is 2026-03-04"):
        report_day("2026-03-05", TODAY)


def test_a_day_before_there_were_shops_is_refused() -> None:
    assert report_day("1900-01-01", TODAY) == date(1900, 1, 1)
    with pytest.raises(DayRefused, match="0001-01-01 is too long ago: the first day is 1900-01-01"):
        report_day("0001-01-01", TODAY)


def test_a_token_is_what_athena_takes_and_tells_parts_apart() -> None:
    token = request_token("dag", "run", 1)
    assert 32 <= len(token) <= 128
    assert token == request_token("dag", "run", "1")
    assert token != request_token("dag", "run", 2)
    assert request_token("ab", "c") != request_token("a", "bc")


@pytest.mark.parametrize("report", REPORTS)
def test_each_report_says_which_of_its_columns_add_up(report: str) -> None:
    assert columns_that_add_up(rendered(report)) <= set(columns(report))


def test_averages_shares_and_prices_do_not_add_up() -> None:
    told = set().union(*(columns_that_add_up(rendered(report)) for report in REPORTS))
    for word in ("average", "percent", "price", "_per_", "days", "rank"):
        assert not [name for name in told if word in name]
    assert columns_that_add_up(rendered("day_totals")) == set()


def test_a_header_says_once_what_adds_up() -> None:
    assert columns_that_add_up("-- Adds up: orders, units\nSELECT 1") == {"orders", "units"}
    for header in ("", "-- Adds up:\n", "-- Adds up: orders\n-- Adds up: units\n"):
        with pytest.raises(HeaderRefused, match="one line '-- Adds up: …'"):
            columns_that_add_up(f"{header}SELECT 1")
