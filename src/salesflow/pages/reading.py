"""Rows of a page from CSV files: those of the reports, of the projection, of a query."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from types import NoneType
from typing import Any, Final, TypeVar, get_args, get_type_hints

from salesflow.pages.contents import (
    CameToNothing,
    CohortMonth,
    CustomerKind,
    CustomerSegment,
    DayTotals,
    GroupSales,
    HourSales,
    PriceBand,
    ProductSales,
    RepeatInterval,
    Stock,
    TopCustomer,
    TopProduct,
)
from salesflow.result_files import NoResultFile, read_texts

Row = TypeVar("Row")

_GROUPS: Final = {
    "categories": ("sales_by_category", "category"),
    "brands": ("sales_by_brand", "brand_name"),
    "channels": ("sales_by_channel", "channel"),
    "countries": ("sales_by_country", "country"),
}
SECTIONS: Final[Mapping[str, tuple[str, type[Any], Mapping[str, str]]]] = {
    "totals": ("day_totals", DayTotals, {}),
    "hours": ("hourly_sales", HourSales, {}),
    "top_products": ("top_products", TopProduct, {}),
    "products": ("sales_by_product", ProductSales, {}),
    **{part: (report, GroupSales, {"name": by}) for part, (report, by) in _GROUPS.items()},
    "price_bands": ("price_bands", PriceBand, {}),
    "came_to_nothing": ("cancellations_and_returns", CameToNothing, {}),
    "customers": ("new_and_returning_customers", CustomerKind, {}),
    "segments": ("customer_segments", CustomerSegment, {}),
    "cohorts": ("customer_cohorts", CohortMonth, {}),
    "repeat_intervals": ("repeat_intervals", RepeatInterval, {}),
    "top_customers": ("top_customers", TopCustomer, {}),
    "stock": ("inventory", Stock, {}),
}
"""By field of `DailyReport` the report that fills it, its rows, and columns of another name."""


class UnreadableRows(ValueError):
    """A CSV file that isn't what a page reads; the message says which column or value."""


def read_sections(read: Callable[[str], bytes | None]) -> dict[str, tuple[Any, ...]]:
    """The fields of `DailyReport` that reports fill.

    Args:
        read: gives the CSV file of a report; None: there is none, and its field is left out.

    Raises:
        UnreadableRows: a report lacks a column, or a value isn't of its type.
    """
    sections = {}
    for field, (report, row_type, renamed) in SECTIONS.items():
        if (text := read(report)) is None:
            continue
        try:
            sections[field] = rows_of(row_type, text, renamed)
        except UnreadableRows as error:
            raise UnreadableRows(f"report {report}: {error}") from None
    return sections


def rows_of(
    row_type: type[Row], text: bytes, renamed: Mapping[str, str] | None = None
) -> tuple[Row, ...]:
    """The rows of a CSV file, typed as the fields of `row_type` are; other columns are left out.

    An empty value is None where the field may be that. `renamed` has the columns of fields that
    are named otherwise.

    Raises:
        UnreadableRows: a column is missing, or a value isn't of its field's type.
    """
    parsers = _parsers(row_type)
    columns = {name: (renamed or {}).get(name, name) for name in parsers}
    try:
        texts = read_texts(text)
    except NoResultFile as error:
        raise UnreadableRows(str(error)) from error
    if missing := set(columns.values()) - set(texts):
        raise UnreadableRows(f"there is no column {', '.join(sorted(missing))}")
    values = [
        [_value(parsers[name], column, value) for value in texts[column]]
        for name, column in columns.items()
    ]
    return tuple(
        row_type(**dict(zip(columns, row, strict=True))) for row in zip(*values, strict=True)
    )


def _value(parse: Callable[[str], Any], column: str, text: str) -> Any:
    try:
        return parse(text)
    except (ValueError, InvalidOperation):
        raise UnreadableRows(f"{text!r} is no value of {column}") from None


def _parsers(row_type: type[Any]) -> dict[str, Callable[[str], Any]]:
    hints = get_type_hints(row_type)
    return {field.name: _parser(hints[field.name]) for field in fields(row_type)}


def _parser(hint: Any) -> Callable[[str], Any]:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    parse = _PARSERS.get(kinds[0], str)
    if NoneType in get_args(hint):
        return lambda text: parse(text) if text else None
    return parse


def _boolean(text: str) -> bool:
    if text not in ("true", "false"):
        raise ValueError(text)
    return text == "true"


_PARSERS: Final[dict[Any, Callable[[str], Any]]] = {
    int: int,
    float: float,
    Decimal: Decimal,
    bool: _boolean,
    date: date.fromisoformat,
    datetime: datetime.fromisoformat,
}
