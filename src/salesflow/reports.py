"""Daily reports: which day, and by which token Athena knows a query."""

from __future__ import annotations

from datetime import date
from hashlib import sha256
from typing import Any


class DayRefused(ValueError):
    """A text that is no day to report on; the message says why."""


def report_day(text: str, today: date) -> date:
    """The day that a text names (YYYY-MM-DD); today's report is of what there is so far.

    Raises:
        DayRefused: the text is malformed, or the day is in the future.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD") from None
    if day.isoformat() != text:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD")
    if day > today:
        raise DayRefused(f"{text} is in the future: it is {today.isoformat()} (UTC)")
    return day


def request_token(*identity: Any) -> str:
    """Athena's ClientRequestToken of a query: the same parts, the same token.

    Athena answers a token that it knows with the query that it already runs or has run.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """
    return sha256("\x1f".join(map(str, identity)).encode()).hexdigest()
