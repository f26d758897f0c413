"""The tables of the page: captions, columns and cells, all of it text by now."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Final

from salesflow.pages import contents
from salesflow.pages.formatting import (
    NONE,
    Currency,
    money,
    number,
    percent,
    short_day,
    shortened,
)

MOST_ROWS: Final = 12
"""Rows that a table of groups shows; the rest is one row."""

NO_NAME: Final = "(none)"


@dataclass(frozen=True, slots=True)
class Column:
    """A column; `minor` ones give way on a narrow screen."""

    label: str
    numeric: bool = True
    minor: bool = False


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell; `share` (0 to 1) draws a bar behind it, `mark` is a CSS class."""

    text: str
    share: float | None = None
    mark: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table whose first column heads its rows; without rows, `empty` is said instead."""

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[Cell, ...], ...]
    empty: str
    note: str = ""


def groups(caption: str, label: str, rows: Iterable[contents.GroupSales], unit: Currency) -> Table:
    """Sales by category, brand, channel or country; the smallest of many are one row."""
    return _groups(caption, label, (replace(row, name=shortened(row.name)) for row in rows), unit)


def _groups(caption: str, label: str, rows: Iterable[contents.GroupSales], unit: Currency) -> Table:
    shown = _with_others(rows)
    whole = sum((row.net_sales for row in shown), Decimal(0))
    return Table(
        caption,
        (
            Column(label, numeric=False),
            Column("Orders", minor=True),
            Column("Net units"),
            Column("Net sales"),
            Column("Share"),
        ),
        tuple(
            (
                Cell(row.name or NO_NAME),
                Cell(number(row.orders)),
                Cell(number(row.net_units)),
                Cell(money(row.net_sales, unit)),
                Cell(_percent_of(row.net_sales, whole), share=_share(row.net_sales, whole)),
            )
            for row in shown
        ),
        empty="Nothing was sold on this day.",
    )


def products(rows: Iterable[contents.ProductSales], unit: Currency) -> Table:
    """Sales by product; those that the catalogue doesn't know are marked."""
    marked = (
        contents.GroupSales(
            shortened(row.product_name) + ("" if row.in_catalogue else " (not in the catalogue)"),
            row.orders,
            row.net_units,
            row.net_sales,
        )
        for row in rows
    )
    return _groups("Sales by product", "Product", marked, unit)


def _with_others(rows: Iterable[contents.GroupSales]) -> list[contents.GroupSales]:
    ordered = sorted(rows, key=lambda row: row.net_sales, reverse=True)
    # A single row is as short as one that stands for it.
    if len(ordered) <= MOST_ROWS + 1:
        return ordered
    rest = ordered[MOST_ROWS:]
    others = contents.GroupSales(
        f"{number(len(rest))} others",
        sum(row.orders for row in rest),
        sum(row.net_units for row in rest),
        sum((row.net_sales for row in rest), Decimal(0)),
    )
    return [*ordered[:MOST_ROWS], others]


def top_products(rows: Sequence[contents.TopProduct], unit: Currency) -> Table:
    """The best ten, and how their rank has changed."""
    return Table(
        "Top products",
        (
            Column("Product", numeric=False),
            Column("Since the day before", numeric=False),
            Column("Net units", minor=True),
            Column("Net sales"),
        ),
        tuple(
            (
                Cell(f"{number(row.rank)}. {shortened(row.product_name)}"),
                _moved(row),
                Cell(number(row.net_units)),
                Cell(money(row.net_sales, unit)),
            )
            for row in sorted(rows, key=lambda row: row.rank)[:10]
        ),
        empty="Nothing was sold on this day.",
    )


def _moved(row: contents.TopProduct) -> Cell:
    if row.previous_rank is None:
        return Cell("new", mark="up")
    places = row.previous_rank - row.rank
    if not places:
        return Cell("same")
    return (
        Cell(f"▲ {places} up", mark="up") if places > 0 else Cell(f"▼ {-places} down", mark="down")
    )


def hours(rows: Sequence[contents.HourSales], unit: Currency) -> Table:
    """The day's curve, hour by hour; orders without a time come last."""
    return Table(
        "Sales by the hour (UTC)",
        (
            Column("Hour", numeric=False),
            Column("Orders"),
            Column("Net units"),
            Column("Net sales"),
        ),
        tuple(
            (
                Cell("not known" if row.hour is None else f"{row.hour:02d}:00"),
                Cell(number(row.orders)),
                Cell(number(row.net_units)),
                Cell(money(row.net_sales, unit)),
            )
            for row in sorted(rows, key=lambda row: 24 if row.hour is None else row.hour)
        ),
        empty="Nothing was sold on this day.",
    )


def price_bands(rows: Sequence[contents.PriceBand], unit: Currency) -> Table:
    """Sales by the price of one piece."""
    whole = sum((row.net_sales for row in rows), Decimal(0))
    return Table(
        "Price bands",
        (
            Column("Price of one piece", numeric=False),
            Column("Orders"),
            Column("Units", minor=True),
            Column("Net sales"),
            Column("Share"),
        ),
        tuple(
            (
                Cell(_band(row, unit)),
                Cell(number(row.orders)),
                Cell(number(row.units)),
                Cell(money(row.net_sales, unit)),
                Cell(_percent_of(row.net_sales, whole), share=_share(row.net_sales, whole)),
            )
            for row in rows
        ),
        empty="Nothing was sold on this day.",
    )


def _band(row: contents.PriceBand, unit: Currency) -> str:
    whole = Currency(unit.code, unit.symbol, 0)
    if row.below_price is None:
        return f"{money(row.from_price, whole)} and more"
    if not row.from_price:
        return f"below {money(row.below_price, whole)}"
    return f"{money(row.from_price, whole)} to {money(row.below_price, whole)}"


def came_to_nothing(rows: Sequence[contents.CameToNothing], unit: Currency) -> Table:
    """What was cancelled and returned of the day's orders, the costliest first."""
    return Table(
        "Cancelled and returned, of this day’s orders",
        (
            Column("Product", numeric=False),
            Column("Cancelled"),
            Column("Worth", minor=True),
            Column("Returned"),
            Column("Worth", minor=True),
            Column("Of its orders"),
        ),
        tuple(
            (
                Cell(shortened(row.product_name)),
                Cell(number(row.cancelled)),
                Cell(money(row.cancelled_sales, unit)),
                Cell(number(row.returned)),
                Cell(money(row.returned_sales, unit)),
                Cell(percent(row.percent_of_orders)),
            )
            for row in rows[:MOST_ROWS]
        ),
        empty="Nothing of this day was cancelled or returned so far.",
        note=_more(len(rows) - MOST_ROWS, "product"),
    )


def customer_kinds(rows: Sequence[contents.CustomerKind], unit: Currency) -> Table:
    """New and returning customers."""
    return Table(
        "New and returning customers",
        (
            Column("Customers are", numeric=False),
            Column("Customers"),
            Column("Orders"),
            Column("Net sales"),
        ),
        tuple(
            (
                Cell(row.customers_are),
                Cell(number(row.customers) if row.customers_are != "unknown" else NONE),
                Cell(number(row.orders)),
                Cell(money(row.net_sales, unit)),
            )
            for row in rows
            if row.orders or row.customers_are != "unknown"
        ),
        empty="Nobody ordered on this day.",
    )


def segments(rows: Sequence[contents.CustomerSegment], unit: Currency) -> Table:
    """Customers by how lately, how often and for how much they ordered."""
    return Table(
        "Segments, over the year up to this day",
        (
            Column("Segment", numeric=False),
            Column("Customers"),
            Column("Orders", minor=True),
            Column("Net sales", minor=True),
            Column("Spent each"),
            Column("Days since last order"),
        ),
        tuple(
            (
                Cell(row.segment),
                Cell(number(row.customers)),
                Cell(number(row.orders)),
                Cell(money(row.net_sales, unit)),
                Cell(money(row.spent_per_customer, unit)),
                Cell(number(row.days_since_last_order, 1)),
            )
            for row in rows
        ),
        empty="No customer is known in the year up to this day.",
    )


def cohorts(rows: Sequence[contents.CohortMonth]) -> Table:
    """One row per month of the first order, one column per month since."""
    by_cohort: defaultdict[date, dict[int, contents.CohortMonth]] = defaultdict(dict)
    for row in rows:
        by_cohort[row.cohort][row.months_after] = row
    months = range(1, max((row.months_after for row in rows), default=0) + 1)
    return Table(
        "Of the customers who first ordered in a month, how many did so again months later",
        (
            Column("First order", numeric=False),
            Column("Customers"),
            *(Column(f"+{month}") for month in months),
        ),
        tuple(
            (
                Cell(f"{cohort:%b %Y}"),
                Cell(number(next(iter(found.values())).cohort_size)),
                *(
                    _retained(found.get(month), month <= _months(cohort, max(by_cohort)))
                    for month in months
                ),
            )
            for cohort, found in sorted(by_cohort.items())
        ),
        empty="No customer is known in the year up to this day.",
        note="The last figure of each row is of the month that still runs." if months else "",
    )


def _months(first: date, last: date) -> int:
    return (last.year - first.year) * 12 + last.month - first.month


def _retained(row: contents.CohortMonth | None, has_been: bool) -> Cell:
    if row is None:
        return Cell(percent(0, 0) if has_been else "", mark="heat")
    share = float(row.retention_percent) / 100
    return Cell(percent(row.retention_percent, 0), share=share, mark="heat")


def repeat_intervals(rows: Sequence[contents.RepeatInterval]) -> Table:
    """How long customers took to order again."""
    return Table(
        "Time between two orders, over the year up to this day",
        (Column("Ordered again", numeric=False), Column("Times"), Column("Share")),
        tuple(
            (
                Cell(_span(row)),
                Cell(number(row.repeats)),
                Cell(percent(row.percent), share=float(row.percent or 0) / 100),
            )
            for row in rows
        )
        if any(row.repeats for row in rows)
        else (),
        empty="Nobody has ordered a second time.",
    )


def _span(row: contents.RepeatInterval) -> str:
    if row.from_days == row.to_days:
        return "on the same day" if not row.from_days else f"after {row.from_days} days"
    return f"after {row.from_days} to {row.to_days} days"


def top_customers(rows: Sequence[contents.TopCustomer], unit: Currency) -> Table:
    """Who spent most."""
    return Table(
        "Customers who spent most in the 30 days up to this day",
        (
            Column("Customer", numeric=False),
            Column("Orders"),
            Column("Units", minor=True),
            Column("Net sales"),
            Column("Last order", minor=True),
        ),
        tuple(
            (
                Cell(shortened(row.customer_id)),
                Cell(number(row.net_orders)),
                Cell(number(row.net_units)),
                Cell(money(row.net_sales, unit)),
                Cell(short_day(row.last_order)),
            )
            for row in rows[:10]
        ),
        empty="No customer is known in the 30 days up to this day.",
    )


def _share(part: Decimal, whole: Decimal) -> float:
    return min(max(float(part / whole), 0.0), 1.0) if whole > 0 else 0.0


def _percent_of(part: Decimal, whole: Decimal) -> str:
    return percent(part * 100 / whole) if whole > 0 else NONE


def _more(count: int, what: str) -> str:
    """What a note says of rows that aren't shown."""
    if count < 1:
        return ""
    return f"And {number(count)} more {what}{'s' if count > 1 else ''}."
