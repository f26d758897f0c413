"""Reads the live totals for those who look at them: as many items, whatever the traffic.

What a dashboard shows takes seven requests; while little happens, one more for each hour back to
the hundredth latest change, a day at most.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from salesflow.live_table import (
    HOURS,
    LATEST_KEPT,
    MINUTES_KEPT,
    SALE_COUNTERS,
    SHOWN_AT_ONCE,
    SOLD,
    arrival_of,
    hour_point,
    latest_series,
    minute_point,
    minutes_series,
    products_series,
    time_of,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

LATEST_CHANGES: Final = 100
PRODUCT_PAGES: Final = 4
"""Of how many megabytes of products the best are sought: some ten thousand products."""

_Item = Mapping[str, Any]
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_DAY: Final = timedelta(days=1)
# After the last point of a series: points are of ASCII.
_END: Final = "~"


@dataclass(frozen=True, slots=True)
class Sales:
    """How many orders, how many pieces, and what for."""

    orders: int = 0
    units: int = 0
    revenue: Decimal = Decimal(0)

    def __add__(self, other: Sales) -> Sales:
        return Sales(
            self.orders + other.orders, self.units + other.units, self.revenue + other.revenue
        )


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted of a time or a product.

    Attributes:
        sold: the orders that were placed then and are neither cancelled nor returned by now;
            cancelled and returned orders are apart.
        inserted: changes that happened then, and modified and removed.
        refused: changes that break a rule, of which the orders are as they were.
    """

    sold: Sales = Sales()
    cancelled: Sales = Sales()
    returned: Sales = Sales()
    inserted: int = 0
    modified: int = 0
    removed: int = 0
    refused: int = 0

    @property
    def placed(self) -> Sales:
        """All orders, whatever became of them; removed ones are gone."""
        return self.sold + self.cancelled + self.returned

    @property
    def changes(self) -> int:
        """All changes."""
        return self.inserted + self.modified + self.removed + self.refused

    def __add__(self, other: Figures) -> Figures:
        sums = (getattr(self, f.name) + getattr(other, f.name) for f in fields(self))
        return Figures(*sums)


@dataclass(frozen=True, slots=True)
class Period:
    """A minute or an hour, by its beginning (UTC)."""

    start: datetime
    figures: Figures


@dataclass(frozen=True, slots=True)
class ProductFigures:
    """A product of a category on a day. Long names are cut."""

    name: str
    category: str | None
    figures: Figures


@dataclass(frozen=True, slots=True)
class LatestChange:
    """A change as it arrived. Its texts come from the order, and are cut.

    Attributes:
        event_type: INSERT, MODIFY, REMOVE or refused.
        reason: why it was refused.
    """

    arrived: datetime
    changed_at: datetime
    event_type: str
    orderid: str
    product_name: str | None = None
    category: str | None = None
    quantity: int | None = None
    price: Decimal | None = None
    status: str | None = None
    country: str | None = None
    channel: str | None = None
    order_ts: str | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class LiveView:
    """What a dashboard shows.

    Attributes:
        now: the time of the view; today, in UTC, ends then.
        counted_at: when the newest change was counted; None if nothing is known of any.
        minutes: the last hour, the running minute last; those of no orders too.
        hours: the hours of today, of yesterday and of the same day last week, 24 each.
        so_far: of the same three days what there was until the same time of day, to the minute.
        products: those of today, the best first.
        products_complete: whether these are all; otherwise there are more than are sought.
        latest: the latest changes, the newest first.
    """

    now: datetime
    counted_at: datetime | None
    minutes: tuple[Period, ...]
    hours: tuple[tuple[Period, ...], tuple[Period, ...], tuple[Period, ...]]
    so_far: tuple[Figures, Figures, Figures]
    products: tuple[ProductFigures, ...]
    products_complete: bool
    latest: tuple[LatestChange, ...]

    @property
    def categories(self) -> dict[str | None, Figures]:
        """The categories of the products, the best first."""
        sums: dict[str | None, Figures] = defaultdict(Figures)
        for product in self.products:
            sums[product.category or None] += product.figures
        return dict(sorted(sums.items(), key=lambda item: -item[1].sold.revenue))


@dataclass(frozen=True, slots=True)
class LiveTotals:
    """The live totals of one deployment; ``table`` is the streaming stack's LiveTotalsName."""

    client: DynamoDBClient
    table: str

    def view(self, now: datetime) -> LiveView:
        """All that a dashboard shows. Raises the client's errors."""
        # Read first: what is among the latest changes is in the totals, too.
        counted_at, latest = self.latest(now)
        now = now.astimezone(UTC)
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        days = (today, today - _DAY, today - 7 * _DAY)
        by_hour = {period.start: period for period in self.hours(days[-1], days[0] + 24 * _HOUR)}
        hours = [tuple(by_hour[day + hour * _HOUR] for hour in range(24)) for day in days]
        hour = now.replace(minute=0, second=0, microsecond=0)
        running = [self.minutes(hour - (today - day), now - (today - day)) for day in days]
        so_far = [
            _sum(period.figures for period in (*of_day[: now.hour], *minutes))
            for of_day, minutes in zip(hours, running, strict=True)
        ]
        products, complete = self.products(today)
        return LiveView(
            now=now,
            counted_at=counted_at,
            minutes=(*self.minutes(now - 59 * _MINUTE, hour - _MINUTE), *running[0]),
            hours=(hours[0], hours[1], hours[2]),
            so_far=(so_far[0], so_far[1], so_far[2]),
            products=products,
            products_complete=complete,
            latest=latest,
        )

    def minutes(self, first: datetime, last: datetime) -> list[Period]:
        """The minutes from that of `first` to that of `last`, by a request for each hour that they
        touch; nine days of them are kept."""
        # An hour of another zone may be halves of two.
        first, last = first.astimezone(UTC), last.astimezone(UTC)
        points: list[_Item] = []
        hour = first.replace(minute=0, second=0, microsecond=0)
        while hour <= last:
            series = minutes_series(hour)
            points += self._between(series, minute_point(first), minute_point(last) + _END)
            hour += _HOUR
        return list(_periods(points, first.replace(second=0, microsecond=0), last, _MINUTE))

    def hours(self, first: datetime, last: datetime) -> list[Period]:
        """The hours from that of `first` to that of `last`; fifteen days of them are kept."""
        points = self._between(HOURS, hour_point(first), hour_point(last) + _END)
        first = first.replace(minute=0, second=0, microsecond=0)
        return list(_periods(points, first, last, _HOUR))

    def products(self, day: datetime) -> tuple[tuple[ProductFigures, ...], bool]:
        """The products of a day (UTC), the best first, and whether these are all. Nine days of
        them are kept."""
        figures: dict[str, Figures] = defaultdict(Figures)
        names: dict[str, tuple[str, str | None]] = {}
        request = self._query(products_series(day.astimezone(UTC)))
        complete = False
        for _ in range(PRODUCT_PAGES):
            page = self.client.query(**request)
            for item in page["Items"]:
                digest = item["point"]["S"].partition("#")[0]
                figures[digest] += _figures(item)
                names[digest] = item["product_name"]["S"], _text(item, "category")
            if "LastEvaluatedKey" not in page:
                complete = True
                break
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]
        found = (ProductFigures(*names[digest], each) for digest, each in figures.items())
        sold = (product for product in found if product.figures != Figures())
        best = sorted(sold, key=lambda product: (-product.figures.sold.revenue, product.name))
        return tuple(best), complete

    def figures(self, first: datetime, last: datetime) -> Figures:
        """What is counted from the minute of `first` to that of `last`, by three requests: whole
        hours are read as such. The first hour counts whole if its minutes aren't kept any more."""
        first, last = first.astimezone(UTC), last.astimezone(UTC)
        begin, end = (at.replace(minute=0, second=0, microsecond=0) for at in (first, last))
        if begin == end:
            return _sum(period.figures for period in self.minutes(first, last))
        periods = self.minutes(end, last)
        if last - first < MINUTES_KEPT:
            periods += self.minutes(first, begin + 59 * _MINUTE)
            begin += _HOUR
        if begin < end:
            periods += self.hours(begin, end - _HOUR)
        return _sum(period.figures for period in periods)

    def latest(
        self, now: datetime, limit: int = LATEST_CHANGES
    ) -> tuple[datetime | None, tuple[LatestChange, ...]]:
        """When the newest change was counted, and the latest changes, the newest first; those of a
        day are kept."""
        items: list[_Item] = []
        changes: list[tuple[str, LatestChange]] = []
        for page in self._newest(now):
            items += page
            changes += [change for item in page for change in _latest(item)]
            if len(changes) >= limit:
                break
        counted = max((int(item["counted_at"]["N"]) for item in items), default=None)
        newest = sorted(changes, key=lambda change: change[0], reverse=True)[:limit]
        at = None if counted is None else datetime.fromtimestamp(counted / 1000, UTC)
        return at, tuple(change for _, change in newest)

    def _newest(self, now: datetime) -> Iterator[Sequence[_Item]]:
        """Pages of the latest changes, hour by hour back.

        An item holds many changes while much happens, and one while little does.
        """
        for hours in range(int(LATEST_KEPT / _HOUR) + 1):
            request = self._query(latest_series(now.astimezone(UTC) - hours * _HOUR))
            request |= {"ScanIndexForward": False, "Limit": 2 * -(-LATEST_CHANGES // SHOWN_AT_ONCE)}
            while True:
                page = self.client.query(**request)
                yield page["Items"]
                if "LastEvaluatedKey" not in page:
                    break
                request["Limit"] = LATEST_CHANGES
                request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _between(self, series: str, first: str, last: str) -> Iterator[_Item]:
        request = self._query(series)
        request["KeyConditionExpression"] = "series = :series AND point BETWEEN :first AND :last"
        request["ExpressionAttributeValues"] |= {":first": {"S": first}, ":last": {"S": last}}
        while True:
            page = self.client.query(**request)
            yield from page["Items"]
            if "LastEvaluatedKey" not in page:
                return
            request["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _query(self, series: str) -> dict[str, Any]:
        return {
            "TableName": self.table,
            "KeyConditionExpression": "series = :series",
            "ExpressionAttributeValues": {":series": {"S": series}},
        }


def _periods(
    items: Iterable[_Item], first: datetime, last: datetime, length: timedelta
) -> Iterator[Period]:
    """All periods from the first to that of the last time, with the sums of their lanes."""
    sums: dict[datetime, Figures] = defaultdict(Figures)
    for item in items:
        sums[time_of(item["point"]["S"])] += _figures(item)
    start = first.astimezone(UTC)
    while start <= last:
        yield Period(start, sums.get(start, Figures()))
        start += length


def _figures(item: _Item) -> Figures:
    def number(name: str) -> Decimal:
        return Decimal(item[name]["N"]) if name in item else Decimal(0)

    sales = {
        outcome: Sales(int(number(orders)), int(number(units)), number(revenue))
        for outcome, (orders, units, revenue) in SALE_COUNTERS.items()
    }
    counts = ("inserted", "modified", "removed", "refused")
    return Figures(
        sales[SOLD],
        sales["cancelled"],
        sales["returned"],
        *(int(number(name)) for name in counts),
    )


def _sum(figures: Iterable[Figures]) -> Figures:
    return sum(figures, start=Figures())


def _latest(item: _Item) -> Iterator[tuple[str, LatestChange]]:
    for shown in json.loads(item["changes"]["S"]):
        mark = shown.pop("arrived")
        yield (
            mark,
            LatestChange(
                **shown
                | {
                    "arrived": arrival_of(mark),
                    "changed_at": datetime.fromtimestamp(shown["changed_at"], UTC),
                    "quantity": int(shown["quantity"]) if "quantity" in shown else None,
                    "price": Decimal(shown["price"]) if "price" in shown else None,
                }
            ),
        )


def _text(item: _Item, name: str) -> str | None:
    return item[name]["S"] if name in item else None
