"""The projection, held against what came after: its error, its intervals, and its time.

Two shops of two years: the generator's, and one of 49 products as a file might bring it, closed on
Sundays, with a yearly course, products that come and go, and levels that shift.
"""

from __future__ import annotations

import time
from collections import defaultdict
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from statistics import fmean

import numpy as np

from bench.measurement import Measurement
from salesflow.generator import history
from salesflow.orders import Put
from salesflow.projection.history import DaySales, KnownDays
from salesflow.projection.project import Projection, project

DAYS = 730
ORDERS = 100_000
PRODUCTS = 49
ALLOWED_SECONDS, LOWEST_COVERAGE, HIGHEST_COVERAGE = 60, 0.75, 0.85

_FIRST = date(2024, 1, 1)


def measure() -> list[Measurement]:
    """Errors and coverage are those of days that neither model nor interval had seen."""
    shop = _shop()
    # The five seconds that statsforecast takes to import are part of it.
    began = time.perf_counter()
    theirs = project(shop, KnownDays(_FIRST, _FIRST + timedelta(days=DAYS - 1)))
    seconds = time.perf_counter() - began
    fitted = len({(row.name, row.measure) for row in theirs.days if row.level != "category"})
    if fitted != 100:
        raise RuntimeError(f"the benchmark is of 100 series, and these are {fitted}")
    generated = project(*_generated())
    return [
        *_quality("generated orders", generated),
        *_quality("a shop with closed days and shifts", theirs),
        Measurement(
            "projection: 100 series of two years",
            seconds,
            "s",
            f"< {ALLOWED_SECONDS}",
            seconds < ALLOWED_SECONDS,
        ),
    ]


def _quality(shop: str, projection: Projection) -> list[Measurement]:
    measurements = []
    for level in ("total", "product"):
        rows = [row for row in projection.backtest if row.level == level]
        errors = [r.relative_error_unseen for r in rows if r.relative_error_unseen is not None]
        error = fmean(errors)
        measurements.append(
            Measurement(
                f"projection: {shop}, {level}, error beside seasonal naive",
                error,
                "×",
                "< 1",
                error < 1,
            )
        )
    for percent in (80, 95):
        found = [getattr(row, f"coverage_{percent}") for row in projection.backtest]
        coverage = 100 * fmean(share for share in found if share is not None)
        aim = (100 * LOWEST_COVERAGE, 100 * HIGHEST_COVERAGE) if percent == 80 else None
        measurements.append(
            Measurement(
                f"projection: {shop}, days within the {percent} % interval",
                coverage,
                "%",
                f"{aim[0]:.0f} to {aim[1]:.0f}" if aim else "",
                aim[0] <= coverage <= aim[1] if aim else None,
            )
        )
    return measurements


def _generated() -> tuple[list[DaySales], KnownDays]:
    until = datetime(2026, 1, 1, tzinfo=UTC)
    sums: defaultdict[tuple[date, str, str | None], list[Decimal]] = defaultdict(
        lambda: [Decimal(0), Decimal(0)]
    )
    for write in history(orders=ORDERS, days=DAYS, until=until, seed=1):
        if isinstance(write, Put) and write.is_new:
            order = write.order
            both = sums[write.at.date(), order.product_name, order.category]
            both[0] += order.quantity
            both[1] += order.quantity * order.price
    sales = [DaySales(*key, int(units), revenue) for key, (units, revenue) in sums.items()]
    first = (until - timedelta(days=DAYS)).date()
    return sales, KnownDays(first, first + timedelta(days=DAYS - 1))


def _shop() -> list[DaySales]:
    """Every product sells by its own course, under weather and seasons that are common to all."""
    random = np.random.default_rng(1)
    day = np.arange(DAYS)
    weekday = np.array([0.8, 0.9, 0.9, 1.0, 1.3, 1.8, 0.0])[day % 7]
    season = 1 + 0.3 * np.sin(2 * np.pi * day / 365.25)
    weather = np.exp(random.normal(0, 0.1, DAYS))
    sales = []
    for number in range(PRODUCTS):
        level = np.exp(random.uniform(np.log(0.3), np.log(60)))
        course = level * weekday * season * weather * np.exp(random.normal(0, 0.2, DAYS))
        course *= np.exp(random.uniform(-0.3, 0.6) * day / 365)
        if number % 6 == 1:
            course[random.integers(100, DAYS - 60) :] *= random.choice([0.4, 2.5])
        if number % 12 == 2:
            course[: random.integers(60, DAYS - 120)] = 0
        if number % 12 == 8:
            course[DAYS - random.integers(5, 50) :] *= 0.1
        price = Decimal(int(random.integers(100, 30_000))) / 100
        for index, units in enumerate(random.poisson(course).tolist()):
            if units:
                name, category = f"Product {number:02d}", f"Category {number % 7}"
                when = _FIRST + timedelta(days=index)
                sales.append(DaySales(when, name, category, units, units * price))
    return sales
