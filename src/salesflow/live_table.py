"""The table of live totals: what lies under which key, and for how long.

| series | point | what |
|---|---|---|
| `minutes#2026-03-01T13` | `2026-03-01T13:45#<lane>` | the orders and the changes of a minute |
| `hours` | `2026-03-01T13#<lane>` | the same of an hour; a day is its 24 hours |
| `products#2026-03-01` | `<digest>#<lane>` | the orders of a day of one product of one category |
| `latest#2026-03-01T13` | `<arrival>#<shard>:<number>` | the newest changes of one transaction |
| `order#<orderid>` | `state` | what is counted of an order |

All times are UTC. An order counts in the minute in which it was placed, a change in that in which
it happened. Whatever the traffic, an hour's minutes or a week's hours are one Query.

The writers of different shards count in different lanes, so that they don't write the same items;
a total is the sum over its lanes.
"""

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from typing import Final, NamedTuple

MINUTES: Final = "minutes"
HOURS: Final = "hours"
PRODUCTS: Final = "products"
LATEST: Final = "latest"
ORDER: Final = "order"
STATE: Final = "state"

LANES: Final = 8

MINUTES_KEPT: Final = timedelta(days=9)
HOURS_KEPT: Final = timedelta(days=15)
PRODUCTS_KEPT: Final = timedelta(days=9)
LATEST_KEPT: Final = timedelta(days=1)
ORDERS_KEPT: Final = timedelta(days=17)
"""Longer than any total: when an order is forgotten, so is all that it counted in."""

SHOWN_AT_ONCE: Final = 25
"""How many changes of a transaction are among the latest."""

SOLD: Final = "sold"
OUTCOMES: Final = {"cancelled": "cancelled", "returned": "returned"}
"""The statuses whose orders are counted apart; all others count as sold."""

SALE_COUNTERS: Final = {
    SOLD: ("orders", "units", "revenue"),
    **{
        outcome: (f"{outcome}_orders", f"{outcome}_units", f"{outcome}_revenue")
        for outcome in OUTCOMES.values()
    },
}
CHANGE_COUNTERS: Final = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}
REFUSED: Final = "refused"

_MINUTE: Final = "%Y-%m-%dT%H:%M"
_HOUR: Final = "%Y-%m-%dT%H"
_SHOWN_CHARACTERS: Final = 200
# A key may have 2,048 bytes, and so may the key of an order.
_KEY_BYTES: Final = 1024


class Total(NamedTuple):
    """An item that counts: its key, when it may be forgotten (epoch seconds), and what it tells
    besides its counters, as name and value."""

    series: str
    point: str
    expires: int
    labels: tuple[tuple[str, str], ...] = ()


class Product(NamedTuple):
    """A product of a category, as totals know it. The names are cut to a bearable length, the
    digest is of the whole."""

    digest: str
    name: str
    category: str | None

    @classmethod
    def of(cls, name: str, category: str | None) -> "Product":
        """The product of that name and category."""
        digest = sha256(f"{len(name)} {name} {category or ''}".encode()).hexdigest()[:24]
        shown = None if category is None else category[:_SHOWN_CHARACTERS]
        return cls(digest, name[:_SHOWN_CHARACTERS], shown)


def totals_of_time(epoch_seconds: int, lane: int) -> tuple[Total, Total]:
    """The minute and the hour of a time."""
    return _totals_of_minute(epoch_seconds // 60, lane)


@lru_cache(maxsize=4096)
def _totals_of_minute(minute: int, lane: int) -> tuple[Total, Total]:
    begin = minute * 60
    at = datetime.fromtimestamp(begin, UTC)
    return (
        Total(minutes_series(at), f"{at:{_MINUTE}}#{lane}", begin + _seconds(MINUTES_KEPT)),
        Total(HOURS, f"{at:{_HOUR}}#{lane}", begin // 3600 * 3600 + _seconds(HOURS_KEPT)),
    )


def total_of_product(epoch_seconds: int, product: Product, lane: int) -> Total:
    """A product on the day of a time."""
    labels = [("product_name", product.name)]
    if product.category is not None:
        labels.append(("category", product.category))
    return Total(
        products_series(datetime.fromtimestamp(epoch_seconds, UTC)),
        f"{product.digest}#{lane}",
        epoch_seconds // 86400 * 86400 + _seconds(PRODUCTS_KEPT),
        tuple(labels),
    )


def products_series(day: datetime) -> str:
    """The series of the products of a day."""
    return f"{PRODUCTS}#{day:%Y-%m-%d}"


def minutes_series(at: datetime) -> str:
    """The series of the minutes of the hour of a time."""
    return f"{MINUTES}#{hour_point(at)}"


def latest_series(arrived: datetime) -> str:
    """The series of the latest changes of the hour in which they arrived."""
    return f"{LATEST}#{hour_point(arrived)}"


def minute_point(at: datetime) -> str:
    """Where the items of a minute begin."""
    return f"{at.astimezone(UTC):{_MINUTE}}"


def hour_point(at: datetime) -> str:
    """Where the items of an hour begin."""
    return f"{at.astimezone(UTC):{_HOUR}}"


def time_of(point: str) -> datetime:
    """The minute or hour of a point."""
    text = point.partition("#")[0]
    return datetime.strptime(text, _MINUTE if ":" in text else _HOUR).replace(tzinfo=UTC)


def order_series(orderid: str) -> str:
    """The series of what is counted of an order."""
    if len(orderid.encode()) > _KEY_BYTES:
        orderid = sha256(orderid.encode()).hexdigest()
    return f"{ORDER}#{orderid}"


def arrival_of(mark: str) -> datetime:
    """When a change arrived in the stream, by the stream's mark of it."""
    return datetime.fromtimestamp(int(mark.partition("#")[0]) / 1000, UTC)


def lane_of(shard_id: str) -> int:
    """The lane in which what comes from a shard is counted, as in shardId-000000000006."""
    return int(shard_id.rpartition("-")[2]) % LANES


def _seconds(kept: timedelta) -> int:
    return int(kept.total_seconds())
