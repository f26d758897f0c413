"""When a crawler with a schedule starts.

https://docs.aws.amazon.com/glue/latest/dg/monitor-data-warehouse-schedule.html
"""

from __future__ import annotations

import re
from datetime import datetime

from croniter import CroniterBadDateError, CroniterError, croniter

from localaws.errors import AwsError, Unsupported

_CRON = re.compile(r"cron\((.+)\)")
_FIELDS = 6


def check(expression: str) -> None:
    """Refuse an expression that isn't ``cron(minutes hours day-of-month month day-of-week year)``.

    Raises:
        AwsError: InvalidInputException.
    """
    _parsed(expression)


def is_due(expression: str, since: datetime, now: datetime) -> bool:
    """Whether the schedule has a time after ``since``, up to ``now`` (UTC)."""
    try:
        following: datetime = croniter(_parsed(expression), since).get_next(datetime)
    except CroniterBadDateError:
        # The years of the expression are over, or too far away.
        return False
    return following <= now


def _parsed(expression: str) -> str:
    """The expression as croniter knows it: Sunday is 0 and not 1, the year comes after seconds."""
    match = _CRON.fullmatch(expression.strip())
    fields = match[1].split() if match else []
    if len(fields) != _FIELDS:
        raise AwsError(
            "InvalidInputException",
            f"Schedule {expression!r} is not cron(minutes hours day month weekday year)",
        )
    minutes, hours, day, month, weekday, year = (field.replace("?", "*") for field in fields)
    if re.search(r"[LW#]", day + re.sub(r"[A-Z]{3}", "", weekday)):
        raise Unsupported(f"L, W and # in the schedule {expression!r}", "InvalidInputException")
    weekday = re.sub(r"(?<!/)\b\d", lambda number: str(int(number[0]) - 1), weekday)
    parsed = f"{minutes} {hours} {day} {month} {weekday} 0 {year}"
    try:
        croniter(parsed)
    except CroniterError as error:
        raise AwsError("InvalidInputException", f"Schedule {expression!r}: {error}") from error
    return parsed
