"""Intervals hold as many days as they say, are closed, and never go below zero."""

from dataclasses import replace

import numpy as np
import pytest

from salesflow.projection.backtest import Backtest
from salesflow.projection.choice import Choice
from salesflow.projection.history import HORIZON, WEEK
from salesflow.projection.intervals import intervals
from salesflow.projection.models import Floats

SERIES = 40


def past(weeks: int, projected: Floats, errors: Floats) -> tuple[Backtest, Choice]:
    """A backtest of series that are what was projected, and the errors (o × s × h)."""
    origins = 28 + WEEK * np.arange(weeks + 1)
    shape = (weeks + 1, SERIES, HORIZON)
    projected = np.broadcast_to(projected, shape)
    known = origins[:, None] + np.arange(HORIZON) < origins[-1]
    # What isn't known yet must have no say.
    actual = np.where(known[:, None, :], projected + errors, 1e9)
    backtest = Backtest(
        origins=origins,
        products=np.empty((0, *shape)),
        total=np.empty((0, weeks + 1, HORIZON)),
        actual=actual,
        shares=np.full(shape[:2], 1 / SERIES),
        levels=projected.mean(axis=2),
        old_enough=np.ones(shape[:2], dtype=bool),
        established=np.ones(SERIES, dtype=bool),
        categories=(),
    )
    rows = backtest.rows(projected)
    judged = np.broadcast_to(known[:, None, :], rows.shape)
    names = ("any",) * (SERIES + 1)
    return backtest, Choice(names, rows, rows, backtest.rows(actual), judged)


def noise(weeks: int, size: float, seed: int = 1) -> Floats:
    return np.random.default_rng(seed).gamma(2, size, (weeks + 1, SERIES, HORIZON)) - 2 * size


@pytest.mark.parametrize("weeks", [5, 8, 26])
def test_new_errors_of_the_same_kind_are_within(weeks: int) -> None:
    backtest, choice = past(weeks, np.array(100.0), noise(weeks, 10))
    now = choice.projected[-1, :SERIES]
    fresh = now + noise(200, 10, seed=2)
    for level, (low, high) in intervals(backtest, choice, weeks).items():
        inside = (low[:SERIES] <= fresh) & (fresh <= high[:SERIES])
        assert abs(inside.mean() - level / 100) < 0.03, level


def test_each_side_of_an_interval_leaves_out_its_half() -> None:
    backtest, choice = past(26, np.array(100.0), noise(26, 10))
    fresh = choice.projected[-1, :SERIES] + noise(200, 10, seed=2)
    low, high = intervals(backtest, choice, 26)[80]
    assert abs((fresh < low[:SERIES]).mean() - 0.1) < 0.02
    assert abs((fresh > high[:SERIES]).mean() - 0.1) < 0.02


def test_the_wider_interval_holds_the_narrower_and_both_the_projection() -> None:
    # All errors are on one side, as they are when sales have just risen.
    backtest, choice = past(12, np.array(100.0), 50 + noise(12, 5))
    both = intervals(backtest, choice, 12)
    (low_80, high_80), (low_95, high_95) = both[80], both[95]
    now = choice.projected[-1]
    assert (low_95 >= 0).all()
    assert (low_95 <= low_80).all()
    assert (low_80 <= now).all()
    assert (now <= high_80).all()
    assert (high_80 <= high_95).all()
    assert (high_80[:SERIES] > 140).all()


def test_no_interval_goes_below_zero() -> None:
    backtest, choice = past(12, np.array(3.0), np.maximum(noise(12, 10), -3))
    for low, high in intervals(backtest, choice, 12).values():
        assert (low >= 0).all()
        assert (high >= low).all()


def test_a_day_on_which_the_shop_is_closed_has_a_narrow_interval() -> None:
    week = np.tile([100.0, 100, 100, 100, 100, 100, 0], 4)
    errors = noise(26, 10) * (week > 0)
    backtest, choice = past(26, week, errors)
    low, high = intervals(backtest, choice, 26)[95]
    open_width = (high - low)[:SERIES, 0].mean()
    assert (high - low)[:SERIES, 6].mean() < 0.15 * open_width
    assert (low[:, 6] == 0).all()


def test_errors_that_grow_with_the_weeks_widen_the_later_ones() -> None:
    growing = noise(26, 5) * np.repeat([1.0, 2, 3, 4], WEEK)
    backtest, choice = past(26, np.array(100.0), growing)
    low, high = intervals(backtest, choice, 26)[80]
    width = (high - low)[:SERIES].reshape(SERIES, 4, WEEK).mean(axis=(0, 2))
    assert width.tolist() == sorted(width)
    assert width[3] > 3 * width[0]


def test_a_series_that_grew_has_wider_intervals_than_it_had() -> None:
    size = np.ones((27, 1, 1))
    size[-1] = 4
    backtest, choice = past(26, 100 * size, noise(26, 10) * size)
    low, high = intervals(backtest, choice, 26)[80]
    before, _ = past(26, np.array(100.0), noise(26, 10))
    before_low, before_high = intervals(before, past(26, np.array(100.0), noise(26, 10))[1], 26)[80]
    ratio = (high - low)[:SERIES].mean() / (before_high - before_low)[:SERIES].mean()
    assert ratio == pytest.approx(4, rel=0.1)


def test_a_young_product_has_the_errors_of_all_products() -> None:
    backtest, choice = past(26, np.array(100.0), noise(26, 10))
    judged = choice.judged.copy()
    judged[:, 0] = False
    low, high = intervals(backtest, replace(choice, judged=judged), 26)[80]
    others = (high - low)[1:SERIES].mean()
    assert (high - low)[0].mean() == pytest.approx(others, rel=0.15)


def test_what_never_erred_has_no_width() -> None:
    backtest, choice = past(12, np.array(7.0), np.zeros((13, SERIES, HORIZON)))
    for low, high in intervals(backtest, choice, 12).values():
        assert (low == choice.projected[-1]).all()
        assert (high == choice.projected[-1]).all()
