"""Which model is chosen, by what was known, and how the rows agree."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from salesflow.projection.backtest import Backtest
from salesflow.projection.choice import SHARE_OF_TOTAL, SUM_OF_PRODUCTS, choose
from salesflow.projection.history import HORIZON, WEEK
from salesflow.projection.models import PRODUCT_MODELS, TOTAL_MODELS, Floats

ORIGINS = 12
CATEGORIES = ((0, 1), (2,))
NAIVE, AVERAGE, WEEKDAYS = 0, 1, 2


def backtest(
    error: Callable[[int, int], float] = lambda model, series: 1.0,
    total_error: Callable[[int], float] = lambda model: 1.0,
    seed: int = 0,
    series: int = 3,
) -> Backtest:
    """Series that sell 100 a day, and models that err by so much, up or down by chance."""
    random = np.random.default_rng(seed)
    actual = np.full((ORIGINS + 1, series, HORIZON), 100.0)

    def erring(shape: tuple[int, ...], size: float) -> Floats:
        return random.choice([-1.0, 1.0], shape) * size

    products = np.stack(
        [
            np.stack(
                [
                    actual[:, column] + erring(actual[:, column].shape, error(model, column))
                    for column in range(series)
                ],
                axis=1,
            )
            for model in range(len(PRODUCT_MODELS))
        ]
    )
    # As it is in truth: what the total repeats is the sum of what its parts repeat.
    total = np.stack(
        [
            products[NAIVE].sum(axis=1)
            if model == NAIVE
            else actual.sum(axis=1) + erring((ORIGINS + 1, HORIZON), total_error(model))
            for model in range(len(TOTAL_MODELS))
        ]
    )
    return Backtest(
        origins=28 + WEEK * np.arange(ORIGINS + 1),
        products=products,
        total=total,
        actual=actual,
        shares=np.full((ORIGINS + 1, series), 1 / series),
        levels=np.full((ORIGINS + 1, series), 100.0),
        old_enough=np.ones((ORIGINS + 1, series), dtype=bool),
        established=np.ones(series, dtype=bool),
        categories=CATEGORIES if series == 3 else (),
    )


def best_is(best: int, good: float = 1.0, bad: float = 20.0) -> Callable[..., float]:
    return lambda model, *_: good if model == best else bad


def test_each_series_has_the_model_that_erred_least() -> None:
    errors = {0: AVERAGE, 1: WEEKDAYS, 2: NAIVE}
    found = choose(
        backtest(lambda model, series: 1.0 if model == errors[series] else 9.0, best_is(2, 50)),
        ORIGINS,
    )
    assert found.models[:3] == ("historic average", "weekday average", "seasonal naive")
    assert found.models[3:5] == (SUM_OF_PRODUCTS, SUM_OF_PRODUCTS)


def test_products_without_a_course_of_their_own_are_a_share_of_the_total() -> None:
    found = choose(backtest(best_is(-1), best_is(3, good=3)), ORIGINS)
    assert found.models[:3] == (SHARE_OF_TOTAL,) * 3
    assert found.models[-1] == TOTAL_MODELS[3].name


def test_products_are_scaled_to_a_total_that_is_known_better() -> None:
    past = backtest(best_is(AVERAGE, good=10, bad=30), best_is(3, good=0.5, bad=60))
    found = choose(past, ORIGINS)
    np.testing.assert_allclose(found.projected[:, -1], past.total[3])
    np.testing.assert_allclose(found.projected[:, :3].sum(axis=1), past.total[3])


def test_products_are_added_up_if_that_was_better_for_the_total() -> None:
    past = backtest(best_is(AVERAGE, good=1, bad=30), best_is(3, good=40, bad=60))
    found = choose(past, ORIGINS)
    assert found.models[-1] == SUM_OF_PRODUCTS
    np.testing.assert_allclose(found.projected[:, :3], past.products[AVERAGE])


def test_nothing_that_was_not_known_by_then_is_looked_at() -> None:
    past = backtest(best_is(AVERAGE), best_is(3))
    random = np.random.default_rng(5)
    for at in (0, 4, 7):
        unknown = ~past.known(at)[:, None, :]
        other = replace(past, actual=past.actual + unknown * random.normal(0, 50, (13, 3, HORIZON)))
        assert choose(other, at).models == choose(past, at).models
        assert (choose(other, at).projected == choose(past, at).projected).all()


def test_before_anything_is_known_the_seasonal_naive_model_is_the_total() -> None:
    found = choose(backtest(best_is(AVERAGE), best_is(3)), 0)
    assert found.models[:3] == (SHARE_OF_TOTAL,) * 3
    assert found.models[-1] in ("seasonal naive", SUM_OF_PRODUCTS)


def test_where_nothing_beats_it_all_is_seasonal_naive() -> None:
    found = choose(backtest(best_is(NAIVE, good=0, bad=50), lambda _: 50.0), ORIGINS)
    assert found.models[:3] == ("seasonal naive",) * 3
    np.testing.assert_allclose(found.projected, found.naive)


def test_a_category_that_adding_up_makes_worse_is_seasonal_naive() -> None:
    past = backtest(best_is(AVERAGE, good=4, bad=5), lambda _: 500.0)
    # The naive errors of the category's two products cancel out, those of the averages don't.
    past.products[NAIVE, :, 1] = 200 - past.products[NAIVE, :, 0]
    past.total[NAIVE] = past.products[NAIVE].sum(axis=1)
    past.products[AVERAGE, :, 1] = past.products[AVERAGE, :, 0]
    found = choose(past, ORIGINS)
    assert found.models[:2] == ("seasonal naive",) * 2
    np.testing.assert_allclose(found.projected[:, 3], 200)


def test_a_total_that_adding_up_makes_worse_makes_all_seasonal_naive() -> None:
    past = replace(backtest(best_is(AVERAGE, good=4, bad=5), lambda _: 500.0), categories=())
    past.products[NAIVE, :, 1] = 200 - past.products[NAIVE, :, 0]
    past.products[NAIVE, :, 2] = 102
    past.products[AVERAGE, :, 1] = past.products[AVERAGE, :, 0]
    past.total[NAIVE] = 1000
    found = choose(past, ORIGINS)
    assert found.models == (*("seasonal naive",) * 3, SUM_OF_PRODUCTS)
    np.testing.assert_allclose(found.projected[:, -1], 302)


def test_a_young_series_comes_on_top_of_the_others() -> None:
    past = backtest(best_is(AVERAGE, good=1), best_is(3, good=1))
    old_enough = past.old_enough.copy()
    old_enough[:-1, 2] = False
    shares = np.array([0.5, 0.5, 0.5]) + np.zeros_like(past.shares)
    young = replace(
        past,
        old_enough=old_enough,
        established=np.array([True, True, False]),
        shares=shares,
        total=past.total * 2 / 3,
    )
    found = choose(young, ORIGINS)
    assert found.models[2] == SHARE_OF_TOTAL
    np.testing.assert_allclose(found.projected[-1, 2], young.total[3, -1] / 2)
    np.testing.assert_allclose(found.projected[-1, -1], young.total[3, -1] * 3 / 2, rtol=0.05)
    assert not found.judged[:, 2].any()


@settings(max_examples=60)
@given(st.integers(0, 10_000), st.integers(4, ORIGINS), st.sampled_from([1, 3]))
def test_no_row_is_projected_worse_than_by_the_naive_model_and_rows_add_up(
    seed: int, at: int, series: int
) -> None:
    random = np.random.default_rng(seed)
    sizes = random.uniform(0, 40, (len(PRODUCT_MODELS), series))
    totals = random.uniform(0, 80, len(TOTAL_MODELS))
    past = backtest(lambda m, s: sizes[m, s], lambda m: totals[m], seed, series)
    found = choose(past, at)
    losses = (
        np.square(each - found.actual) * found.judged for each in (found.projected, found.naive)
    )
    ours, naive = (each.sum(axis=(0, 2)) for each in losses)
    assert (ours <= naive * (1 + 1e-6)).all()
    products = found.projected[:, :series]
    np.testing.assert_allclose(found.projected[:, -1], products.sum(axis=1))
    for position, columns in enumerate(past.categories, start=series):
        np.testing.assert_allclose(
            found.projected[:, position], products[:, list(columns)].sum(axis=1)
        )


@pytest.mark.parametrize("at", [4, ORIGINS])
def test_what_is_judged_was_known_then(at: int) -> None:
    past = backtest()
    judged = choose(past, at).judged
    for position in range(at + 1):
        days = int(past.origins[at] - past.origins[position])
        assert judged[position].sum(axis=1).tolist() == [min(days, HORIZON)] * judged.shape[1]
