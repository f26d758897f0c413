"""Rows of a page are those of the reports' CSV files, and no report lacks a column of a page."""

import csv
import io
from dataclasses import fields
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from report_sql import columns
from salesflow.pages.contents import CohortMonth, GroupSales, HourSales, Stock
from salesflow.pages.reading import SECTIONS, UnreadableRows, read_sections, rows_of

HOURS = b'"hour","orders","units","total_sales","net_units","net_sales"\n' + (
    b'"3","2","5","30.5000","4","20.5000"\n,"1","1","1.0000","1","1.0000"\n'
)


def test_columns_have_the_types_of_their_fields() -> None:
    assert rows_of(HourSales, HOURS) == (
        HourSales(3, 2, 4, Decimal("20.5000")),
        HourSales(None, 1, 1, Decimal("1.0000")),
    )


def test_days_truths_and_what_there_is_not() -> None:
    header = ",".join(field.name for field in fields(Stock))
    text = f"{header}\nPen,true,7,0,,0.50,14,2026-03-18,9,false,\nInk,false,,0,,,,,,,\n"
    pen, ink = rows_of(Stock, text.encode())
    assert (pen.in_catalogue, pen.reorder, pen.stock_out_date) == (True, False, date(2026, 3, 18))
    assert (pen.next_arrival, pen.reorder_units) == (None, None)
    assert (ink.in_catalogue, ink.stock, ink.reorder) == (False, None, None)


def test_a_name_may_hold_anything() -> None:
    text = 'category,orders,net_units,net_sales\n"a ""b"",\nc",1,1,2.5\n"",1,1,2\n'
    rows = rows_of(GroupSales, text.encode(), {"name": "category"})
    assert [row.name for row in rows] == ['a "b",\nc', ""]


def test_a_name_may_be_as_long_as_an_item_of_the_table() -> None:
    name = "N" * 400_000
    text = f'category,orders,net_units,net_sales\n"{name}",1,1,2.5\n"{name}",1,1,2\n'
    assert [row.name for row in rows_of(GroupSales, text.encode(), {"name": "category"})] == [
        name,
        name,
    ]


def test_a_file_without_rows_has_none() -> None:
    assert rows_of(HourSales, HOURS.splitlines(keepends=True)[0]) == ()


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (b"", "there is no column hour, net_sales, net_units, orders"),
        (HOURS + b"4,1\n", "Expected 6 columns, got 2"),
        (b"hour,orders,net_units\n", "there is no column net_sales"),
        (b"hour,orders,net_units,net_sales\n1,two,1,1\n", "'two' is no value of orders"),
        (b"hour,orders,net_units,net_sales\n1,,1,1\n", "'' is no value of orders"),
        (b"hour,orders,net_units,net_sales\n1,1,1,1 EUR\n", "'1 EUR' is no value of net_sales"),
    ],
)
def test_what_is_no_such_row_is_named(text: bytes, problem: str) -> None:
    with pytest.raises(UnreadableRows, match=problem):
        rows_of(HourSales, text)


def test_a_truth_is_true_or_false() -> None:
    header = ",".join(field.name for field in fields(Stock))
    with pytest.raises(UnreadableRows, match="'yes' is no value of in_catalogue"):
        rows_of(Stock, f"{header}\nPen,yes,7,0,,0.5,14,,9,false,\n".encode())


@pytest.mark.parametrize("section", SECTIONS)
def test_each_report_has_the_columns_that_the_page_shows(section: str) -> None:
    report, row_type, renamed = SECTIONS[section]
    needed = {renamed.get(field.name, field.name) for field in fields(row_type)}
    assert needed <= set(columns(report))


def test_all_sections_are_read_and_a_broken_report_is_named() -> None:
    def empty(report: str) -> bytes:
        text = io.StringIO()
        csv.writer(text).writerow(columns(report))
        return text.getvalue().encode()

    assert read_sections(empty) == dict.fromkeys(SECTIONS, ())

    def broken(report: str) -> bytes:
        return b"cohort,customers\n" if report == "customer_cohorts" else empty(report)

    missing: Any = sorted({field.name for field in fields(CohortMonth)} - {"cohort", "customers"})
    with pytest.raises(UnreadableRows, match="report customer_cohorts: there is no column") as got:
        read_sections(broken)
    assert str(got.value).endswith(", ".join(missing))
