"""What the page of a day tells: rows of its reports, of the projection, and of the lake's books.

The columns are those of dags/sql/reports, as far as the page shows them. "Net" leaves out what was
cancelled or returned.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from salesflow.projection.rows import Accuracy, BacktestResult, ProjectedDay
from salesflow.projection.series import NotProjected


@dataclass(frozen=True, slots=True)
class DayTotals:
    """Report day_totals: the day, the day before, and the same day of the week before."""

    day: date
    orders: int
    units: int
    total_sales: Decimal
    net_orders: int
    net_units: int
    net_sales: Decimal
    customers: int
    products: int
    average_basket: Decimal | None
    units_per_order: Decimal | None


@dataclass(frozen=True, slots=True)
class HourSales:
    """Report hourly_sales; without an hour, orders whose time isn't known."""

    hour: int | None
    orders: int
    net_units: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class TopProduct:
    """Report top_products; without `previous_rank`, not sold on the day before."""

    rank: int
    previous_rank: int | None
    product_name: str
    net_units: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class ProductSales:
    """Report sales_by_product."""

    product_name: str
    in_catalogue: bool
    orders: int
    net_units: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class GroupSales:
    """Reports sales_by_category, _brand, _channel and _country; an empty name is none."""

    name: str
    orders: int
    net_units: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class PriceBand:
    """Report price_bands: from `from_price` to below `below_price`, if there is such a limit."""

    from_price: Decimal
    below_price: Decimal | None
    orders: int
    units: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class CameToNothing:
    """Report cancellations_and_returns."""

    product_name: str
    orders: int
    cancelled: int
    cancelled_sales: Decimal
    returned: int
    returned_sales: Decimal
    percent_of_orders: Decimal


@dataclass(frozen=True, slots=True)
class CustomerKind:
    """Report new_and_returning_customers: new, returning or unknown."""

    customers_are: str
    customers: int
    orders: int
    net_sales: Decimal


@dataclass(frozen=True, slots=True)
class CustomerSegment:
    """Report customer_segments, of the year up to the day."""

    segment: str
    customers: int
    orders: int
    net_sales: Decimal
    spent_per_customer: Decimal
    days_since_last_order: Decimal


@dataclass(frozen=True, slots=True)
class CohortMonth:
    """Report customer_cohorts: of those who came in a month, how many ordered so much later."""

    cohort: date
    months_after: int
    customers: int
    cohort_size: int
    retention_percent: Decimal


@dataclass(frozen=True, slots=True)
class RepeatInterval:
    """Report repeat_intervals, of the year up to the day."""

    from_days: int
    to_days: int
    repeats: int
    percent: Decimal | None


@dataclass(frozen=True, slots=True)
class TopCustomer:
    """Report top_customers, of the 30 days up to the day."""

    customer_id: str
    net_orders: int
    net_units: int
    net_sales: Decimal
    last_order: date


@dataclass(frozen=True, slots=True)
class Stock:
    """Report inventory, at the end of the day; little is known of what no catalogue knows."""

    product_name: str
    in_catalogue: bool
    stock: int | None
    on_order: int
    next_arrival: date | None
    sold_per_day: Decimal | None
    days_of_cover: int | None
    stock_out_date: date | None
    reorder_point: int | None
    reorder: bool | None
    reorder_units: int | None


@dataclass(frozen=True, slots=True)
class Restatement:
    """A row of the table restatements: what a column of a report added up to, and does now."""

    report: str
    day: date
    version: int
    column_name: str | None
    sum_before: Decimal | None
    sum_after: Decimal | None
    difference: Decimal | None
    rows_gone: int
    rows_new: int


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """A row of the table check_results."""

    check_name: str
    severity: str
    outcome: str
    found: int
    sample: str | None


@dataclass(frozen=True, slots=True)
class PastDay:
    """What a day brought that lies before the projected ones."""

    day: date
    revenue: Decimal
    units: int


@dataclass(frozen=True, slots=True)
class Projected:
    """The projection and what it is worth.

    `past` are the days up to `as_of` that the charts begin with; `accuracy` is that of earlier
    projections.
    """

    as_of: date
    days: tuple[ProjectedDay, ...]
    backtest: tuple[BacktestResult, ...]
    past: tuple[PastDay, ...]
    not_projected: tuple[NotProjected, ...] = ()
    accuracy: tuple[Accuracy, ...] = ()


@dataclass(frozen=True, slots=True)
class DataState:
    """How complete the day is.

    Attributes:
        complete_until: all that was written until then is in the figures; None if nobody knows.
        checks: those of the merges that brought the day's changes.
        quarantined: records that wait to be redriven.
        set_aside: rows that a person has left out.
    """

    complete_until: datetime | None
    checks: tuple[CheckOutcome, ...] = ()
    quarantined: int = 0
    set_aside: int = 0


@dataclass(frozen=True, slots=True)
class DailyReport:
    """The page of a day. What is empty is said to be; the page never fails for want of rows.

    Attributes:
        shop: whose sales these are, for example the deployment.
        projection: or the reason why there is none.
        failed: reports that could not be computed; what they would fill is missing.
    """

    day: date
    shop: str
    state: DataState
    projection: Projected | str
    totals: tuple[DayTotals, ...] = ()
    hours: tuple[HourSales, ...] = ()
    top_products: tuple[TopProduct, ...] = ()
    products: tuple[ProductSales, ...] = ()
    categories: tuple[GroupSales, ...] = ()
    brands: tuple[GroupSales, ...] = ()
    channels: tuple[GroupSales, ...] = ()
    countries: tuple[GroupSales, ...] = ()
    price_bands: tuple[PriceBand, ...] = ()
    came_to_nothing: tuple[CameToNothing, ...] = ()
    customers: tuple[CustomerKind, ...] = ()
    segments: tuple[CustomerSegment, ...] = ()
    cohorts: tuple[CohortMonth, ...] = ()
    repeat_intervals: tuple[RepeatInterval, ...] = ()
    top_customers: tuple[TopCustomer, ...] = ()
    stock: tuple[Stock, ...] = ()
    restatements: tuple[Restatement, ...] = ()
    failed: tuple[str, ...] = ()
