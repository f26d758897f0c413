"""What was projected as of past days, from nothing but the days before."""

import numpy as np
import pytest

from salesflow.projection.backtest import MOST_ORIGINS, Backtest, backtest
from salesflow.projection.history import HORIZON
from salesflow.projection.models import PRODUCT_MODELS, TOTAL_MODELS
from salesflow.projection.series import sales_history
from shops import days, poisson, shop

COUNT = 150
LATE = 97
COURSES = {
    "Late": np.concatenate([np.zeros(LATE), np.full(COUNT - LATE, 6)]),
    "Pen": poisson(COUNT, 20, seed=1),
    "Young": np.concatenate([np.zeros(125), np.full(25, 10)]),
}
AVERAGE = [model.name for model in PRODUCT_MODELS].index("historic average")
LATE_COLUMN, PEN_COLUMN, YOUNG_COLUMN = range(3)


@pytest.fixture(scope="module")
def past() -> Backtest:
    return backtest(sales_history(shop(COURSES), days(COUNT), 100), "units")


def test_it_goes_back_a_week_at_a_time_as_far_as_there_is_something_to_learn(
    past: Backtest,
) -> None:
    assert past.origins.tolist() == list(range(COUNT - 17 * 7, COUNT + 1, 7))
    assert past.origins[0] >= HORIZON


def test_it_goes_back_no_more_than_half_a_year() -> None:
    history = sales_history(shop({"Pen": np.full(400, 7)}), days(400), 100)
    assert len(backtest(history, "units").origins) == MOST_ORIGINS + 1


def test_each_day_of_a_horizon_is_held_against_that_day(past: Backtest) -> None:
    position = 3
    origin = past.origins[position]
    for column, course in enumerate(COURSES.values()):
        expected = course[origin : origin + HORIZON]
        assert past.actual[position, column].tolist() == expected.tolist()


def test_a_projection_knows_only_the_days_before_its_origin(past: Backtest) -> None:
    pen = COURSES["Pen"]
    for position, origin in enumerate(past.origins):
        naive = past.products[0, position, PEN_COLUMN]
        assert naive.tolist() == np.tile(pen[origin - 7 : origin], 4).tolist()
        average = past.products[AVERAGE, position, PEN_COLUMN]
        np.testing.assert_allclose(average, pen[:origin].mean())


def test_days_before_its_first_sale_are_no_history_of_a_product(past: Backtest) -> None:
    np.testing.assert_allclose(past.products[AVERAGE, -1, LATE_COLUMN], 6)


def test_a_model_that_can_not_say_yet_is_the_seasonal_naive_one(past: Backtest) -> None:
    before = past.origins <= LATE
    assert (past.products[:, before, LATE_COLUMN] == 0).all()
    assert np.isfinite(past.products).all()
    assert np.isfinite(past.total).all()
    assert past.total.shape[0] == len(TOTAL_MODELS)


def test_a_series_is_judged_once_it_was_sold_for_a_horizon(past: Backtest) -> None:
    judged = past.judged(len(past.origins) - 1)
    first = past.origins[judged[:, LATE_COLUMN].any(axis=1)][0]
    assert LATE + HORIZON <= first < LATE + HORIZON + 7
    assert not judged[:, YOUNG_COLUMN].any()
    assert past.established.tolist() == [True, True, False]


def test_shares_and_levels_are_those_of_the_days_since_the_first_sale(past: Backtest) -> None:
    pen = COURSES["Pen"]
    established = pen + COURSES["Late"]
    assert past.levels[-1, YOUNG_COLUMN] == 10
    assert past.shares[-1, YOUNG_COLUMN] == pytest.approx(250 / established[-25:].sum())
    assert past.levels[-1, PEN_COLUMN] == pytest.approx(pen[-56:].mean())
    assert past.shares[-1, PEN_COLUMN] == pytest.approx(pen[-56:].sum() / established[-56:].sum())
    assert past.shares[0, YOUNG_COLUMN] == past.levels[0, YOUNG_COLUMN] == 0


def test_rows_are_the_series_their_categories_and_the_total() -> None:
    sales = shop(COURSES, category=lambda name: "x" if name == "Pen" else "y")
    past = backtest(sales_history(sales, days(COUNT), 100), "units")
    rows = past.rows(np.array([[1.0], [10.0], [100.0]]))
    assert rows[:, 0].tolist() == [1, 10, 100, 10, 101, 111]
