"""The live totals as the dashboard shows them: approximate, seconds old."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from salesflow.dashboard.json_values import money_text, time_text
from salesflow.live import Figures, LatestChange, LiveTotals, LiveView, Period, Sales
from salesflow.rules import order_time

if TYPE_CHECKING:
    from salesflow.deployment import Connect

SHOWN_CHANGES: Final = 50
SHOWN_PRODUCTS: Final = 10
SHOWN_CATEGORIES: Final = 10
DAYS: Final = ("today", "yesterday", "last_week")


def read_live(connect: Connect, outputs: Mapping[str, str], now: datetime) -> LiveView:
    """The live totals. Raises the client's errors."""
    return LiveTotals(connect("dynamodb"), outputs["LiveTotalsName"]).view(now)


def live_data(view: LiveView) -> dict[str, Any]:
    """A view as JSON values.

    Orders, units and revenue are those of orders that are neither cancelled nor returned by now;
    `cancelled` and `returned` are numbers of orders. The hours of today end with the running one.
    """
    today, yesterday, last_week = view.hours
    sold = (product for product in view.products if product.figures.sold.orders)
    begun = tuple(period for period in today if period.start <= view.now)
    return {
        "now": time_text(view.now),
        "counted_at": time_text(view.counted_at),
        "minutes": [
            {"start": time_text(period.start)}
            | _sales(period.figures.sold)
            | {"changes": period.figures.changes}
            for period in view.minutes
        ],
        "hours": {
            name: [_hour(period) for period in periods]
            for name, periods in zip(DAYS, (begun, yesterday, last_week), strict=True)
        },
        "so_far": {
            name: _figures(figures) for name, figures in zip(DAYS, view.so_far, strict=True)
        },
        "products": [
            {"name": product.name, "category": product.category} | _sales(product.figures.sold)
            for product in islice(sold, SHOWN_PRODUCTS)
        ],
        "products_complete": view.products_complete,
        "categories": [
            {"name": name} | _sales(figures.sold)
            for name, figures in islice(view.categories.items(), SHOWN_CATEGORIES)
        ],
        "latest": [_change(change) for change in view.latest[:SHOWN_CHANGES]],
    }


def _sales(sales: Sales) -> dict[str, Any]:
    return {"orders": sales.orders, "units": sales.units, "revenue": money_text(sales.revenue)}


def _hour(period: Period) -> dict[str, Any]:
    sold = period.figures.sold
    return {
        "hour": period.start.hour,
        "orders": sold.orders,
        "revenue": money_text(sold.revenue),
    }


def _figures(figures: Figures) -> dict[str, Any]:
    return _sales(figures.sold) | {
        "cancelled": figures.cancelled.orders,
        "returned": figures.returned.orders,
        "inserted": figures.inserted,
        "modified": figures.modified,
        "removed": figures.removed,
        "refused": figures.refused,
    }


def _change(change: LatestChange) -> dict[str, Any]:
    return {
        "arrived": time_text(change.arrived),
        "changed_at": time_text(change.changed_at),
        "event_type": change.event_type,
        "orderid": change.orderid,
        "product_name": change.product_name,
        "category": change.category,
        "quantity": change.quantity,
        "price": money_text(change.price),
        "status": change.status,
        "country": change.country,
        "channel": change.channel,
        "order_ts": change.order_ts and time_text(order_time(change.order_ts)),
        "reason": change.reason,
    }
