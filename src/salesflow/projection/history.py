"""Daily sales as the projection needs them: whole days in a row, judged before they are used."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, Final

HORIZON: Final = 28
"""Days that are projected."""

WEEK: Final = 7

MINIMUM_DAYS: Final = 3 * HORIZON
"""Days of history that a projection needs: as many as it projects to learn from, as many to
calibrate its intervals, and as many to check them."""

_DAY: Final = timedelta(days=1)


class NotEnoughHistory(Exception):
    """The history is too short, or has gaps; the message says what is missing.

    Attributes:
        needs: days in a row that are needed.
        has: days in a row that there are.
    """

    def __init__(self, message: str, *, needs: int, has: int) -> None:
        super().__init__(message)
        self.needs = needs
        self.has = has


class BrokenHistory(ValueError):
    """A row that can't be the sales of a product on a day; the message says which and why."""


@dataclass(frozen=True, slots=True)
class DaySales:
    """What was sold of a product on a day: pieces, and their revenue in the shop's currency."""

    day: date
    product_name: str
    category: str | None
    units: int
    revenue: Decimal


@dataclass(frozen=True, slots=True)
class KnownDays:
    """The days of which all sales are known: a product without a row then sold nothing.

    `last` is the last whole day, never the one that still runs; `unknown` are days in between
    whose sales are missing.
    """

    first: date
    last: date
    unknown: frozenset[date] = frozenset()

    @staticmethod
    def since_first_sale(sales: Iterable[DaySales], last: date) -> KnownDays:
        """The days after that of the first sale, whose beginning nobody may have recorded.

        Raises:
            NotEnoughHistory: there is no sale before `last`.
        """
        first = min((row.day for row in sales), default=last)
        if first >= last:
            raise NotEnoughHistory(
                f"needs {MINIMUM_DAYS} days of history, has none before {last}",
                needs=MINIMUM_DAYS,
                has=0,
            )
        return KnownDays(first + _DAY, last)

    def __contains__(self, day: date) -> bool:
        return self.first <= day <= self.last and day not in self.unknown

    def last_unbroken(self) -> tuple[date, ...]:
        """The known days up to `last` that follow each other; what lies before a gap is left out.

        Raises:
            NotEnoughHistory: they are fewer than a projection needs.
        """
        gap = max((day for day in self.unknown if self.first <= day <= self.last), default=None)
        first = gap + _DAY if gap else self.first
        days = tuple(first + number * _DAY for number in range((self.last - first).days + 1))
        why = f"the sales of {gap} are not known" if gap else f"it begins on {self.first}"
        require_days(days, self.last, why)
        return days


def require_days(days: tuple[date, ...], last: date, why: str) -> None:
    """Raises `NotEnoughHistory` if the days are fewer than a projection needs."""
    if len(days) < MINIMUM_DAYS:
        raise NotEnoughHistory(
            f"needs {MINIMUM_DAYS} days of history in a row up to {last}, has {len(days)}: {why}",
            needs=MINIMUM_DAYS,
            has=len(days),
        )


def read_sales(records: Iterable[Mapping[str, Any]]) -> list[DaySales]:
    """Rows with the columns day, product_name, category, units and revenue, as typed values.

    They may be those of a CSV file or of a query's result, all text, or `to_dict("records")` of a
    data frame. The category may be empty or absent.

    Raises:
        BrokenHistory: a value is missing or is not what its column holds, or is negative.
    """
    return [_row(number, record) for number, record in enumerate(records, start=1)]


def _row(number: int, record: Mapping[str, Any]) -> DaySales:
    try:
        return DaySales(
            day=_day(record.get("day")),
            product_name=_name(record.get("product_name")),
            category=_text(record.get("category")),
            units=_units(record),
            revenue=_number(record, "revenue"),
        )
    except ValueError as error:
        raise BrokenHistory(f"row {number}: {error}") from None


def _name(value: object) -> str:
    name = _text(value)
    if name is None:
        raise ValueError("product_name is empty")
    return name


def _units(record: Mapping[str, Any]) -> int:
    units = _number(record, "units")
    if units != units.to_integral_value():
        raise ValueError(f"units {units} is not a whole number")
    return int(units)


def _text(value: object) -> str | None:
    """A data frame's missing text is a NaN."""
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    return str(value).strip() or None


def _day(value: object) -> date:
    if isinstance(value, datetime):
        return value.date()
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value))
    except ValueError:
        raise ValueError(f"day {value!r} is no day") from None


def _number(record: Mapping[str, Any], column: str) -> Decimal:
    value = record.get(column)
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(f"{column} {value!r} is no number") from None
    if not number.is_finite() or number < 0:
        raise ValueError(f"{column} {value!r} is not a number of at least 0")
    return number
