"""Counting changes of orders: what each adds to which totals, exactly once.

The totals are the sum of what the known orders count for, and what an order counts for is kept
with it. A change is merged into what is known of its order, and the difference is added to the
totals. Merging is commutative, associative and idempotent: changes that come twice, late, in
another order or in other batches make the same totals.
"""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Context, Decimal, Inexact, Overflow, localcontext
from typing import Any, Final

from salesflow.changes import Refused, changelog_row
from salesflow.live_table import (
    CHANGE_COUNTERS,
    OUTCOMES,
    REFUSED,
    SALE_COUNTERS,
    SHOWN_AT_ONCE,
    SOLD,
    Product,
    Total,
    total_of_product,
    totals_of_time,
)
from salesflow.rules import order_time

TRANSACTION_ITEMS: Final = 100
"""https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html"""

REMEMBERED: Final = 24
"""How many of an order's changes are known by number; one that is older than all of them counts
as known."""

CHANGES_AT_ONCE: Final = 16
"""How many changes of one order are merged in one transaction: each may touch two totals of its
own, and all must fit."""

#: As exact as DynamoDB's numbers; what they can't hold exactly is an error.
EXACT: Final = Context(prec=38, traps=[Inexact, Overflow])

Counters = dict[str, Decimal]


class Unreadable(ValueError):
    """Data that is no change of an order at all. The message is the reason."""


@dataclass(frozen=True, slots=True)
class Sale:
    """What an order is to the totals.

    Attributes:
        outcome: sold, cancelled or returned.
        ordered: epoch seconds, not negative; None if the order doesn't say, and is dated by its
            first change.
    """

    product: Product
    outcome: str
    units: int
    revenue: Decimal
    ordered: int | None


@dataclass(frozen=True, slots=True)
class Change:
    """One change of an order.

    Attributes:
        number: grows with every change of an order.
        event_type: INSERT, MODIFY or REMOVE.
        at: when the order changed, epoch seconds.
        sale: what the order is from then on; None if it is removed, or if the change is refused.
        refused: why the lake refuses the change too; None if it doesn't.
        arrived: the stream's mark of it: sorts by arrival, and is unique.
        shown: the change as the list of the latest shows it.
    """

    orderid: str
    number: int
    event_type: str
    at: int
    sale: Sale | None
    refused: str | None
    arrived: str
    shown: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class OrderState:
    """What is known of an order.

    Attributes:
        version: how often it was written; 0 if it never was.
        seen: the numbers of the changes that are merged, the newest `REMEMBERED`.
        refused: those of them that were refused.
        floor: no number up to this one is unknown.
        newest: the number of the change that says what the order is; 0 if none does.
        first_changed: when it changed first, epoch seconds.
        last_changed: when it changed last.
        sale: what it is; None if it is removed.
    """

    version: int = 0
    seen: frozenset[int] = frozenset()
    refused: frozenset[int] = frozenset()
    floor: int = 0
    newest: int = 0
    first_changed: int | None = None
    last_changed: int = 0
    sale: Sale | None = None

    def knows(self, change: Change) -> bool:
        """Whether a change is merged already. One that was refused and isn't any more, since it was
        redriven when the rules were mended, is news."""
        if change.number in self.refused:
            return change.refused is not None
        return change.number in self.seen or change.number <= self.floor

    def merged(self, change: Change) -> "OrderState":
        """The state with a change that it doesn't know."""
        numbers = sorted(self.seen | {change.number})
        seen, forgotten = frozenset(numbers[-REMEMBERED:]), numbers[:-REMEMBERED]
        this = {change.number}
        refused = self.refused - this if change.refused is None else self.refused | this
        state = replace(
            self,
            seen=seen,
            refused=refused & seen,
            floor=max([self.floor, *forgotten]),
            last_changed=max(self.last_changed, change.at),
        )
        if change.refused is not None:
            return state
        first = change.at if self.first_changed is None else min(self.first_changed, change.at)
        if change.number < self.newest:
            return replace(state, first_changed=first)
        return replace(state, first_changed=first, newest=change.number, sale=change.sale)

    @property
    def ordered(self) -> int | None:
        """When the order was placed, epoch seconds; None if it counts for nothing."""
        if self.sale is None:
            return None
        return self.first_changed if self.sale.ordered is None else self.sale.ordered


@dataclass(slots=True)
class Step:
    """What one transaction writes: the states of some orders, and what they change in the totals.

    Attributes:
        states: for each order that changes, its state as it was read and as it will be.
        taken: for each order, how many of its pending changes are done with this step.
        counted: those of them that weren't known before.
    """

    states: dict[str, tuple[OrderState, OrderState]] = field(default_factory=dict)
    totals: dict[Total, Counters] = field(default_factory=dict)
    taken: dict[str, int] = field(default_factory=dict)
    counted: list[Change] = field(default_factory=list)

    @property
    def items(self) -> int:
        """How many items it writes, the latest changes included."""
        return len(self.states) + len(self.totals) + 1

    def latest(self) -> list[Change]:
        """The newest of its changes, the newest first."""
        return sorted(self.counted, key=lambda change: change.arrived, reverse=True)[:SHOWN_AT_ONCE]


def read_change(data: bytes, arrived_ms: int, arrived: str) -> Change:
    """A record of the CDC stream.

    Args:
        arrived_ms: when it arrived in the stream, epoch milliseconds.
        arrived: see `Change`.

    Raises:
        Unreadable: it is no change of an order.
    """
    try:
        change = json.loads(data.decode())
    except (ValueError, RecursionError):
        raise Unreadable("the data is no JSON text") from None
    if not isinstance(change, dict):
        raise Unreadable("the data is no JSON object")
    reason = None
    try:
        line = changelog_row(change, arrived_ms)
    except (Refused, RecursionError) as refusal:
        nested = isinstance(refusal, RecursionError)
        reason = "nested too deeply" if nested else str(refusal)
        line = _row_without_image(change)
    row = json.loads(line, parse_float=Decimal)
    event_type = row["event_type"] if reason is None else REFUSED
    return Change(
        orderid=row["orderid"],
        number=int(row["sequence_number"]),
        event_type=event_type,
        # A change that says it comes from the future is refused for that, and counts now.
        at=min(row["creation_time"], arrived_ms // 1000) if reason else row["creation_time"],
        sale=None if event_type in ("REMOVE", REFUSED) else _sale_of(row),
        refused=reason,
        arrived=arrived,
        shown=_shown(row, event_type, reason),
    )


def _row_without_image(change: Mapping[str, Any]) -> bytes:
    """The row of a change that is refused for its image. What is refused for more is no change."""
    stream = change.get("dynamodb")
    if not isinstance(stream, dict):
        raise Unreadable("no DynamoDB stream record: 'dynamodb' is missing or no object")
    bare = {name: value for name, value in stream.items() if not name.endswith("Image")}
    try:
        return changelog_row({**change, "eventName": "REMOVE", "dynamodb": bare})
    except Refused as refusal:
        raise Unreadable(str(refusal)) from None


def _sale_of(row: Mapping[str, Any]) -> Sale:
    ordered = order_time(row["order_ts"]) if "order_ts" in row else None
    with localcontext(EXACT):
        revenue = row["quantity"] * Decimal(row["price"])
    return Sale(
        Product.of(row["product_name"], row.get("category")),
        OUTCOMES.get(row.get("status", ""), SOLD),
        row["quantity"],
        revenue,
        None if ordered is None else max(0, int(ordered.timestamp() // 1)),
    )


_SHOWN_ATTRIBUTES: Final = (
    "orderid",
    "product_name",
    "category",
    "quantity",
    "price",
    "status",
    "country",
    "channel",
    "order_ts",
)
_SHOWN_CHARACTERS: Final = 80


def _shown(row: Mapping[str, Any], event_type: str, reason: str | None) -> dict[str, Any]:
    shown = {name: str(row[name])[:_SHOWN_CHARACTERS] for name in _SHOWN_ATTRIBUTES if name in row}
    shown |= {"event_type": event_type, "changed_at": row["creation_time"]}
    return shown if reason is None else shown | {"reason": reason[:_SHOWN_CHARACTERS]}


def counts_for(state: OrderState, lane: int) -> dict[Total, Counters]:
    """What an order counts for, in which totals."""
    sale, ordered = state.sale, state.ordered
    if sale is None or ordered is None:
        return {}
    values = (Decimal(1), Decimal(sale.units), sale.revenue)
    counters = dict(zip(SALE_COUNTERS[sale.outcome], values, strict=True))
    product = total_of_product(ordered, sale.product, lane)
    return {total: dict(counters) for total in (*totals_of_time(ordered, lane), product)}


def plan(
    pending: Mapping[str, Sequence[Change]],
    states: Mapping[str, OrderState],
    lane: int,
    now: datetime,
) -> Iterator[Step]:
    """Transactions that count changes.

    Args:
        pending: order id → its changes. Of an order with many, only the first `CHANGES_AT_ONCE`
            are taken.
        states: order id → what is known of the order; one that isn't there is unknown.
        now: totals that may be forgotten by now are left alone.
    """
    step = Step()
    for orderid, changes in pending.items():
        before = states.get(orderid, OrderState())
        taken = changes[:CHANGES_AT_ONCE]
        after, counted, totals = _merge(before, taken, lane, now)
        if step.items + 1 + len(totals.keys() - step.totals.keys()) > TRANSACTION_ITEMS:
            yield step
            step = Step()
        step.taken[orderid] = len(taken)
        if counted:
            step.states[orderid] = before, replace(after, version=before.version + 1)
            step.counted += counted
            _add(step.totals, totals)
    if step.taken:
        yield step


def _merge(
    before: OrderState, changes: Sequence[Change], lane: int, now: datetime
) -> tuple[OrderState, list[Change], dict[Total, Counters]]:
    """The state after some changes, those that it didn't know, and the difference in the totals."""
    after, counted = before, []
    totals: dict[Total, Counters] = defaultdict(dict)
    for change in changes:
        if after.knows(change):
            continue
        after = after.merged(change)
        counted.append(change)
        name = CHANGE_COUNTERS.get(change.event_type, REFUSED)
        for total in totals_of_time(change.at, lane):
            _add(totals, {total: {name: Decimal(1)}})
    _add(totals, counts_for(before, lane), sign=-1)
    _add(totals, counts_for(after, lane))
    alive = now.timestamp()
    return (
        after,
        counted,
        {
            total: counters
            for total, counters in totals.items()
            if total.expires > alive and any(counters.values())
        },
    )


def _add(
    totals: dict[Total, Counters], more: Mapping[Total, Mapping[str, Decimal]], sign: int = 1
) -> None:
    with localcontext(EXACT):
        for total, counters in more.items():
            sums = totals.setdefault(total, {})
            for name, value in counters.items():
                sums[name] = sums.get(name, Decimal(0)) + sign * value
