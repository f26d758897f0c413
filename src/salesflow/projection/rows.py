"""What the projection gives, as rows of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

Level = Literal["total", "category", "product"]

TOTAL: Final = "total"
"""The name of the only series of the level of that name."""


@dataclass(frozen=True, slots=True)
class ProjectedDay:
    """A day to come of a series, as it looked at the end of the day `as_of`.

    `projected` is an expectation, so units have fractions too. The intervals are closed.
    """

    as_of: date
    day: date
    level: Level
    name: str
    measure: str
    projected: Decimal
    low_80: Decimal
    high_80: Decimal
    low_95: Decimal
    high_95: Decimal
    model: str


@dataclass(frozen=True, slots=True)
class BacktestResult:
    """How a series would have been projected in the past.

    Attributes:
        relative_error: root mean squared error of what the chosen model projects as of past days,
            divided by that of the seasonal naive model (the same day of the last week); None if
            the product is too young to say.
        relative_error_unseen: the same of what would really have been projected: of the model
            that was the best one by then.
        coverage_80: share of days within the 80 % interval, which was calibrated before them.
        coverage_95: the same of the 95 % interval.
        folds: the past days as of which was projected for the last three.
    """

    as_of: date
    level: Level
    name: str
    measure: str
    model: str
    relative_error: float | None
    relative_error_unseen: float | None
    coverage_80: float | None
    coverage_95: float | None
    folds: int


@dataclass(frozen=True, slots=True)
class Accuracy:
    """A projection beside what was sold, over those of its days that are known by now.

    Attributes:
        days: their number; `projected` and `actual` are the sums over them.
        absolute_error: the errors of all days without their sign, divided by what was sold; None
            if that is nothing.
        relative_error: root mean squared error, divided by that of the seasonal naive model; None
            where that made no error, or its week isn't known.
    """

    as_of: date
    level: Level
    name: str
    measure: str
    days: int
    projected: Decimal
    actual: Decimal
    absolute_error: float | None
    relative_error: float | None
    coverage_80: float
    coverage_95: float


def as_csv(row_type: type[Any], rows: Iterable[Any]) -> bytes:
    """Rows of one type as a CSV file, with a header even if there are none; None is empty."""
    text = io.StringIO()
    names = [field.name for field in fields(row_type)]
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows([getattr(row, name) for name in names] for row in rows)
    return text.getvalue().encode()
