"""The tables of the page say what the reports say."""

from dataclasses import replace
from decimal import Decimal

import pytest

from daily_page import DAY, EMPTY, FULL, projected
from salesflow.pages import books, tables
from salesflow.pages.contents import GroupSales, Projected, Restatement
from salesflow.pages.formatting import currency
from salesflow.pages.tables import Table

DOLLARS = currency("USD")


def texts(table: Table) -> list[list[str]]:
    assert all(len(row) == len(table.columns) for row in table.rows)
    return [[cell.text for cell in row] for row in table.rows]


def test_groups_have_their_share() -> None:
    table = tables.groups("Sales by category", "Category", FULL.categories, DOLLARS)
    assert texts(table) == [
        ["computers", "2", "2", "$998.00", "80.8\u202f%"],
        ["phones", "1", "1", "$200.00", "16.2\u202f%"],
        ["(none)", "1", "1", "$36.56", "3.0\u202f%"],
    ]
    assert sum(row[-1].share or 0 for row in table.rows) == pytest.approx(1)


def test_the_smallest_of_many_groups_are_one_row() -> None:
    rows = texts(tables.groups("Sales by brand", "Brand", FULL.brands, DOLLARS))
    assert [row[0] for row in rows] == [
        *(f"Brand {number:02d}" for number in range(20, 8, -1)),
        "8 others",
    ]
    assert rows[-1][1:4] == ["8", "36", "$36.00"]


def test_a_single_small_group_is_no_others() -> None:
    rows = tables.groups("Sales by brand", "Brand", FULL.brands[:13], DOLLARS).rows
    assert len(rows) == 13
    assert rows[-1][0].text == "Brand 01"


def test_groups_that_brought_nothing_have_no_share() -> None:
    nothing = [GroupSales("web", 1, 0, Decimal(0))]
    assert texts(tables.groups("Sales by channel", "Channel", nothing, DOLLARS))[0][-1] == "–"


def test_a_product_that_the_catalogue_does_not_know_is_marked() -> None:
    rows = texts(tables.products(FULL.products, DOLLARS))
    assert [row[0] for row in rows] == ["Laptop", "Phone", "Toaster (not in the catalogue)"]


def test_ranks_say_how_they_changed() -> None:
    rows = texts(tables.top_products(FULL.top_products, DOLLARS))
    assert [row[:2] for row in rows] == [
        ["1. Laptop", "▲ 2 up"],
        ["2. Phone", "same"],
        ["3. Mouse", "▼ 2 down"],
        ["4. Toaster", "new"],
    ]


def test_price_bands_are_named_by_their_ends() -> None:
    rows = texts(tables.price_bands(FULL.price_bands, DOLLARS))
    assert [row[0] for row in rows] == ["below $25", "$25 to $500", "$500 and more"]


def test_cohorts_have_a_column_for_each_month_since() -> None:
    table = tables.cohorts(FULL.cohorts)
    assert [column.label for column in table.columns] == ["First order", "Customers", "+1", "+2"]
    assert texts(table) == [
        ["Jan 2026", "40", "0\u202f%", "25\u202f%"],
        ["Feb 2026", "20", "25\u202f%", ""],
        ["Mar 2026", "7", "", ""],
    ]


def test_unknown_customers_are_told_of_only_if_they_ordered() -> None:
    rows = texts(tables.customer_kinds(FULL.customers, DOLLARS))
    assert [row[0] for row in rows] == ["new", "returning"]


def test_hours_without_a_time_come_last() -> None:
    rows = texts(tables.hours(FULL.hours, DOLLARS))
    assert [rows[3], rows[-1]] == [["03:00", "0", "3", "$30.00"], ["not known", "2", "2", "$5.00"]]


def test_what_must_be_reordered_comes_first() -> None:
    table = books.stock(FULL.stock)
    assert texts(table) == [
        ["Phone", "5", "2.0", "2 days", "6 Mar 2026", "–", "reorder 1,195"],
        ["Laptop", "900", "2.0", "450 days", "28 May 2027", "–", "nothing"],
        ["Mouse", "40", "0.0", "–", "–", "12, 9 Mar 2026", "nothing"],
    ]
    assert table.note == "Not in the catalogue, so of unknown stock: Toaster."


def test_restatements_say_by_how_much() -> None:
    rising = Restatement(
        "top_customers", DAY, 3, "net_units", Decimal(4), Decimal("5.5"), Decimal("1.5"), 0, 1
    )
    assert texts(books.restatements([*FULL.restatements, rising], DOLLARS)) == [
        ["24 Feb 2026", "day totals", "net sales", "$2,000.00", "$1,851.00", "\u2212$149.00", "2"],
        ["24 Feb 2026", "orders", "2 rows", "–", "–", "–", "2"],
        ["4 Mar 2026", "top customers", "net units", "4", "5.50", "+1.50", "3"],
    ]


def test_what_orders_come_to_is_money() -> None:
    row = Restatement("orders", DAY, 2, "total", Decimal(4), Decimal("5.5"), Decimal("1.5"), 0, 1)
    [[_, _, figure, *amounts, _]] = texts(books.restatements([row], DOLLARS))
    assert (figure, amounts) == ("total", ["$4.00", "$5.50", "+$1.50"])


def test_many_restatements_are_counted() -> None:
    table = books.restatements([FULL.restatements[0]] * 45, DOLLARS)
    assert len(table.rows) == 40
    assert table.note == "And 5 more changes."


def test_failed_checks_come_first() -> None:
    rows = texts(books.checks(FULL.state.checks))
    assert [row[1] for row in rows] == ["✗\u202ffailed (warning)", "✓\u202fpassed"]


def test_the_projection_is_told_day_by_day_with_its_intervals() -> None:
    rows = texts(books.projected_weeks(projected().days, DOLLARS))
    assert len(rows) == 28
    assert rows[0] == ["Thu 5 Mar 2026", "$100", "$80 to $120", "$60 to $140", "10", "8 to 12"]


def test_series_of_the_projection_have_what_they_are_worth() -> None:
    found = projected()
    rows = texts(books.projected_series(found, DOLLARS))
    assert rows[0] == ["All products", "$2,800", "280", "theta", "0.75", "81\u202f%", "96\u202f%"]
    assert [row[0] for row in rows] == ["All products", "computers", "Laptop"]
    young = tuple(
        replace(row, relative_error_unseen=None, coverage_80=None, coverage_95=None)
        for row in found.backtest
    )
    rows = texts(books.projected_series(replace(found, backtest=young), DOLLARS))
    assert rows[2] == ["Laptop", "$2,800", "280", "theta", "–", "–", "–"]


def test_earlier_projections_are_held_against_what_came() -> None:
    assert isinstance(FULL.projection, Projected)
    assert texts(books.accuracy(FULL.projection.accuracy, DOLLARS)) == [
        ["25 Feb 2026", "7", "$700", "$650", "10\u202f%", "86\u202f%"]
    ]


def test_without_rows_every_table_says_so() -> None:
    for table in (
        tables.groups("Sales by brand", "Brand", EMPTY.brands, DOLLARS),
        tables.products(EMPTY.products, DOLLARS),
        tables.top_products(EMPTY.top_products, DOLLARS),
        tables.cohorts(EMPTY.cohorts),
        tables.repeat_intervals(
            [replace(row, repeats=0, percent=None) for row in FULL.repeat_intervals]
        ),
        books.stock(EMPTY.stock),
        books.restatements(EMPTY.restatements, DOLLARS),
        books.accuracy([], DOLLARS),
    ):
        assert table.rows == ()
        assert table.empty.endswith(".")
