"""The contents of a page, small enough to be reckoned by hand."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, timedelta
from decimal import Decimal

from salesflow.pages.contents import (
    CameToNothing,
    CheckOutcome,
    CohortMonth,
    CustomerKind,
    CustomerSegment,
    DailyReport,
    DataState,
    DayTotals,
    GroupSales,
    HourSales,
    PastDay,
    PriceBand,
    ProductSales,
    Projected,
    RepeatInterval,
    Restatement,
    Stock,
    TopCustomer,
    TopProduct,
)
from salesflow.projection.rows import Accuracy, BacktestResult, Level, ProjectedDay
from salesflow.projection.series import NotProjected

DAY = date(2026, 3, 4)


def totals(day: date, orders: int, net_sales: str) -> DayTotals:
    sales = Decimal(net_sales)
    basket = (sales / orders).quantize(Decimal("0.01")) if orders else None
    return DayTotals(day, orders, orders, sales, orders, orders, sales, orders, 1, basket, basket)


def projected(days: int = 28) -> Projected:
    """A hundred a day, between 80 and 120, or 60 and 140; ten units."""
    series: list[tuple[Level, str]] = [
        ("total", "total"),
        ("category", "computers"),
        ("product", "Laptop"),
    ]
    rows = [
        ProjectedDay(
            as_of=DAY,
            day=DAY + timedelta(days=number),
            level=level,
            name=name,
            measure=measure,
            projected=100 * size,
            low_80=80 * size,
            high_80=120 * size,
            low_95=60 * size,
            high_95=140 * size,
            model="theta",
        )
        for measure, size in (("revenue", Decimal("1.0000")), ("units", Decimal("0.1000")))
        for level, name in series
        for number in range(1, days + 1)
    ]
    results = tuple(
        BacktestResult(DAY, level, name, "revenue", "theta", 0.7, 0.75, 0.81, 0.96, 22)
        for level, name in series
    )
    past = tuple(
        PastDay(DAY - timedelta(days=number), Decimal(90 + number), 9) for number in range(70)
    )
    accuracy = Accuracy(
        date(2026, 2, 25), "total", "total", "revenue", 7, Decimal(700), Decimal(650), 0.1, 0.8,
        0.8571, 1.0,
    )  # fmt: skip
    gone = NotProjected("Pager", "not sold for 60 days, since 2026-01-03", "(other: phones)")
    return Projected(DAY, tuple(rows), results, past, (gone,), (accuracy,))


FULL = DailyReport(
    day=DAY,
    shop="salesflow test",
    state=DataState(
        datetime(2026, 3, 5, 0, 4),  # noqa: DTZ001 - as Athena gives it, UTC without saying so
        (
            CheckOutcome("rows", "blocking", "passed", 0, None),
            CheckOutcome("volume", "warning", "failed", 3, "03:00 to 09:00"),
        ),
        quarantined=1,
        set_aside=2,
    ),
    projection=projected(),
    totals=(
        totals(DAY, 10, "1234.5600"),
        totals(DAY - timedelta(days=1), 8, "1000.0000"),
        totals(DAY - timedelta(days=7), 20, "2469.1200"),
    ),
    hours=(
        *(HourSales(hour, hour % 3, hour, Decimal(hour * 10)) for hour in range(24)),
        HourSales(None, 2, 2, Decimal(5)),
    ),
    top_products=(
        TopProduct(1, 3, "Laptop", 2, Decimal("998.0000")),
        TopProduct(2, 2, "Phone", 1, Decimal("200.0000")),
        TopProduct(3, 1, "Mouse", 1, Decimal("36.5600")),
        TopProduct(4, None, "Toaster", 0, Decimal("0.0000")),
    ),
    products=(
        ProductSales("Laptop", True, 2, 2, Decimal("998.0000")),
        ProductSales("Phone", True, 1, 1, Decimal("200.0000")),
        ProductSales("Toaster", False, 1, 1, Decimal("36.5600")),
    ),
    categories=(
        GroupSales("computers", 2, 2, Decimal("998.0000")),
        GroupSales("phones", 1, 1, Decimal("200.0000")),
        GroupSales("", 1, 1, Decimal("36.5600")),
    ),
    brands=tuple(GroupSales(f"Brand {n:02d}", 1, n, Decimal(n)) for n in range(1, 21)),
    channels=(GroupSales("web", 4, 4, Decimal("1234.5600")),),
    countries=(GroupSales("US", 4, 4, Decimal("1234.5600")),),
    price_bands=(
        PriceBand(Decimal(0), Decimal(25), 0, 0, Decimal(0)),
        PriceBand(Decimal(25), Decimal(500), 3, 3, Decimal("736.5600")),
        PriceBand(Decimal(500), None, 1, 1, Decimal("498.0000")),
    ),
    came_to_nothing=(CameToNothing("Mouse", 4, 1, Decimal(35), 0, Decimal(0), Decimal("25.00")),),
    customers=(
        CustomerKind("new", 1, 1, Decimal(200)),
        CustomerKind("returning", 3, 3, Decimal("1034.5600")),
        CustomerKind("unknown", 0, 0, Decimal(0)),
    ),
    segments=(CustomerSegment("loyal", 5, 9, Decimal(900), Decimal("180.00"), Decimal("12.5")),),
    cohorts=(
        CohortMonth(date(2026, 1, 1), 0, 40, 40, Decimal(100)),
        CohortMonth(date(2026, 1, 1), 2, 10, 40, Decimal("25.00")),
        CohortMonth(date(2026, 2, 1), 0, 20, 20, Decimal(100)),
        CohortMonth(date(2026, 2, 1), 1, 5, 20, Decimal("25.00")),
        CohortMonth(date(2026, 3, 1), 0, 7, 7, Decimal(100)),
    ),
    repeat_intervals=(
        RepeatInterval(0, 0, 1, Decimal("25.00")),
        RepeatInterval(1, 7, 3, Decimal("75.00")),
    ),
    top_customers=(TopCustomer("C000007", 3, 4, Decimal("812.3000"), date(2026, 3, 1)),),
    stock=(
        Stock(
            "Laptop", True, 900, 0, None, Decimal("2.00"), 450, date(2027, 5, 28), 250, False, None
        ),
        Stock("Phone", True, 5, 0, None, Decimal("2.00"), 2, date(2026, 3, 6), 350, True, 1195),
        Stock(
            "Mouse", True, 40, 12, date(2026, 3, 9), Decimal("0.00"), None, None, 20, False, None
        ),
        Stock("Toaster", False, None, 0, None, None, None, None, None, None, None),
    ),
    restatements=(
        Restatement(
            "day_totals", date(2026, 2, 24), 2, "net_sales", Decimal(2000), Decimal(1851),
            Decimal(-149), 1, 1,
        ),
        Restatement("orders", date(2026, 2, 24), 2, None, None, None, None, 1, 1),
    ),
)  # fmt: skip

EMPTY = DailyReport(
    day=DAY,
    shop="salesflow test",
    state=DataState(None),
    projection="needs 84 days of history in a row up to 2026-03-04, has 30: it begins on ...",
)


def costly() -> DailyReport:
    """The full page, with sums of the most expensive orders that there can be."""
    sales = Decimal("214748364699999999999999785251.6353")
    return replace(
        FULL,
        totals=tuple(replace(row, net_sales=sales, total_sales=sales) for row in FULL.totals),
        top_products=tuple(replace(row, net_sales=sales) for row in FULL.top_products),
        products=tuple(replace(row, net_sales=sales) for row in FULL.products),
        categories=tuple(replace(row, net_sales=sales) for row in FULL.categories),
        hours=tuple(replace(row, net_sales=sales) for row in FULL.hours),
    )


def named(name: str) -> DailyReport:
    """The full page, with everything that has a name named so."""
    return replace(
        FULL,
        shop=name,
        products=(ProductSales(name, False, 1, 1, Decimal(1)),),
        top_products=(TopProduct(1, None, name, 1, Decimal(1)),),
        categories=(GroupSales(name, 1, 1, Decimal(1)), GroupSales("x", 1, 1, Decimal(1))),
        brands=(GroupSales(name, 1, 1, Decimal(1)),),
        top_customers=(TopCustomer(name, 1, 1, Decimal(1), DAY),),
        stock=(
            replace(FULL.stock[0], product_name=name),
            replace(FULL.stock[3], product_name=name),
        ),
        state=DataState(None, (CheckOutcome(name, "warning", "failed", 1, name),)),
    )
