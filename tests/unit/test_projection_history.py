"""What is projected from: known days in a row, and every sale in exactly one series."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest

from salesflow.projection.history import (
    BrokenHistory,
    DaySales,
    KnownDays,
    NotEnoughHistory,
    read_sales,
)
from salesflow.projection.series import sales_history
from shops import FIRST_DAY, PRICE, days, poisson, shop

GOOD = {
    "day": "2026-02-28",
    "product_name": "Laptop",
    "category": "computers",
    "units": "3",
    "revenue": "1497.00",
}


def day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def test_rows_of_text_are_read() -> None:
    assert read_sales([GOOD]) == [
        DaySales(date(2026, 2, 28), "Laptop", "computers", 3, Decimal("1497.00"))
    ]


def test_rows_of_a_data_frame_are_read() -> None:
    frame = pd.DataFrame(
        {
            "day": pd.to_datetime(["2026-02-27", "2026-02-28"]),
            "product_name": ["Laptop", "Pen"],
            "category": ["computers", np.nan],
            "units": [3, 2],
            "revenue": [Decimal("1497.00"), 2.4],
        }
    )
    assert read_sales(frame.to_dict("records")) == [
        DaySales(date(2026, 2, 27), "Laptop", "computers", 3, Decimal("1497.00")),
        DaySales(date(2026, 2, 28), "Pen", None, 2, Decimal("2.4")),
    ]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"units": "-1"}, "units '-1' is not a number of at least 0"),
        ({"units": "1.5"}, "units 1.5 is not a whole number"),
        ({"units": None}, "units None is no number"),
        ({"revenue": "NaN"}, "revenue 'NaN' is not a number of at least 0"),
        ({"revenue": "-0.01"}, "revenue '-0.01' is not a number of at least 0"),
        ({"product_name": " "}, "product_name is empty"),
        ({"day": "28.02.2026"}, "day '28.02.2026' is no day"),
        ({"day": None}, "day None is no day"),
    ],
)
def test_a_row_that_is_no_sale_is_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(BrokenHistory, match=f"row 2: {problem}"):
        read_sales([GOOD, GOOD | change])


def test_a_short_history_says_how_much_is_missing() -> None:
    with pytest.raises(NotEnoughHistory) as caught:
        sales_history(shop({"Pen": poisson(30, 5, seed=1)}), days(30), 100)
    assert str(caught.value) == (
        "needs 84 days of history in a row up to 2025-02-04, has 30: it begins on 2025-01-06"
    )
    assert (caught.value.needs, caught.value.has) == (84, 30)


def test_the_days_after_a_gap_are_the_history() -> None:
    sales = shop({"Pen": poisson(120, 5, seed=1)})
    known = KnownDays(day(0), day(119), frozenset({day(20), day(35)}))
    assert sales_history(sales, known, 100).days == tuple(day(number) for number in range(36, 120))
    with pytest.raises(NotEnoughHistory, match=f"has 83: the sales of {day(36)} are not known"):
        sales_history(sales, KnownDays(day(0), day(119), frozenset({day(36)})), 100)


def test_days_before_the_first_sale_are_no_history() -> None:
    late = np.concatenate([np.zeros(37), poisson(84, 5, seed=1) + 1])
    assert sales_history(shop({"Pen": late[1:]}), days(120), 100).days[0] == day(36)
    with pytest.raises(NotEnoughHistory, match="has 83: nothing was sold before that"):
        sales_history(shop({"Pen": late}), days(120), 100)


def test_a_shop_that_closed_is_not_projected() -> None:
    closed = np.concatenate([poisson(92, 5, seed=1), np.zeros(28)])
    with pytest.raises(NotEnoughHistory, match="nothing was sold in the 28 days up to"):
        sales_history(shop({"Pen": closed}), days(120), 100)


def test_a_day_without_a_row_is_a_day_without_sales() -> None:
    course = np.tile([3, 0, 1, 2, 0, 0, 4], 12)
    history = sales_history(shop({"Pen": course}), days(84), 100)
    assert history.values["units"][:, 0].tolist() == course.tolist()
    assert history.values["revenue"][:, 0].tolist() == (course * 12.5).tolist()


def test_days_that_are_not_known_are_not_looked_at() -> None:
    sales = shop({"Pen": poisson(100, 5, seed=1)})
    running = DaySales(day(100), "Pen", None, 1, PRICE)
    before = DaySales(day(-1), "Ink", None, 9, PRICE)
    with_more = sales_history([*sales, running, before], days(100), 100)
    assert (with_more.values["units"] == sales_history(sales, days(100), 100).values["units"]).all()
    assert [series.name for series in with_more.series] == ["Pen"]


def test_history_known_from_its_first_sale_leaves_out_that_day() -> None:
    sales = shop({"Pen": [2, 3, 4]})
    assert KnownDays.since_first_sale(sales, day(2)) == KnownDays(day(1), day(2))
    with pytest.raises(NotEnoughHistory, match="has none before"):
        KnownDays.since_first_sale(sales, day(0))


def test_every_sale_is_in_one_series_and_every_other_product_has_a_reason() -> None:
    zeros = np.zeros
    courses = {
        "Pen": poisson(100, 9, seed=1),
        "Ink": poisson(100, 2, seed=2),
        "Nib": poisson(100, 1, seed=3),
        "New": np.concatenate([zeros(87), poisson(13, 9, seed=4) + 1]),
        "Known": np.concatenate([zeros(86), poisson(14, 12, seed=6) + 1]),
        "Gone": np.concatenate([poisson(44, 9, seed=5) + 1, zeros(56)]),
    }
    sales = shop(courses, category=lambda name: "new things" if name == "New" else "writing")
    history = sales_history(sales, days(100), most_products=2)
    assert [(series.name, series.category) for series in history.series] == [
        ("Known", "writing"),
        ("Pen", "writing"),
        ("(other: new things)", "new things"),
        ("(other: writing)", "writing"),
    ]
    assert {each.product_name: each.reason for each in history.not_projected} == {
        "Gone": "not sold for 56 days, since 2025-02-18",
        "New": "first sold on 2025-04-03: needs 14 days since then, has 13",
        "Ink": "is not among the 2 products that sell most",
        "Nib": "is not among the 2 products that sell most",
    }
    assert [each.within for each in history.not_projected] == [
        "(other: writing)",
        "(other: writing)",
        "(other: new things)",
        "(other: writing)",
    ]
    everything = sum(courses.values(), zeros(100))
    assert history.values["units"].sum(axis=1).tolist() == everything.tolist()
    assert history.categories == (("new things", (2,)), ("writing", (0, 1, 3)))


def test_a_product_belongs_to_its_latest_category() -> None:
    sales = shop({"Ink": np.ones(90)}, category=lambda _: "new")
    for number in range(90):
        category = "old" if number < 30 else "new" if number < 80 else None
        sales.append(DaySales(day(number), "Pen", category, 1, PRICE))
    history = sales_history(sales, days(90), 100)
    assert [(each.name, each.category) for each in history.series] == [
        ("Ink", "new"),
        ("Pen", "new"),
    ]


def test_without_any_category_there_are_none() -> None:
    history = sales_history(shop({"Pen": poisson(90, 5, seed=1)}), days(90), 100)
    assert history.categories == ()
    assert [each.name for each in history.series] == ["Pen"]


def test_a_product_can_not_be_named_as_the_others_are() -> None:
    sales = shop({"(other products)": np.ones(90), "New": np.r_[np.zeros(85), np.ones(5)]})
    with pytest.raises(BrokenHistory, match="can't be the name of a product"):
        sales_history(sales, days(90), 100)
