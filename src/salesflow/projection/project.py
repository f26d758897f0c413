"""The projection of sales, from their history to the rows of its tables."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, localcontext
from typing import Final

import numpy as np

from salesflow.numbers import EXACT
from salesflow.projection.backtest import Backtest, Flags, backtest
from salesflow.projection.choice import Choice, choose
from salesflow.projection.history import HORIZON, WEEK, DaySales, KnownDays
from salesflow.projection.intervals import LEVELS, intervals
from salesflow.projection.models import Floats
from salesflow.projection.rows import TOTAL, BacktestResult, Level, ProjectedDay
from salesflow.projection.series import (
    MEASURES,
    Measure,
    NotProjected,
    SalesHistory,
    sales_history,
)

MOST_PRODUCTS: Final = 100

# The first origin at whose time the outcome of a whole horizon was known.
_FIRST_CHECKED: Final = HORIZON // WEEK
_SCALE: Final = Decimal("0.0001")
_DIGITS: Final = 4


@dataclass(frozen=True, slots=True)
class Projection:
    """The next 28 days after `as_of`, the last whole day of the history.

    Products add up to their category and categories to the total, day by day and to the last
    decimal; intervals don't, as the whole varies less than its parts.
    """

    as_of: date
    days: tuple[ProjectedDay, ...]
    backtest: tuple[BacktestResult, ...]
    not_projected: tuple[NotProjected, ...]


def project(
    sales: Sequence[DaySales], known: KnownDays, *, most_products: int = MOST_PRODUCTS
) -> Projection:
    """Project revenue and units of every product and category, and of all together.

    The same sales give the same rows, in whatever order they come. Sales outside the known days
    are not looked at.

    Args:
        most_products: how many products are projected each for itself; the others are projected
            together, by category.

    Raises:
        NotEnoughHistory: there is too little history to project from; the message says what is
            missing.
        BrokenHistory: the history contradicts itself.
    """
    history = sales_history(sales, known, most_products)
    days: list[ProjectedDay] = []
    results: list[BacktestResult] = []
    for measure in MEASURES:
        past = backtest(history, measure)
        now = len(past.origins) - 1
        choice = choose(past, now)
        with localcontext(EXACT):
            days += _projected_days(history, measure, past, choice)
        results += _results(history, measure, past, choice)
    return Projection(history.days[-1], tuple(days), tuple(results), history.not_projected)


def _names(history: SalesHistory) -> list[tuple[Level, str]]:
    """The rows of `Backtest.rows`."""
    names: list[tuple[Level, str]] = [("product", series.name) for series in history.series]
    names += [("category", name) for name, _ in history.categories]
    return [*names, ("total", TOTAL)]


def _projected_days(
    history: SalesHistory, measure: Measure, past: Backtest, choice: Choice
) -> Iterator[ProjectedDay]:
    as_of = history.days[-1]
    bounds = intervals(past, choice, len(past.origins) - 1)
    projected = _decimals(history, choice.projected[-1])
    for row, (level, name) in enumerate(_names(history)):
        for day in range(HORIZON):
            value = projected[row][day]
            low_80, low_95 = (_low(bounds[of][0][row, day], value) for of in LEVELS)
            high_80, high_95 = (_high(bounds[of][1][row, day], value) for of in LEVELS)
            yield ProjectedDay(
                as_of=as_of,
                day=as_of + timedelta(days=day + 1),
                level=level,
                name=name,
                measure=measure,
                projected=value,
                low_80=low_80,
                high_80=high_80,
                low_95=min(low_95, low_80),
                high_95=max(high_95, high_80),
                model=choice.models[row],
            )


def _decimals(history: SalesHistory, projected: Floats) -> list[list[Decimal]]:
    """The rows as decimals; sums are those of the rounded products, so that they agree."""
    series = [
        [Decimal(float(value)).quantize(_SCALE, ROUND_HALF_EVEN) for value in row]
        for row in projected[: len(history.series)]
    ]
    everything = range(len(series))
    sums = [columns for _, columns in history.categories] + [tuple(everything)]
    return series + [
        [sum((series[column][day] for column in columns), Decimal(0)) for day in range(HORIZON)]
        for columns in sums
    ]


def _low(bound: float, projected: Decimal) -> Decimal:
    return min(Decimal(float(bound)).quantize(_SCALE, ROUND_FLOOR), projected)


def _high(bound: float, projected: Decimal) -> Decimal:
    return max(Decimal(float(bound)).quantize(_SCALE, ROUND_CEILING), projected)


def _results(
    history: SalesHistory, measure: Measure, past: Backtest, choice: Choice
) -> Iterator[BacktestResult]:
    """What is said of the past is measured as of each origin with what was known by then."""
    now = len(past.origins) - 1
    actual, naive = choice.actual[:now], choice.naive[:now]
    outcome = past.known(now)
    checked = np.zeros(actual.shape, dtype=np.bool_)
    published = np.zeros(actual.shape)
    inside = {level: np.zeros(actual.shape, dtype=np.bool_) for level in LEVELS}
    for at in range(_FIRST_CHECKED, now):
        then = choose(past, at)
        published[at] = then.projected[at]
        old_enough = np.asarray(then.judged.any(axis=(0, 2)))
        checked[at] = choice.judged[at] & old_enough[:, None] & outcome[at]
        for percent, (low, high) in intervals(past, then, at).items():
            inside[percent][at] = (low <= actual[at]) & (actual[at] <= high)
    for row, (level, name) in enumerate(_names(history)):
        judged, later = choice.judged[:now, row], checked[:, row]
        naive_errors = naive[:, row] - actual[:, row]
        yield BacktestResult(
            as_of=history.days[-1],
            level=level,
            name=name,
            measure=measure,
            model=choice.models[row],
            relative_error=_ratio(
                choice.projected[:now, row] - actual[:, row], naive_errors, judged
            ),
            relative_error_unseen=_ratio(published[:, row] - actual[:, row], naive_errors, later),
            coverage_80=_share(inside[80][:, row], later),
            coverage_95=_share(inside[95][:, row], later),
            folds=int(later.any(axis=1).sum()),
        )


def _ratio(errors: Floats, naive: Floats, judged: Flags) -> float | None:
    """Root mean squared errors, one by the other; 1 if neither model made any."""
    if not judged.any():
        return None
    ours, theirs = (float(np.square(each[judged]).sum()) for each in (errors, naive))
    if ours == theirs:
        return 1.0
    return round((ours / theirs) ** 0.5, _DIGITS) if theirs else None


def _share(inside: Flags, checked: Flags) -> float | None:
    return round(float(inside[checked].mean()), _DIGITS) if checked.any() else None
