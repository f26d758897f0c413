"""The whole projection, on shops whose truth is known and on the generator's orders."""

from collections import defaultdict
from datetime import timedelta
from decimal import Decimal
from random import Random
from typing import Any

import numpy as np
import pytest

from salesflow.projection.history import DaySales, KnownDays
from salesflow.projection.project import Projection, project
from salesflow.projection.rows import BacktestResult, ProjectedDay, as_csv
from shops import FIRST_DAY, WEEKDAYS, days, generated, poisson, shop

ZERO = Decimal(0)


def of(projection: Projection, name: str, measure: str = "units") -> list[ProjectedDay]:
    return [row for row in projection.days if (row.name, row.measure) == (name, measure)]


def result(projection: Projection, name: str, measure: str = "units") -> BacktestResult:
    (found,) = (row for row in projection.backtest if (row.name, row.measure) == (name, measure))
    return found


def sound(projection: Projection) -> None:
    """What holds for every projection."""
    sums: defaultdict[Any, Decimal] = defaultdict(Decimal)
    levels = {row.level for row in projection.days}
    for row in projection.days:
        assert 0 <= row.low_95 <= row.low_80 <= row.projected <= row.high_80 <= row.high_95
        sums[row.day, row.measure, row.level] += row.projected
    for (day, measure, level), amount in sums.items():
        assert amount == sums[day, measure, "total"], (day, measure, level)
    assert levels >= {"product", "total"}
    assert {row.day for row in projection.days} == {
        projection.as_of + timedelta(days=number) for number in range(1, 29)
    }
    for each in projection.backtest:
        assert each.relative_error is None or each.relative_error <= 1


@pytest.fixture(scope="module")
def generators() -> Projection:
    sales, known = generated(orders=12_000, days=230)
    some = [row for row in sales if row.category in ("audio", "gaming")]
    return project(some, known, most_products=4)


def test_products_categories_and_total_agree_to_the_last_decimal(generators: Projection) -> None:
    sound(generators)
    names = {(row.level, row.name) for row in generators.days}
    assert len(generators.days) == 2 * 28 * len(names)
    assert {name for level, name in names if level == "category"} == {"audio", "gaming"}
    others = [name for _, name in names if name.startswith("(other: ")]
    assert len(names) == 4 + len(others) + 2 + 1
    assert len(generators.not_projected) == 7 - 4


def test_generated_sales_are_projected_better_than_by_last_week(
    generators: Projection,
) -> None:
    for measure in ("revenue", "units"):
        total = result(generators, "total", measure)
        assert total.relative_error_unseen is not None
        assert total.relative_error_unseen < 0.95
    unseen = [row.relative_error_unseen for row in generators.backtest if row.relative_error_unseen]
    assert np.mean(unseen) < 0.9


def test_intervals_hold_in_the_backtest_what_they_promise(generators: Projection) -> None:
    assert all(row.folds == 22 for row in generators.backtest)
    for level, aim in (("coverage_80", 0.8), ("coverage_95", 0.95)):
        measured = np.mean([getattr(row, level) for row in generators.backtest])
        assert abs(measured - aim) < 0.05, (level, measured)


def test_the_same_sales_in_any_order_give_the_same_bytes() -> None:
    courses = {name: poisson(90, 8, seed) for seed, name in enumerate(("Pen", "Ink", "Nib"))}
    sales = shop(courses, category=lambda name: "x" if name == "Pen" else "y")
    shuffled = sales[:]
    Random(1).shuffle(shuffled)
    first, second = (project(rows, days(90)) for rows in (sales, shuffled))
    assert as_csv(ProjectedDay, first.days) == as_csv(ProjectedDay, second.days)
    assert as_csv(BacktestResult, first.backtest) == as_csv(BacktestResult, second.backtest)
    sound(first)


def test_a_single_product_without_category_is_the_total() -> None:
    found = project(shop({"Pen": poisson(120, 30, seed=1)}), days(120))
    sound(found)
    assert {row.level for row in found.days} == {"product", "total"}
    assert [row.projected for row in of(found, "Pen")] == [
        row.projected for row in of(found, "total")
    ]
    truth = 30 * WEEKDAYS
    projected = [float(row.projected) for row in of(found, "total")]
    start = 120 % 7
    expected = np.roll(truth, -start)
    assert np.abs(np.reshape(projected, (4, 7)) / expected - 1).mean() < 0.12


def test_the_least_history_there_may_be_is_enough() -> None:
    found = project(shop({"Pen": poisson(84, 30, seed=1)}), days(84))
    sound(found)
    assert result(found, "total").folds == 4
    assert result(found, "total").coverage_80 is not None


def test_a_weekly_closed_day_stays_closed() -> None:
    weekdays = np.array([1, 1, 1, 1, 1.5, 1.5, 0])
    found = project(shop({"Pen": poisson(140, 40, seed=2, weekdays=weekdays)}), days(140))
    sundays = [row for row in of(found, "total") if row.day.weekday() == 6]
    assert len(sundays) == 4
    for row in sundays:
        assert row.projected < 1
        assert row.low_95 == 0
        assert row.high_95 < 5
    saturday = next(row for row in of(found, "total") if row.day.weekday() == 5)
    assert saturday.low_80 > 40


def test_a_level_that_has_shifted_is_followed() -> None:
    course = np.concatenate([poisson(140, 20, seed=3), poisson(49, 80, seed=4)])
    projected = [
        float(row.projected) for row in of(project(shop({"Pen": course}), days(189)), "total")
    ]
    assert 65 < np.mean(projected) < 110


def test_a_trend_is_followed() -> None:
    growth = np.exp(np.arange(224) / 150)
    course = np.random.default_rng(5).poisson(50 * growth)
    projected = [
        float(row.projected) for row in of(project(shop({"Pen": course}), days(224)), "total")
    ]
    truth = 50 * np.exp(np.arange(224, 252) / 150).mean()
    assert np.mean(projected) == pytest.approx(truth, rel=0.15)


def test_where_last_week_is_all_there_is_to_know_it_is_projected() -> None:
    random = np.random.default_rng(6)
    weeks = np.cumsum(random.normal(0, 40, (20, 7)), axis=0) + 500
    found = project(shop({"Pen": np.rint(weeks).clip(0).ravel()}), days(140))
    assert result(found, "total").model == "seasonal naive"
    assert result(found, "total").relative_error == 1
    assert [row.projected for row in of(found, "total")][:7] == [
        Decimal(int(units)) for units in np.rint(weeks[-1])
    ]


def test_a_shop_that_always_sells_the_same_goes_on_so() -> None:
    found = project(shop({"Pen": np.full(90, 7)}), days(90))
    assert {(row.low_95, row.projected, row.high_95) for row in of(found, "total")} == {
        (Decimal(7), Decimal(7), Decimal(7))
    }


def test_products_that_come_and_go_are_projected_as_far_as_can_be_known() -> None:
    courses = {
        "Pen": poisson(150, 20, seed=1),
        "Young": np.concatenate([np.zeros(125), poisson(25, 10, seed=2) + 1]),
        "New": np.concatenate([np.zeros(145), poisson(5, 10, seed=3) + 1]),
        "Gone": np.concatenate([poisson(60, 10, seed=4), np.zeros(90)]),
    }
    found = project(shop(courses), days(150))
    sound(found)
    young = result(found, "Young")
    assert young.model == "share of the total"
    assert young.relative_error is young.coverage_80 is None
    assert young.folds == 0
    assert sum(row.projected for row in of(found, "Young")) / 28 == pytest.approx(11, rel=0.25)
    assert {each.product_name for each in found.not_projected} == {"New", "Gone"}
    assert not of(found, "New")
    assert not of(found, "Gone")
    # The young product comes on top of what the old one sells, rather than out of it.
    assert sum(row.projected for row in of(found, "Pen")) / 28 == pytest.approx(20, rel=0.15)


def test_what_sells_once_in_a_while_is_still_projected() -> None:
    course = np.random.default_rng(7).random(120) < 0.06
    found = project(shop({"Pen": course, "Ink": poisson(120, 15, seed=8)}), days(120))
    sound(found)
    assert 0 < sum(row.projected for row in of(found, "Pen")) < 6


@pytest.mark.parametrize("price", [Decimal("0.0001"), Decimal("1"), Decimal("9999999999.9999")])
def test_money_of_any_size_is_projected_alike(price: Decimal) -> None:
    sales = shop({"Pen": poisson(90, 30, seed=9)}, price=price)
    found = project(sales, days(90))
    sound(found)
    revenue = sum((row.projected for row in of(found, "total", "revenue")), ZERO)
    units = sum((row.projected for row in of(found, "total", "units")), ZERO)
    assert float(revenue / price) == pytest.approx(float(units), rel=0.05)
    assert all(row.projected.as_tuple().exponent == -4 for row in found.days)


def test_the_day_that_still_runs_changes_nothing() -> None:
    sales = shop({"Pen": poisson(90, 30, seed=9)})
    running = DaySales(FIRST_DAY + timedelta(days=90), "Pen", None, 1, Decimal(1))
    assert project([*sales, running], days(90)) == project(sales, days(90))
    assert project(sales, days(90)).as_of == FIRST_DAY + timedelta(days=89)


def test_days_before_a_gap_are_not_learnt_from() -> None:
    sales = shop({"Pen": poisson(120, 30, seed=9)})
    gap = FIRST_DAY + timedelta(days=30)
    known = KnownDays(FIRST_DAY, FIRST_DAY + timedelta(days=119), frozenset({gap}))
    after = KnownDays(gap + timedelta(days=1), known.last)
    assert project(sales, known) == project(sales, after)
