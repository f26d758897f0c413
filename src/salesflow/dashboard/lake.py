"""What the lake knows: exact, as of the last merge and the last reports."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

from salesflow.daily_page import page_key, read_report
from salesflow.dashboard.json_values import day_text, money_text, time_text
from salesflow.dashboard.reports import LOOKED_BACK, newest_object
from salesflow.dashboard.silver import PAST, TODAY, Silver, day, utc, version
from salesflow.deployment import Connect
from salesflow.live import Sales
from salesflow.pages.contents import CustomerKind, Stock, TopCustomer
from salesflow.pages.reading import rows_of
from salesflow.projection.history import HORIZON, MINIMUM_DAYS
from salesflow.projection.rows import TOTAL, ProjectedDay
from salesflow.projection.stored import ProjectionOutcome
from salesflow.silver import ORDERS_TABLE

Row = TypeVar("Row")

SHOWN_CUSTOMERS: Final = 5
SHOWN_PRODUCTS: Final = 10
PAST_DAYS: Final = HORIZON

_TODAY_KEPT: Final = timedelta(minutes=10)
_PAST_KEPT: Final = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Merged:
    """How far silver is, and what it has of today.

    Attributes:
        merged_at: when a merge last ended.
        complete_until: all that was written until then is in silver.
        today: orders that are neither cancelled nor returned; None before silver has its tables.
    """

    merged_at: datetime | None = None
    complete_until: datetime | None = None
    today: Sales | None = None


@dataclass(frozen=True, slots=True)
class Customers:
    """Of a day: how many customers ordered first then, and how many had before; of the 30 days
    up to it those who spent most."""

    new: int
    returning: int
    top: tuple[TopCustomer, ...]


@dataclass(frozen=True, slots=True)
class Projection:
    """The revenue to come as of the end of a day, and that of the days before."""

    made_for: date
    days: tuple[ProjectedDay, ...]
    past: tuple[tuple[date, Decimal], ...]


@dataclass(frozen=True, slots=True)
class LastPage:
    """The page of the newest day that has one."""

    day: date
    written_at: datetime
    uri: str


@dataclass(frozen=True, slots=True)
class Lake:
    """What the dashboard shows of the lake; None: not reported, or not in the last weeks.

    Attributes:
        report_day: the day whose customers and stock these are.
        projection: a sentence says why there is none.
    """

    merged: Merged
    report_day: date | None
    customers: Customers | None
    stock: tuple[Stock, ...] | None
    projection: Projection | str
    last_page: LastPage | None


def read_lake(connect: Connect, outputs: Mapping[str, str], now: datetime) -> Lake:
    """The lake now: silver by Athena if it has changed, all else from the reports' files.

    Raises:
        QueryFailed, TimeoutError: Athena doesn't answer.
        UnreadableRows: a report's file isn't what it should be.
    """
    s3, bucket = connect("s3"), outputs["LakeBucketName"]
    silver = Silver(connect, outputs)
    reported = newest_object(s3, bucket, "day_totals", "json", now)
    page = newest_object(s3, bucket, "page", "html", now)
    report_day = reported.day if reported else None
    return Lake(
        merged=_merged(silver, now),
        report_day=report_day,
        customers=_customers(s3, bucket, report_day) if report_day else None,
        stock=_stock(s3, bucket, report_day) if report_day else None,
        projection=_projection(s3, bucket, silver, now),
        last_page=LastPage(
            page.day, page.written_at, f"s3://{bucket}/{page_key(page.day.isoformat())}"
        )
        if page
        else None,
    )


def lake_data(lake: Lake) -> dict[str, Any]:
    """The lake as JSON values. Orders and revenue are without what was cancelled or returned."""
    merged, customers, page = lake.merged, lake.customers, lake.last_page
    return {
        "merged_at": time_text(merged.merged_at),
        "complete_until": time_text(merged.complete_until),
        "today": merged.today
        and {
            "orders": merged.today.orders,
            "units": merged.today.units,
            "revenue": money_text(merged.today.revenue),
        },
        "report_day": day_text(lake.report_day),
        "customers": customers
        and {
            "new": customers.new,
            "returning": customers.returning,
            "top": [
                {
                    "customer_id": customer.customer_id,
                    "orders": customer.net_orders,
                    "revenue": money_text(customer.net_sales),
                }
                for customer in customers.top
            ],
        },
        "inventory": None if lake.stock is None else [_stock_data(stock) for stock in lake.stock],
        "projection": _projection_data(lake.projection),
        "last_report": page
        and {
            "day": day_text(page.day),
            "written_at": time_text(page.written_at),
            "page_uri": page.uri,
        },
    }


def _merged(silver: Silver, now: datetime) -> Merged:
    orders, merges = silver.table(ORDERS_TABLE), silver.table("merges")
    if orders is None or merges is None or silver.table("orders_current") is None:
        return Merged()
    today = now.astimezone(UTC).date().isoformat()
    [row] = silver.ask(TODAY.format(day=today), _TODAY_KEPT, now, version(orders), version(merges))
    merged_at, complete_until, count, units, revenue = row
    sales = Sales(int(count or 0), int(units or 0), Decimal(revenue or 0))
    return Merged(utc(merged_at), utc(complete_until), sales)


def _customers(s3: Any, bucket: str, of: date) -> Customers | None:
    kinds = _rows(s3, bucket, CustomerKind, "new_and_returning_customers", of)
    top = _rows(s3, bucket, TopCustomer, "top_customers", of)
    if kinds is None or top is None:
        return None
    count = {kind.customers_are: kind.customers for kind in kinds}
    return Customers(count["new"], count["returning"], top[:SHOWN_CUSTOMERS])


def _stock(s3: Any, bucket: str, of: date) -> tuple[Stock, ...] | None:
    """What runs out next first; what nobody knows the cover of last."""
    rows = _rows(s3, bucket, Stock, "inventory", of)
    if rows is None:
        return None

    def soonest(stock: Stock) -> tuple[bool, int, str]:
        return stock.days_of_cover is None, stock.days_of_cover or 0, stock.product_name

    return tuple(sorted(rows, key=soonest)[:SHOWN_PRODUCTS])


def _projection(s3: Any, bucket: str, silver: Silver, now: datetime) -> Projection | str:
    newest = newest_object(s3, bucket, "projection_outcome", "json", now)
    if newest is None:
        return (
            f"None was made in the last {LOOKED_BACK.days} days; project_sales makes one, of "
            f"{MINIMUM_DAYS} days of history in a row or more."
        )
    outcomes = _rows(s3, bucket, ProjectionOutcome, "projection_outcome", newest.day)
    if outcomes and outcomes[0].sentence:
        return outcomes[0].sentence
    rows = _rows(s3, bucket, ProjectedDay, "sales_projection", newest.day)
    if not rows or silver.table("orders_current") is None:
        return f"The one of {newest.day} is being written."
    first = newest.day - timedelta(days=PAST_DAYS - 1)
    sql = PAST.format(first=first.isoformat(), last=newest.day.isoformat())
    past = ((day(at), Decimal(revenue or 0)) for at, revenue in silver.ask(sql, _PAST_KEPT, now))
    return Projection(
        made_for=newest.day,
        days=tuple(row for row in rows if row.level == TOTAL and row.measure == "revenue"),
        past=tuple((at, revenue) for at, revenue in past if at is not None),
    )


def _rows(s3: Any, bucket: str, row_type: type[Row], name: str, of: date) -> tuple[Row, ...] | None:
    """The rows of a day's report; None if it isn't stored, or not whole yet."""
    report = read_report(s3, bucket, name, of.isoformat())
    return None if report is None else rows_of(row_type, report.csv)


def _stock_data(stock: Stock) -> dict[str, Any]:
    return {
        "product_name": stock.product_name,
        "stock": stock.stock,
        "days_of_cover": stock.days_of_cover,
        "stock_out_date": day_text(stock.stock_out_date),
        "reorder": stock.reorder,
    }


def _projection_data(projection: Projection | str) -> dict[str, Any]:
    if isinstance(projection, str):
        return {"missing": projection}
    return {
        "made_for": day_text(projection.made_for),
        "days": [
            {
                "day": day_text(row.day),
                "revenue": money_text(row.projected),
                "low80": money_text(row.low_80),
                "high80": money_text(row.high_80),
                "low95": money_text(row.low_95),
                "high95": money_text(row.high_95),
            }
            for row in sorted(projection.days, key=lambda row: row.day)
        ],
        "past": [
            {"day": day_text(at), "revenue": money_text(revenue)} for at, revenue in projection.past
        ],
    }
