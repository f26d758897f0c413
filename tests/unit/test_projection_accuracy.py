"""Past projections beside what happened."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from salesflow.projection.accuracy import accuracy
from salesflow.projection.history import DaySales, KnownDays
from salesflow.projection.rows import Accuracy, Level, ProjectedDay, as_csv
from shops import FIRST_DAY, PRICE, days, shop

AS_OF = FIRST_DAY + timedelta(days=13)


def projected(
    day: int, units: str, level: Level = "total", name: str = "total", as_of: date = AS_OF
) -> ProjectedDay:
    """Between half and twice as much with 95 %, ten more or less with 80 %."""
    amount = Decimal(units)
    return ProjectedDay(
        as_of=as_of,
        day=as_of + timedelta(days=day),
        level=level,
        name=name,
        measure="units",
        projected=amount,
        low_80=amount - 10,
        high_80=amount + 10,
        low_95=amount / 2,
        high_95=amount * 2,
        model="any",
    )


def test_a_projection_is_held_against_the_days_that_are_known() -> None:
    sales = shop({"Pen": [40] * 14 + [50, 61, 30]})
    rows = [projected(day, "50") for day in range(1, 29)]
    assert accuracy(rows, sales, days(17)) == [
        Accuracy(
            as_of=AS_OF,
            level="total",
            name="total",
            measure="units",
            days=3,
            projected=Decimal(150),
            actual=Decimal(141),
            absolute_error=round(31 / 141, 4),
            relative_error=round(((11**2 + 20**2) / (10**2 + 21**2 + 10**2)) ** 0.5, 4),
            coverage_80=round(1 / 3, 4),
            coverage_95=1,
        )
    ]


def test_a_bound_is_within_its_interval() -> None:
    sales = shop({"Pen": [40] * 14 + [60, 40, 100, 101]})
    (found,) = accuracy([projected(day, "50") for day in range(1, 5)], sales, days(18))
    assert (found.coverage_80, found.coverage_95) == (0.5, 0.75)


def test_a_projection_of_which_nothing_is_known_yet_has_no_row() -> None:
    assert accuracy([projected(1, "50")], shop({"Pen": [40] * 14}), days(14)) == []


def test_a_day_on_which_nothing_was_sold_counts() -> None:
    (found,) = accuracy([projected(1, "50")], shop({"Pen": [40] * 14}), days(15))
    assert (found.actual, found.absolute_error, found.coverage_95) == (0, None, 0)


@pytest.mark.parametrize("known", [days(16), KnownDays(AS_OF, AS_OF + timedelta(days=2))])
def test_without_error_or_knowledge_of_last_week_there_is_nothing_to_compare(
    known: KnownDays,
) -> None:
    sales = shop({"Pen": [50] * 16})
    (found,) = accuracy([projected(1, "49"), projected(2, "49")], sales, known)
    assert found.relative_error is None
    assert found.absolute_error == 0.02


def test_each_series_is_held_against_its_own_sales() -> None:
    courses = {"Pen": [5] * 16, "Ink": [3] * 16, "New": [0] * 15 + [2]}
    sales = shop(courses, category=lambda name: "x" if name == "Pen" else "y")
    rows = [
        projected(day, "1", level, name)
        for day in (1, 2)
        for level, name in (
            ("product", "Pen"),
            ("product", "(other: y)"),
            ("category", "y"),
            ("total", "total"),
        )
    ]
    found = {row.name: row.actual for row in accuracy(rows, sales, days(16))}
    assert found == {"Pen": 10, "(other: y)": 8, "y": 8, "total": 18}


def test_projections_of_several_days_are_kept_apart() -> None:
    sales = shop({"Pen": [40] * 20})
    rows = [projected(1, "50"), projected(1, "42", as_of=AS_OF + timedelta(days=1))]
    assert [(row.as_of, row.projected) for row in accuracy(rows, sales, days(20))] == [
        (AS_OF, 50),
        (AS_OF + timedelta(days=1), 42),
    ]


def test_revenue_is_held_against_revenue() -> None:
    row = projected(1, "500")
    money = ProjectedDay(
        **{name: getattr(row, name) for name in row.__slots__ if name != "measure"},
        measure="revenue",
    )
    sales = [*shop({"Pen": [40] * 14}), DaySales(money.day, "Pen", None, 9, 9 * PRICE)]
    assert [each.actual for each in accuracy([money], sales, days(15))] == [Decimal("112.50")]


def test_rows_are_a_csv_file_with_a_header_even_if_there_are_none() -> None:
    header = b"as_of,level,name,measure,days,projected,actual,absolute_error,"
    assert as_csv(Accuracy, []).startswith(header)
    rows = accuracy([projected(1, "50")], shop({"Pen": [40] * 14}), days(15))
    assert as_csv(Accuracy, rows).splitlines()[1] == (
        b"2025-01-19,total,total,units,1,50,0,,1.25,0.0,0.0"
    )
