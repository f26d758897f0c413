"""Which model projects which series, and how products and total are made to agree.

A product may also be projected as its share of the total, whose course is the least noisy. Then
either the products are scaled to the total's own projection or they are added up, whichever was
better for the total, provided that no row is worse than the seasonal naive model would make it. If
both have such a row, products are added up, a category that is worse has the seasonal naive model
for all its products, and so has everything if the total is still worse: sums of seasonal naive
projections are those of the sums. So, in the backtest, no row is projected worse than by the
seasonal naive model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from salesflow.projection.backtest import Backtest, Flags
from salesflow.projection.history import HORIZON
from salesflow.projection.models import PRODUCT_MODELS, SEASONAL_NAIVE, TOTAL_MODELS, Floats

SHARE_OF_TOTAL: Final = "share of the total"
SUM_OF_PRODUCTS: Final = "sum of products"

_NAIVE: Final = PRODUCT_MODELS.index(SEASONAL_NAIVE)
_SHARE: Final = len(PRODUCT_MODELS)
_NAMES: Final = (*(model.name for model in PRODUCT_MODELS), SHARE_OF_TOTAL)
# Floats that should be equal differ in their last digits.
_EQUAL: Final = 1 + 1e-9


@dataclass(frozen=True)
class Choice:
    """What was chosen with the knowledge of an origin.

    Attributes:
        models: the name of each row's model.
        projected: o × rows × h: what the chosen models project as of every origin up to that one.
        naive: o × rows × h: the same of the seasonal naive model.
        actual: o × rows × h.
        judged: o × rows × h: what the choice was judged by.
    """

    models: tuple[str, ...]
    projected: Floats
    naive: Floats
    actual: Floats
    judged: Flags


def choose(backtest: Backtest, at: int) -> Choice:
    """The choice that the origin of that position allows: nothing later is looked at."""
    until = slice(0, at + 1)
    known, judged = backtest.known(at)[until], backtest.judged(at)[until]
    own, actual = backtest.products[:, until], backtest.actual[until]

    together = actual[:, backtest.established].sum(axis=1)
    losses = _loss(backtest.total[:, until], together, known, axis=(1, 2))
    total_model = int(losses.argmin())
    total = backtest.total[total_model, until, None]

    candidates = np.concatenate([own, (backtest.shares[until, :, None] * total)[None]])
    losses = _loss(candidates, actual, judged, axis=(1, 3))
    models = np.where(judged.any(axis=(0, 2)), losses.argmin(axis=0), _SHARE)
    products = np.take_along_axis(candidates, models[None, None, :, None], axis=0)[0]
    scaled = _scaled(products, candidates[_SHARE], total, backtest.established)

    rows = _Rows(backtest, own[_NAIVE], actual, judged, known)
    schemes = [(scaled, TOTAL_MODELS[total_model].name), (products, SUM_OF_PRODUCTS)]
    for series, name in sorted(schemes, key=lambda scheme: rows.total_loss(scheme[0])):
        if not rows.worse(series).any():
            return rows.choice(series, models, name)
    return rows.choice(*_without_worse(rows, products, models), SUM_OF_PRODUCTS)


class _Rows:
    """What series add up to, and how it compares with the seasonal naive model."""

    def __init__(
        self, backtest: Backtest, naive: Floats, actual: Floats, judged: Flags, known: Flags
    ) -> None:
        self.backtest = backtest
        self.naive_series = naive
        self._naive = backtest.rows(naive)
        self._actual = backtest.rows(actual)
        shape = len(known), len(backtest.categories) + 1, HORIZON
        sums_judged = np.broadcast_to(known[:, None, :], shape)
        self._judged = np.concatenate([judged, sums_judged], axis=1)

    def _losses(self, rows: Floats) -> Floats:
        return _loss(rows, self._actual, self._judged, axis=(0, 2))

    def total_loss(self, series: Floats) -> float:
        return float(self._losses(self.backtest.rows(series))[-1])

    def worse(self, series: Floats) -> Flags:
        """The rows that are projected worse than by the seasonal naive model."""
        return np.asarray(
            self._losses(self.backtest.rows(series)) > _EQUAL * self._losses(self._naive)
        )

    def choice(self, series: Floats, models: NDArray[np.int_], total: str) -> Choice:
        sums = (SUM_OF_PRODUCTS,) * len(self.backtest.categories)
        names = (*(_NAMES[model] for model in models), *sums, total)
        return Choice(names, self.backtest.rows(series), self._naive, self._actual, self._judged)


def _loss(projected: Floats, actual: Floats, judged: Flags, axis: tuple[int, ...]) -> Floats:
    return np.asarray((np.square(projected - actual) * judged).sum(axis=axis))


def _scaled(products: Floats, shared: Floats, total: Floats, established: Flags) -> Floats:
    """The established series so that each day they add up to the total; by share if all are zero.

    Younger ones stay as they are.
    """
    scaled = products.copy()
    mine = products[:, established]
    mine = np.where(mine.sum(axis=1, keepdims=True) > 0, mine, shared[:, established])
    sums = mine.sum(axis=1, keepdims=True)
    factor = np.divide(total, sums, out=np.zeros_like(sums), where=sums > 0)
    scaled[:, established] = mine * factor
    return scaled


def _without_worse(
    rows: _Rows, products: Floats, models: NDArray[np.int_]
) -> tuple[Floats, NDArray[np.int_]]:
    """The products unscaled, and seasonal naive where a category or the total needs it."""
    models, products, naive = models.copy(), products.copy(), rows.naive_series
    too_bad = rows.worse(products)
    for position, category in enumerate(rows.backtest.categories, start=products.shape[1]):
        if too_bad[position]:
            columns = list(category)
            models[columns] = _NAIVE
            products[:, columns] = naive[:, columns]
    if rows.worse(products)[-1]:
        models[:], products = _NAIVE, naive
    return products, models
