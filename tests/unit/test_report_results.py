"""Days and tokens of the daily reports."""

from __future__ import annotations

from datetime import date

import pytest

from salesflow.reports import (
    DayRefused,
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


def test_a_token_is_what_athena_takes_and_tells_parts_apart() -> None:
    token = request_token("dag", "run", 1)
    assert 32 <= len(token) <= 128
    assert token == request_token("dag", "run", "1")
    assert token != request_token("dag", "run", 2)
    assert request_token("ab", "c") != request_token("a", "bc")
