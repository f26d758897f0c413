"""The page of a day, as one HTML file."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Any, Final

from salesflow.pages import books, charts, contents, tables
from salesflow.pages.formatting import (
    NONE,
    Currency,
    Number,
    change,
    currency,
    long_day,
    moment,
    money,
    number,
    short_day,
    shortened,
)
from salesflow.pages.reading import SECTIONS
from salesflow.projection.rows import TOTAL

CONTENT_TYPE: Final = "text/html; charset=utf-8"


def render(report: contents.DailyReport, currency_code: str = "USD") -> bytes:
    """The page as an HTML file that opens without a network; the same report, the same bytes.

    Plotly is part of it, so it has some five megabytes. Whatever names the report holds, they are
    shown as text: the page's own policy lets the browser run no other script than those two that
    it brings.

    Args:
        currency_code: ISO 4217, what the amounts of money are in.
    """
    from plotly.offline import get_plotlyjs  # type: ignore[import-untyped]

    unit = currency(currency_code)
    plotly, draw = get_plotlyjs(), _template_file("draw.js")
    page: str = (
        _environment()
        .get_template("daily_report.html")
        .render(
            report=report,
            day=long_day(report.day),
            state=_state(report),
            sold=any(row.orders for row in report.products + report.hours)
            or not {"sales_by_product", "hourly_sales"}.isdisjoint(report.failed),
            figures=_figures(report, unit),
            unit=unit,
            style=_template_file("style.css"),
            plotly=plotly,
            draw=draw,
            policy=_policy([plotly, draw]),
            tables=_tables(report, unit),
            charts=_charts(report, unit),
            quality=_quality(report),
        )
    )
    return page.encode()


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("salesflow.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["shortened"] = shortened
    return environment


@cache
def _template_file(name: str) -> str:
    return (files("salesflow.pages") / "templates" / name).read_text()


def _policy(scripts: Iterable[str]) -> str:
    """A content security policy: nothing is loaded, and only these scripts run."""
    hashes = " ".join(
        f"'sha256-{b64encode(sha256(script.encode()).digest()).decode()}'" for script in scripts
    )
    return (
        f"default-src 'none'; script-src {hashes}; style-src 'unsafe-inline'; img-src data:; "
        "base-uri 'none'; form-action 'none'"
    )


def _state(report: contents.DailyReport) -> dict[str, str]:
    """Whether the day is whole, in words."""
    until = report.state.complete_until
    if until is None:
        return {"mark": "down", "badge": "? unknown", "text": "Nobody knows how complete this is."}
    known = f"All that was written until {moment(until)} is in these figures"
    if until.date() > report.day:
        return {"mark": "up", "badge": "✓ complete", "text": f"{known}."}
    return {"mark": "down", "badge": "! provisional", "text": f"{known}; the day goes on."}


def _figures(report: contents.DailyReport, unit: Currency) -> list[dict[str, str]]:
    """The key figures, each with its change since the day and the week before."""
    by_day = {(report.day - row.day).days: row for row in report.totals}
    now = by_day.get(0)
    if now is None:
        return []

    def figure(label: str, name: str, shown: Any) -> dict[str, str]:
        value: Number | None = getattr(now, name)
        before, week = (
            change(value, getattr(by_day[age], name)) if age in by_day else NONE for age in (1, 7)
        )
        return {"label": label, "value": shown(value), "day": before, "week": week}

    def in_money(value: Decimal | None) -> str:
        return money(value, unit)

    return [
        figure("Net sales", "net_sales", in_money),
        figure("Total sales", "total_sales", in_money),
        figure("Orders", "orders", number),
        figure("Net units", "net_units", number),
        figure("Average basket", "average_basket", in_money),
        figure("Customers", "customers", number),
    ]


def _tables(report: contents.DailyReport, unit: Currency) -> dict[str, tables.Table]:
    made = {
        "hours": tables.hours(report.hours, unit),
        "top_products": tables.top_products(report.top_products, unit),
        "products": tables.products(report.products, unit),
        "categories": tables.groups("Sales by category", "Category", report.categories, unit),
        "brands": tables.groups("Sales by brand", "Brand", report.brands, unit),
        "channels": tables.groups("Sales by channel", "Channel", report.channels, unit),
        "countries": tables.groups("Sales by country", "Country", report.countries, unit),
        "price_bands": tables.price_bands(report.price_bands, unit),
        "came_to_nothing": tables.came_to_nothing(report.came_to_nothing, unit),
        "customers": tables.customer_kinds(report.customers, unit),
        "segments": tables.segments(report.segments, unit),
        "cohorts": tables.cohorts(report.cohorts),
        "repeat_intervals": tables.repeat_intervals(report.repeat_intervals),
        "top_customers": tables.top_customers(report.top_customers, unit),
        "stock": books.stock(report.stock),
        "restatements": books.restatements(report.restatements, unit),
        "checks": books.checks(report.state.checks),
    }
    if isinstance(report.projection, contents.Projected):
        made["weeks"] = books.projected_weeks(report.projection.days, unit)
        made["series"] = books.projected_series(report.projection, unit)
        made["accuracy"] = books.accuracy(report.projection.accuracy, unit)
    for field, (name, _, _) in SECTIONS.items():
        if name in report.failed and field in made:
            made[field] = replace(
                made[field], empty=f"Missing, as the report {name} failed or was never made."
            )
    return made


def _charts(report: contents.DailyReport, unit: Currency) -> dict[str, charts.Chart | None]:
    made: dict[str, charts.Chart | None] = {
        "hourly": charts.hourly(report.hours, unit),
        "categories": charts.categories(report.categories, unit),
    }
    if isinstance(report.projection, contents.Projected):
        for measure in ("revenue", "units"):
            made[measure] = charts.projection(report.projection, measure, unit)
    return made


def _quality(report: contents.DailyReport) -> str:
    """What the projection of the total's revenue is worth, in words."""
    if not isinstance(report.projection, contents.Projected):
        return ""
    for row in report.projection.backtest:
        if row.name == TOTAL and row.level == "total" and row.measure == "revenue":
            held = [
                f"{number(100 * share)} of 100 days were within the {level} % interval"
                for level, share in ((80, row.coverage_80), (95, row.coverage_95))
                if share is not None
            ]
            error = row.relative_error_unseen
            sentences = [
                f"Made after {short_day(report.projection.as_of)}. Had it been made in the "
                f"{row.folds} weeks before",
                f", {' and '.join(held)}" if held else "",
                f"; its error was {number(error, 2)} times that of repeating the last week."
                if error is not None
                else ".",
            ]
            return "".join(sentences)
    return ""
