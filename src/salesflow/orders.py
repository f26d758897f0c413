"""An order, its life and its id."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

TypedItem = dict[str, dict[str, Any]]
"""A DynamoDB item with its type descriptors, as the low-level API takes it."""

TRANSITIONS: Final[Mapping[str, frozenset[str]]] = MappingProxyType(
    {
        "placed": frozenset({"paid", "cancelled"}),
        "paid": frozenset({"shipped", "cancelled"}),
        "shipped": frozenset({"delivered"}),
        "delivered": frozenset({"returned"}),
        "cancelled": frozenset(),
        "returned": frozenset(),
    }
)
"""Which status may follow which."""

FIRST_STATUS: Final = "placed"

_TEXT_ATTRIBUTES: Final = (
    "orderid",
    "customer_id",
    "product_name",
    "category",
    "brand_name",
    "channel",
    "country",
    "status",
    "order_ts",
)


class IllegalTransition(ValueError):
    """A status that can't follow the order's present one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One order, as it is after a change.

    `price` is the price of one piece, `order_ts` the ISO 8601 time (UTC) at which it was placed.
    `extra` holds what the schema doesn't know, as text; the changelog keeps it in `attributes`.
    """

    orderid: str
    product_name: str
    quantity: int
    price: Decimal
    customer_id: str | None = None
    category: str | None = None
    brand_name: str | None = None
    channel: str | None = None
    country: str | None = None
    status: str | None = None
    order_ts: str | None = None
    extra: Mapping[str, str] = field(default_factory=dict)

    def with_status(self, status: str) -> "Order":
        """The same order in its next status; raises `IllegalTransition` if it can't be next."""
        if self.status is None or status not in TRANSITIONS[self.status]:
            raise IllegalTransition(f"order {self.orderid}: {status} can't follow {self.status}")
        return replace(self, status=status)

    def to_item(self) -> TypedItem:
        """The DynamoDB item of the order; attributes that are None are left out."""
        item: TypedItem = {name: {"S": text} for name, text in self.extra.items()}
        for name in _TEXT_ATTRIBUTES:
            text = getattr(self, name)
            if text is not None:
                item[name] = {"S": text}
        item["quantity"] = {"N": str(self.quantity)}
        item["price"] = {"N": format(self.price, "f")}
        return item


@dataclass(frozen=True, slots=True)
class Put:
    """An order that is written, new or changed, and the time at which that happens (UTC)."""

    at: datetime
    order: Order
    is_new: bool

    @property
    def orderid(self) -> str:
        """The key of the item that is written."""
        return self.order.orderid


@dataclass(frozen=True, slots=True)
class Delete:
    """An order that is removed, and the time at which that happens (UTC)."""

    at: datetime
    orderid: str


Write = Put | Delete


_CROCKFORD: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_PAIRS: Final = tuple(a + b for a in _CROCKFORD for b in _CROCKFORD)
_TIME_BITS, _RANDOM_BITS, _ORDINAL_BITS = 48, 48, 32


def order_id(placed_ms: int, randomness: int, ordinal: int) -> str:
    """A ULID (https://github.com/ulid/spec): 26 characters that sort by the time of the order.

    `placed_ms` is the epoch time in milliseconds. Of the 80 bits that a ULID leaves to chance, 48
    are `randomness`, which tells runs apart, and 32 the `ordinal` of the order in its run, so that
    within a run no two can be equal and nobody needs to remember the ids given out.
    """
    for name, value, bits in (
        ("placed_ms", placed_ms, _TIME_BITS),
        ("randomness", randomness, _RANDOM_BITS),
        ("ordinal", ordinal, _ORDINAL_BITS),
    ):
        if not 0 <= value < 1 << bits:
            raise ValueError(f"{name} {value} doesn't fit in {bits} bits")
    number = (placed_ms << _RANDOM_BITS | randomness) << _ORDINAL_BITS | ordinal
    return "".join(_PAIRS[number >> shift & 1023] for shift in range(120, -1, -10))


def iso_utc(at: datetime) -> str:
    """ISO 8601 in UTC, to the millisecond, or to the microsecond where that would lose something.

    A time without a zone is taken as UTC. `2025-07-10T14:05:24.903Z`
    """
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    timespec = "microseconds" if at.microsecond % 1000 else "milliseconds"
    return at.replace(tzinfo=None).isoformat(timespec=timespec) + "Z"
