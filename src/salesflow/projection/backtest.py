"""What every model would have projected as of past days, beside what came."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from salesflow.projection.history import HORIZON, WEEK
from salesflow.projection.models import PRODUCT_MODELS, SEASONAL_NAIVE, TOTAL_MODELS, Floats, Model
from salesflow.projection.series import RECENT_DAYS, Measure, SalesHistory

MOST_ORIGINS: Final = 26
"""Past days as of which is projected, a week apart: half a year of them."""

Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Backtest:
    """The projections as of each origin, the last of which is the present.

    Axes are named o for origins, s for series (the products), m for models, h for the days of the
    horizon. An origin is the number of days that were known then.

    Attributes:
        origins: o, rising by a week.
        products: m × o × s × h, in the order of `PRODUCT_MODELS`; where a model can't say yet, it
            is the seasonal naive one.
        total: m × o × h, in the order of `TOTAL_MODELS`: of the established series together.
        actual: o × s × h, zero where it isn't known yet.
        shares: o × s: the recent sales of the series, divided by those of the established ones.
        levels: o × s: the average of the recent days.
        old_enough: o × s: the series had been sold for a horizon, so that it could be judged.
        established: s: the series can be judged by now. What is younger comes on top of what
            those bring: a total that has hardly seen it yet says nothing of it.
        categories: the columns of s that each category adds up.
    """

    origins: NDArray[np.int_]
    products: Floats
    total: Floats
    actual: Floats
    shares: Floats
    levels: Floats
    old_enough: Flags
    established: Flags
    categories: tuple[tuple[int, ...], ...]

    def known(self, at: int) -> Flags:
        """o × h: whose outcome was known at the origin of that position."""
        return _known(self.origins, int(self.origins[at]))

    def judged(self, at: int) -> Flags:
        """o × s × h: by what a series may be judged at the origin of that position.

        Nothing for a series of which less than a horizon is known.
        """
        return _judged(self.known(at), self.old_enough)

    def rows(self, series: Floats) -> Floats:
        """… × s × h to … × rows × h: the series, then the categories, then the total."""
        sums = [series[..., list(columns), :].sum(axis=-2) for columns in self.categories]
        return np.concatenate(
            [series, *(each[..., None, :] for each in sums), series.sum(axis=-2, keepdims=True)],
            axis=-2,
        )


def backtest(history: SalesHistory, measure: Measure) -> Backtest:
    """Project as of the same weekday of each week of up to half a year, and as of now."""
    values = history.values[measure]
    end = len(values)
    count = min(MOST_ORIGINS, (end - HORIZON) // WEEK)
    origins = np.array([end - WEEK * number for number in range(count, -1, -1)])
    first = np.array([series.first_sale for series in history.series])
    old_enough = origins[:, None] - first >= HORIZON
    established = np.asarray(_judged(_known(origins, end), old_enough).any(axis=(0, 2)))
    ahead = np.concatenate([values, np.zeros((HORIZON, values.shape[1]))])
    products = np.empty((len(PRODUCT_MODELS), len(origins), values.shape[1], HORIZON))
    total = np.empty((len(TOTAL_MODELS), len(origins), HORIZON))
    for position, origin in enumerate(origins):
        past = values[:origin]
        total[:, position] = _forecasts(TOTAL_MODELS, past[:, established].sum(axis=1), 0)
        for column, first_sale in enumerate(first):
            own = _forecasts(PRODUCT_MODELS, past[:, column], int(first_sale))
            products[:, position, column] = own
    shares, levels = _recent(values, origins, first, established)
    return Backtest(
        origins=origins,
        products=products,
        total=total,
        actual=np.stack([ahead[origin : origin + HORIZON].T for origin in origins]),
        shares=shares,
        levels=levels,
        old_enough=old_enough,
        established=established,
        categories=tuple(columns for _, columns in history.categories),
    )


def _known(origins: NDArray[np.int_], origin: int) -> Flags:
    return np.asarray(origins[:, None] + np.arange(HORIZON) < origin)


def _judged(known: Flags, old_enough: Flags) -> Flags:
    judged = known[:, None, :] & old_enough[:, :, None]
    return np.asarray(judged & (judged.sum(axis=(0, 2)) >= HORIZON)[:, None])


def _forecasts(models: Iterable[Model], past: Floats, first_sale: int) -> Floats:
    """m × h. The days before a product's first sale are not part of its history."""
    naive = SEASONAL_NAIVE.project(past)
    since = past[first_sale:]
    forecasts = [naive if m is SEASONAL_NAIVE else m.project(since) for m in models]
    return np.stack([np.where(np.isnan(each), naive, each) for each in forecasts])


def _recent(
    values: Floats, origins: NDArray[np.int_], first: NDArray[np.int_], established: Flags
) -> tuple[Floats, Floats]:
    """`shares` and `levels` of the recent days, or of those since a product's first sale."""
    base = values[:, established].sum(axis=1)
    shares = np.zeros((len(origins), values.shape[1]))
    levels = np.zeros_like(shares)
    for position, origin in enumerate(origins):
        for column in range(values.shape[1]):
            days = int(min(RECENT_DAYS, origin, max(origin - first[column], 1)))
            own = values[origin - days : origin, column].sum()
            everything = base[origin - days : origin].sum()
            shares[position, column] = own / everything if everything else 0.0
            levels[position, column] = own / days
    return shares, levels
