"""The series that are projected: products, and what they add up to."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

import numpy as np

from salesflow.projection.history import (
    HORIZON,
    BrokenHistory,
    DaySales,
    KnownDays,
    NotEnoughHistory,
    require_days,
)
from salesflow.projection.models import Floats

Measure = Literal["revenue", "units"]
MEASURES: Final[tuple[Measure, ...]] = ("revenue", "units")

RECENT_DAYS: Final = 2 * HORIZON
"""The days that say how much of the total a product is now; who sold nothing in them is gone."""

PRODUCT_DAYS: Final = 14
"""Days since its first sale that a product needs to be projected: every weekday twice."""

NO_CATEGORY: Final = "(no category)"


@dataclass(frozen=True, slots=True)
class NotProjected:
    """A product without a projection of its own, and why; it is part of the series `within`."""

    product_name: str
    reason: str
    within: str


@dataclass(frozen=True, slots=True)
class Series:
    """A product, or the products of a category that have no projection of their own."""

    name: str
    category: str
    first_sale: int
    """The number of the day, from 0."""


@dataclass(frozen=True, slots=True)
class SalesHistory:
    """The whole history: every sale of the known days is in exactly one of the series.

    Which products have a series of their own is decided by the present, for the past too.
    `values` has, by measure, a row for each day and a column for each series. `categories` says
    which of the columns each category adds up; it is empty if no product has one.
    """

    days: tuple[date, ...]
    series: tuple[Series, ...]
    values: dict[Measure, Floats]
    categories: tuple[tuple[str, tuple[int, ...]], ...]
    not_projected: tuple[NotProjected, ...]


def sales_history(sales: Sequence[DaySales], known: KnownDays, most_products: int) -> SalesHistory:
    """The sales of the last unbroken days; rows of other days are left out.

    At most `most_products` products are projected, those whose recent revenue is the largest.

    Raises:
        NotEnoughHistory: the days are too few, or nothing was sold lately.
    """
    days = _days_since_first_sale(sales, known)
    sums = _sums(sales, {day: index for index, day in enumerate(days)})
    if not any(by["units"][-HORIZON:].any() for by in sums.values()):
        raise NotEnoughHistory(
            f"nothing was sold in the {HORIZON} days up to {days[-1]}", needs=HORIZON, has=0
        )
    category = category_of(sales, known)
    reasons = _reasons(sums, days, most_products)
    members = [(name, category[name], {name}) for name in sorted(sums.keys() - reasons.keys())]
    for of in sorted({category[name] for name in reasons}):
        members.append((others(of), of, {name for name in reasons if category[name] == of}))
    if twice := {others(category[name]) for name in reasons} & sums.keys():
        raise BrokenHistory(f"{min(twice)!r} can't be the name of a product: it names the others")
    values: dict[Measure, Floats] = {}
    for measure in MEASURES:
        columns = [sum(sums[name][measure] for name in sorted(names)) for _, _, names in members]
        values[measure] = np.stack(columns, axis=1)
    series = tuple(
        Series(name, of, min(_first_sale(sums[each]) for each in names))
        for name, of, names in members
    )
    not_projected = tuple(
        NotProjected(name, reason, others(category[name])) for name, reason in reasons.items()
    )
    return SalesHistory(days, series, values, _categories(series), not_projected)


def _days_since_first_sale(sales: Iterable[DaySales], known: KnownDays) -> tuple[date, ...]:
    """Before it sold anything a shop wasn't one."""
    days = known.last_unbroken()
    sold = {row.day for row in sales if row.units or row.revenue}
    first = next((number for number, day in enumerate(days) if day in sold), len(days))
    require_days(days[first:], known.last, "nothing was sold before that")
    return days[first:]


def category_of(sales: Iterable[DaySales], known: KnownDays) -> dict[str, str]:
    """The category of every product that was sold: its latest, should it have had several."""
    latest: dict[str, tuple[date, str]] = {}
    for row in sales:
        if row.day in known:
            candidate = (row.day, row.category) if row.category else (date.min, NO_CATEGORY)
            latest[row.product_name] = max(latest.get(row.product_name, candidate), candidate)
    return {name: category for name, (_, category) in latest.items()}


def others(category: str) -> str:
    """The name of the series of all products of a category that have none of their own."""
    return "(other products)" if category == NO_CATEGORY else f"(other: {category})"


def _sums(sales: Iterable[DaySales], number: dict[date, int]) -> dict[str, dict[Measure, Floats]]:
    """By product and measure the sales of each day; summed as decimals, then made floats."""
    revenue: defaultdict[tuple[str, int], Decimal] = defaultdict(Decimal)
    units: defaultdict[tuple[str, int], int] = defaultdict(int)
    for row in sales:
        if row.day in number and (row.units or row.revenue):
            key = row.product_name, number[row.day]
            revenue[key] += row.revenue
            units[key] += row.units
    names = sorted({name for name, _ in units})
    sums: dict[str, dict[Measure, Floats]] = {
        name: {measure: np.zeros(len(number)) for measure in MEASURES} for name in names
    }
    for (name, day), amount in revenue.items():
        sums[name]["revenue"][day] = float(amount)
        sums[name]["units"][day] = units[name, day]
    return sums


def _first_sale(by: dict[Measure, Floats]) -> int:
    return int(np.flatnonzero(by["units"] + by["revenue"])[0])


def _reasons(
    sums: dict[str, dict[Measure, Floats]], days: tuple[date, ...], most_products: int
) -> dict[str, str]:
    """The products that get no projection of their own, and why not."""
    reasons = {}
    recent = {}
    for name, by in sums.items():
        sold = np.flatnonzero(by["units"] + by["revenue"])
        age = len(days) - int(sold[0])
        idle = len(days) - 1 - int(sold[-1])
        if age < PRODUCT_DAYS:
            reasons[name] = (
                f"first sold on {days[sold[0]]}: needs {PRODUCT_DAYS} days since then, has {age}"
            )
        elif idle >= RECENT_DAYS:
            reasons[name] = f"not sold for {idle} days, since {days[sold[-1]]}"
        else:
            recent[name] = float(by["revenue"][-RECENT_DAYS:].sum())
    ranked = sorted(recent, key=lambda name: (-recent[name], name))
    for name in ranked[most_products:]:
        reasons[name] = f"is not among the {most_products} products that sell most"
    return dict(sorted(reasons.items()))


def _categories(series: tuple[Series, ...]) -> tuple[tuple[str, tuple[int, ...]], ...]:
    columns: defaultdict[str, list[int]] = defaultdict(list)
    for column, each in enumerate(series):
        columns[each.category].append(column)
    if columns.keys() == {NO_CATEGORY}:
        return ()
    return tuple((name, tuple(columns[name])) for name in sorted(columns))
