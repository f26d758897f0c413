"""The tables that tell of stock, of the projection, of restated days, and of the data itself."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Final

from salesflow.pages import contents
from salesflow.pages.formatting import (
    NARROW_SPACE,
    NONE,
    Currency,
    Number,
    money,
    number,
    percent,
    short_day,
    shortened,
    whole_money,
)
from salesflow.pages.tables import Cell, Column, Table
from salesflow.projection.rows import Accuracy, BacktestResult, ProjectedDay

_MOST_PRODUCTS: Final = 24
_MOST_RESTATEMENTS: Final = 40
_MONEY_COLUMNS: Final = ("sales", "total", "price", "spent", "basket")
_SHORT_OF_DAYS: Final = 7
_LONGEST_SAMPLE: Final = 300


def stock(rows: Sequence[contents.Stock]) -> Table:
    """What there is of each product, the one that ends first first."""
    known = [row for row in rows if row.in_catalogue]
    return Table(
        "Stock at the end of this day, at the rate of the last 28 days",
        (
            Column("Product", numeric=False),
            Column("Stock"),
            Column("Sold a day", minor=True),
            Column("Lasts"),
            Column("Out on", minor=True),
            Column("On order", minor=True),
            Column("To do", numeric=False),
        ),
        tuple(
            (
                Cell(shortened(row.product_name)),
                Cell(number(row.stock)),
                Cell(number(row.sold_per_day, 1)),
                Cell(
                    NONE if row.days_of_cover is None else f"{number(row.days_of_cover)} days",
                    mark="down" if _is_short(row) else "",
                ),
                Cell(short_day(row.stock_out_date)),
                Cell(_on_order(row)),
                _to_do(row),
            )
            for row in sorted(known, key=_urgency)[:_MOST_PRODUCTS]
        ),
        empty="There is no stock to tell of.",
        note=_stock_note(rows, len(known)),
    )


def _urgency(row: contents.Stock) -> tuple[bool, float, str]:
    cover = float("inf") if row.days_of_cover is None else row.days_of_cover
    return not row.reorder, cover, row.product_name


def _is_short(row: contents.Stock) -> bool:
    return row.days_of_cover is not None and row.days_of_cover < _SHORT_OF_DAYS


def _on_order(row: contents.Stock) -> str:
    if not row.on_order:
        return NONE
    arrival = f", {short_day(row.next_arrival)}" if row.next_arrival else ""
    return f"{number(row.on_order)}{arrival}"


def _to_do(row: contents.Stock) -> Cell:
    if not row.reorder:
        return Cell("nothing")
    units = f" {number(row.reorder_units)}" if row.reorder_units else ""
    return Cell(f"reorder{units}", mark="down")


def _stock_note(rows: Sequence[contents.Stock], known: int) -> str:
    unknown = sorted(row.product_name for row in rows if not row.in_catalogue)
    notes = []
    if known > _MOST_PRODUCTS:
        notes.append(f"And {number(known - _MOST_PRODUCTS)} more products that last longer.")
    if unknown:
        names = ", ".join(shortened(name) for name in unknown[:_MOST_PRODUCTS])
        rest = len(unknown) - _MOST_PRODUCTS
        more = f" and {number(rest)} more" if rest > 0 else ""
        notes.append(f"Not in the catalogue, so of unknown stock: {names}{more}.")
    return " ".join(notes)


def projected_weeks(rows: Sequence[ProjectedDay], unit: Currency) -> Table:
    """The total by day for the first week, and what the weeks add up to."""
    by_day: defaultdict[date, dict[str, ProjectedDay]] = defaultdict(dict)
    for row in rows:
        if row.level == "total":
            by_day[row.day][row.measure] = row
    return Table(
        "The coming 28 days, day by day",
        (
            Column("Day", numeric=False),
            Column("Revenue"),
            Column("80 % interval"),
            Column("95 % interval", minor=True),
            Column("Units"),
            Column("80 % interval", minor=True),
        ),
        tuple(
            (
                Cell(f"{day:%a} {short_day(day)}"),
                Cell(whole_money(both["revenue"].projected, unit)),
                Cell(_between(both["revenue"].low_80, both["revenue"].high_80, unit)),
                Cell(_between(both["revenue"].low_95, both["revenue"].high_95, unit)),
                Cell(number(both["units"].projected)),
                Cell(_between(both["units"].low_80, both["units"].high_80, None)),
            )
            for day, both in sorted(by_day.items())
        ),
        empty="Nothing is projected.",
    )


def _between(low: Decimal, high: Decimal, unit: Currency | None) -> str:
    ends = (
        (whole_money(low, unit), whole_money(high, unit)) if unit else (number(low), number(high))
    )
    return f"{ends[0]} to {ends[1]}"


def projected_series(projected: contents.Projected, unit: Currency) -> Table:
    """The coming 28 days of every category and product, and what their projection is worth."""
    sums: defaultdict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in projected.days:
        sums[row.name, f"{row.level} {row.measure}"] += row.projected
    quality = {(row.level, row.name): row for row in projected.backtest if row.measure == "revenue"}
    order = {"total": 0, "category": 1, "product": 2}
    names = sorted(
        {(row.level, row.name) for row in projected.days},
        key=lambda each: (order[each[0]], -sums[each[1], f"{each[0]} revenue"], each[1]),
    )
    shown = [each for each in names if each[0] != "product"]
    shown += [each for each in names if each[0] == "product"][:_MOST_PRODUCTS]
    return Table(
        "The coming 28 days by category and product",
        (
            Column("Series", numeric=False),
            Column("Revenue"),
            Column("Units", minor=True),
            Column("Model", numeric=False, minor=True),
            Column("Error"),
            Column("In 80 %"),
            Column("In 95 %", minor=True),
        ),
        tuple(
            (
                Cell("All products" if level == "total" else shortened(name), mark=level),
                Cell(whole_money(sums[name, f"{level} revenue"], unit)),
                Cell(number(sums[name, f"{level} units"])),
                *_quality(quality.get((level, name))),
            )
            for level, name in shown
        ),
        empty="Nothing is projected.",
        note="Error: of the revenue’s projections of the past half year, as they would have been "
        "made then, beside repeating the last week (1.00). In 80 %: how many of those days were "
        "within the interval that should hold 80 % of them. A dash: too young to say.",
    )


def _quality(row: BacktestResult | None) -> tuple[Cell, ...]:
    if row is None:
        return (Cell(NONE),) * 4
    return (
        Cell(row.model),
        Cell(_ratio(row.relative_error_unseen)),
        Cell(_percent(row.coverage_80)),
        Cell(_percent(row.coverage_95)),
    )


def _ratio(value: Number | None) -> str:
    return number(value, 2)


def _percent(value: float | None) -> str:
    return NONE if value is None else percent(100 * value, 0)


def accuracy(rows: Sequence[Accuracy], unit: Currency) -> Table:
    """Earlier projections of the total's revenue beside what came."""
    total = [row for row in rows if row.level == "total" and row.measure == "revenue"]
    return Table(
        "Earlier projections of revenue, and what came",
        (
            Column("Made after", numeric=False),
            Column("Days since", minor=True),
            Column("Projected"),
            Column("Came"),
            Column("Daily error"),
            Column("In 80 %"),
        ),
        tuple(
            (
                Cell(short_day(row.as_of)),
                Cell(number(row.days)),
                Cell(whole_money(row.projected, unit)),
                Cell(whole_money(row.actual, unit)),
                Cell(_percent(row.absolute_error)),
                Cell(_percent(row.coverage_80)),
            )
            for row in sorted(total, key=lambda row: row.as_of, reverse=True)[:10]
        ),
        empty="No earlier projection can be compared yet.",
    )


def restatements(rows: Sequence[contents.Restatement], unit: Currency) -> Table:
    """Days whose reports have changed."""
    return Table(
        "Reports that late changes have changed",
        (
            Column("Day", numeric=False),
            Column("Report", numeric=False),
            Column("Figure", numeric=False),
            Column("Before", minor=True),
            Column("Now"),
            Column("Change"),
            Column("Version", minor=True),
        ),
        tuple(
            (
                Cell(short_day(row.day)),
                Cell(row.report.replace("_", " ")),
                Cell((row.column_name or f"{row.rows_gone + row.rows_new} rows").replace("_", " ")),
                *(
                    Cell(_figure(row.column_name, value, unit))
                    for value in (row.sum_before, row.sum_after)
                ),
                Cell(_signed(row, unit)),
                Cell(number(row.version)),
            )
            for row in rows[:_MOST_RESTATEMENTS]
        ),
        empty="No day was restated.",
        note=f"And {number(len(rows) - _MOST_RESTATEMENTS)} more changes."
        if len(rows) > _MOST_RESTATEMENTS
        else "",
    )


def _figure(column: str | None, value: Decimal | None, unit: Currency) -> str:
    if value is None or column is None:
        return NONE
    if any(word in column for word in _MONEY_COLUMNS):
        return money(value, unit)
    return number(value, 0 if value == value.to_integral_value() else 2)


def _signed(row: contents.Restatement, unit: Currency) -> str:
    text = _figure(row.column_name, row.difference, unit)
    return f"+{text}" if row.difference is not None and row.difference > 0 else text


def checks(rows: Sequence[contents.CheckOutcome]) -> Table:
    """What was checked before the day's changes were let in."""
    return Table(
        "Checks of this day’s changes",
        (
            Column("Check", numeric=False),
            Column("Outcome", numeric=False),
            Column("Found"),
            Column("For example", numeric=False, minor=True),
        ),
        tuple(
            (
                Cell(row.check_name.replace("_", " ")),
                _outcome(row),
                Cell(number(row.found)),
                Cell(shortened(row.sample or NONE, _LONGEST_SAMPLE)),
            )
            for row in sorted(rows, key=lambda row: (row.outcome == "passed", row.check_name))
        ),
        empty="No checks are recorded for this day.",
    )


def _outcome(row: contents.CheckOutcome) -> Cell:
    if row.outcome == "passed":
        return Cell(f"✓{NARROW_SPACE}passed", mark="up")
    return Cell(f"✗{NARROW_SPACE}{row.outcome} ({row.severity})", mark="down")
