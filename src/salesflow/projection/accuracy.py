"""Past projections beside what happened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal, localcontext

from salesflow.numbers import EXACT
from salesflow.projection.history import WEEK, DaySales, KnownDays
from salesflow.projection.rows import Accuracy, Level, ProjectedDay
from salesflow.projection.series import category_of, others

_DIGITS = 4
_Key = tuple[Level, str, str]


def accuracy(
    projected: Iterable[ProjectedDay], sales: Sequence[DaySales], known: KnownDays
) -> list[Accuracy]:
    """How right each projection was, by series and measure; one row for each `as_of`.

    Only known days count; a projection of which no day is known yet has no row. The products that
    a projection took together are taken together here too, with those that came since.
    """
    with localcontext(EXACT):
        return _accuracies(projected, _Actual(sales, known), known)


def _accuracies(
    projected: Iterable[ProjectedDay], actual: _Actual, known: KnownDays
) -> list[Accuracy]:
    by_date: defaultdict[date, defaultdict[_Key, list[ProjectedDay]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for row in projected:
        if row.day in known:
            by_date[row.as_of][row.level, row.name, row.measure].append(row)
    return [
        _accuracy(as_of, key, rows, actual.of(key, own_names), known)
        for as_of, series in sorted(by_date.items())
        for own_names in [frozenset(name for level, name, _ in series if level == "product")]
        for key, rows in sorted(series.items())
    ]


class _Actual:
    """What was sold, by product, measure and day."""

    def __init__(self, sales: Sequence[DaySales], known: KnownDays) -> None:
        self._category = category_of(sales, known)
        self._sold: defaultdict[tuple[str, str], defaultdict[date, Decimal]] = defaultdict(
            lambda: defaultdict(Decimal)
        )
        for row in sales:
            if row.day in known:
                self._sold[row.product_name, "revenue"][row.day] += row.revenue
                self._sold[row.product_name, "units"][row.day] += row.units

    def of(self, key: _Key, own_names: frozenset[str]) -> defaultdict[date, Decimal]:
        """The sales of a series; `own_names` are the products projected each for itself."""
        level, series, measure = key
        days: defaultdict[date, Decimal] = defaultdict(Decimal)
        for name, category in self._category.items():
            own = name if name in own_names else others(category)
            if series == {"product": own, "category": category, "total": series}[level]:
                for day, amount in self._sold[name, measure].items():
                    days[day] += amount
        return days


def _accuracy(
    as_of: date,
    key: _Key,
    rows: list[ProjectedDay],
    actual: defaultdict[date, Decimal],
    known: KnownDays,
) -> Accuracy:
    level, name, measure = key
    sold = [actual[row.day] for row in rows]
    errors = [row.projected - amount for row, amount in zip(rows, sold, strict=True)]
    absolute = sum(map(abs, errors), Decimal(0))
    total = sum(sold, Decimal(0))
    return Accuracy(
        as_of=as_of,
        level=level,
        name=name,
        measure=measure,
        days=len(rows),
        projected=sum((row.projected for row in rows), Decimal(0)),
        actual=total,
        absolute_error=round(float(absolute / total), _DIGITS) if total else None,
        relative_error=_relative(as_of, rows, errors, actual, known),
        coverage_80=_share(row.low_80 <= actual[row.day] <= row.high_80 for row in rows),
        coverage_95=_share(row.low_95 <= actual[row.day] <= row.high_95 for row in rows),
    )


def _relative(
    as_of: date,
    rows: list[ProjectedDay],
    errors: list[Decimal],
    actual: defaultdict[date, Decimal],
    known: KnownDays,
) -> float | None:
    """Beside the same weekdays of the week that ended on `as_of`."""
    week = [as_of - timedelta(days=number) for number in range(WEEK)]
    if not all(day in known for day in week):
        return None
    last = {day.weekday(): actual[day] for day in week}
    naive = sum(float(last[row.day.weekday()] - actual[row.day]) ** 2 for row in rows)
    return round((sum(float(e) ** 2 for e in errors) / naive) ** 0.5, _DIGITS) if naive else None


def _share(inside: Iterator[bool]) -> float:
    found = list(inside)
    return round(sum(found) / len(found), _DIGITS)
