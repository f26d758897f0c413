"""Daily sales of shops whose truth is known."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import numpy as np

from salesflow.generator import history
from salesflow.orders import Put
from salesflow.projection.history import DaySales, KnownDays

FIRST_DAY = date(2025, 1, 6)
"""A Monday."""

PRICE = Decimal("12.50")
WEEKDAYS = np.array([5, 5, 6, 7, 9, 12, 8]) / 52 * 7


def days(count: int) -> KnownDays:
    return KnownDays(FIRST_DAY, FIRST_DAY + timedelta(days=count - 1))


def shop(
    products: Mapping[str, Iterable[float]],
    category: Callable[[str], str | None] = lambda _: None,
    price: Decimal = PRICE,
) -> list[DaySales]:
    """The sales of products by the units that they sell from `FIRST_DAY` on; no row for none."""
    return [
        DaySales(FIRST_DAY + timedelta(days=day), name, category(name), int(units), units * price)
        for name, course in products.items()
        for day, units in enumerate(map(int, course))
        if units
    ]


def poisson(count: int, level: float, seed: int, weekdays: np.ndarray = WEEKDAYS) -> np.ndarray:
    """Units of independent customers, `level` a day on average, more of them on some weekdays."""
    expected = level * weekdays[np.arange(count) % 7]
    return np.random.default_rng(seed).poisson(expected)


def generated(orders: int, days: int, seed: int = 1) -> tuple[list[DaySales], KnownDays]:
    """What the orders of the generator add up to, whatever became of them."""
    until = datetime(2026, 3, 1, tzinfo=UTC)
    sums: defaultdict[tuple[date, str, str | None], list[Decimal]] = defaultdict(
        lambda: [Decimal(0), Decimal(0)]
    )
    for write in history(orders=orders, days=days, until=until, seed=seed):
        if isinstance(write, Put) and write.is_new:
            order = write.order
            both = sums[write.at.date(), order.product_name, order.category]
            both[0] += order.quantity
            both[1] += order.quantity * order.price
    sales = [
        DaySales(day, name, category, int(units), revenue)
        for (day, name, category), (units, revenue) in sums.items()
    ]
    return sales, KnownDays((until - timedelta(days=days)).date(), date(2026, 2, 28))
