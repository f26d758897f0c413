"""Daily reports: which day, what adds up, and by which token Athena knows a query."""

from __future__ import annotations

import re
from datetime import date
from hashlib import sha256
from typing import Any, Final

_ADDS_UP: Final = re.compile(r"^-- Adds up: (.+)$", re.MULTILINE)
_NOTHING: Final = "nothing"
_FIRST_DAY: Final = date(1900, 1, 1)
"""Reports look back by a year, and projections by three: not beyond the first day there is."""


class HeaderRefused(ValueError):
    """The header of a report's SQL file lacks a line, or has it twice; the message says which."""


class DayRefused(ValueError):
    """A text that is no day to report on; the message says why."""


def report_day(text: str, today: date) -> date:
    """The day that a text names (YYYY-MM-DD); today's report is of what there is so far.

    Raises:
        DayRefused: the text is malformed, or the day is in the future or before 1900.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD") from None
    if day.isoformat() != text:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD")
    if day < _FIRST_DAY:
        raise DayRefused(f"{text} is too long ago: the first day is {_FIRST_DAY.isoformat()}")
    if day > today:
        raise DayRefused(f"{text} is in the future: it is {today.isoformat()} (UTC)")
    return day


def columns_that_add_up(sql: str) -> frozenset[str]:
    """The columns whose sum over a report's rows means something, by the header of its SQL file.

    The line is `-- Adds up: orders, net_sales`, or `-- Adds up: nothing`. Averages and prices don't
    add up, nor does what the rows of several days, or of a choice of the best, have.

    Raises:
        HeaderRefused: there isn't exactly one such line.
    """
    lines = _ADDS_UP.findall(sql)
    if len(lines) != 1:
        raise HeaderRefused(f"a report's header has one line '-- Adds up: …', not {len(lines)}")
    return frozenset(name.strip() for name in lines[0].split(",")) - {_NOTHING}


def request_token(*identity: Any) -> str:
    """Athena's ClientRequestToken of a query: the same parts, the same token.

    Athena answers a token that it knows with the query that it already runs or has run.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """
    return sha256("\x1f".join(map(str, identity)).encode()).hexdigest()
