"""How far from a projection the sales may be: as far as they were from those of the past.

Conformal prediction: the errors that the chosen models would have made as of past days, relative
to how large the series was then, are sorted, and an interval leaves out as many on each side as it
may. It so assumes no distribution, only that the errors to come are like those that were made.
Each week of the horizon has its own errors, if there are enough.
https://doi.org/10.1561/2200000101 (Angelopoulos and Bates, Conformal Prediction: A Gentle
Introduction)
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Final

import numpy as np

from salesflow.projection.backtest import Backtest, Flags
from salesflow.projection.choice import Choice
from salesflow.projection.history import HORIZON, WEEK
from salesflow.projection.models import Floats

LEVELS: Final = (80, 95)
"""Percent of the days that an interval is to hold."""

# Errors below which the rarest that are left out on a side of the 95 % interval are none at all.
_FEWEST: Final = 39
# Between errors that stay as they are when a day is projected larger (0) and grow with it (1).
_GROWTH: Final = 0.75
_LEAST_OF_LEVEL: Final = 0.05


def intervals(backtest: Backtest, choice: Choice, at: int) -> dict[int, tuple[Floats, Floats]]:
    """By level the lower and the upper bounds, rows × h, as of the origin of that position.

    No bound is below zero, and the projection itself is never outside.
    """
    projected = choice.projected
    scales = _scales(backtest, projected)
    errors = np.divide(
        choice.actual - projected, scales, out=np.zeros_like(scales), where=scales > 0
    )
    usable = choice.judged & (scales > 0)
    rows, products = projected.shape[1], backtest.actual.shape[1]
    any_product = _sorted(errors[:, :products], usable[:, :products])
    bounds = {level: (np.empty((rows, HORIZON)), np.empty((rows, HORIZON))) for level in LEVELS}
    for row in range(rows):
        for days, found in _errors_by_week(errors[:, row], usable[:, row]):
            # A product that is too young to have errors of its own has those of all products.
            like = found if len(found) >= _FEWEST else any_product
            for level, (low, high) in bounds.items():
                left_out = (100 - level) / 200
                under, over = _both_ends(like, left_out)
                low[row, days] = under
                high[row, days] = over
    now, scale = projected[at], scales[at]
    return {
        level: (np.clip(now + low * scale, 0.0, now), np.maximum(now + high * scale, now))
        for level, (low, high) in bounds.items()
    }


def _scales(backtest: Backtest, projected: Floats) -> Floats:
    """o × rows × h: the size of the errors to expect, known before they are made.

    It lies between the recent level of the series and the projection of the day, so that a day on
    which little is sold, be it that the shop is closed, has a narrow interval.
    """
    levels = backtest.rows(backtest.levels[: len(projected), :, None])
    levels = np.maximum(levels, projected.mean(axis=2, keepdims=True))
    expected = np.maximum(projected, _LEAST_OF_LEVEL * levels)
    return np.asarray(expected**_GROWTH * levels ** (1 - _GROWTH))


def _errors_by_week(errors: Floats, usable: Flags) -> Iterator[tuple[slice, Floats]]:
    """The days of each week of the horizon, and the sorted errors that speak for them."""
    weeks = [slice(first, first + WEEK) for first in range(0, HORIZON, WEEK)]
    found = [_sorted(errors[:, days], usable[:, days]) for days in weeks]
    if min(map(len, found)) < _FEWEST:
        yield slice(None), _sorted(errors, usable)
    else:
        yield from zip(weeks, found, strict=True)


def _sorted(errors: Floats, usable: Flags) -> Floats:
    return np.sort(errors[usable])


def _both_ends(errors: Floats, left_out: float) -> tuple[float, float]:
    """The errors beyond which lie `left_out` of all, on each side; all of them if they are few."""
    count = len(errors)
    rank = min(math.ceil((count + 1) * (1 - left_out)), count)
    return float(errors[count - rank]), float(errors[rank - 1])
