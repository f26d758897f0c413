"""Orders as a shop would take them: a past, and a present that goes on until it is stopped.

Both are streams of writes in the order of their time. Every write changes something, as DynamoDB's
stream is silent about a write that doesn't; so the number of writes is the number of changes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from heapq import heappop, heappush
from itertools import count
from random import Random
from typing import Final

from salesflow.catalogue import Product
from salesflow.customers import Customer, clientele
from salesflow.demand import assortment, orders_per_hour
from salesflow.orders import FIRST_STATUS, Delete, Order, Put, Write, iso_utc, order_id
from salesflow.seeds import seeded

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MS: Final = timedelta(milliseconds=1)
_HOUR_MS: Final = 3_600_000

_QUANTITIES: Final = (1, 2, 3, 4, 5)
_CUMULATIVE: Final = (62, 90, 97, 99, 100)
_CHEAP: Final = Decimal(50)
_CUMULATIVE_CHEAP: Final = (40, 68, 84, 93, 100)

_REMOVED: Final = "removed"


@dataclass(frozen=True, slots=True)
class _Step:
    """What may happen to an order next: how likely it is, and after how many hours."""

    outcome: str
    probability: float
    earliest_hours: float
    latest_hours: float


# Where the probabilities of a status don't add up to 1, the rest of the orders stay as they are.
_LIFE: Final[dict[str, tuple[_Step, ...]]] = {
    "placed": (_Step("paid", 0.94, 0.01, 2), _Step("cancelled", 0.06, 1, 48)),
    "paid": (_Step("shipped", 0.975, 2, 40), _Step("cancelled", 0.025, 1, 20)),
    "shipped": (_Step("delivered", 1, 18, 110),),
    "delivered": (_Step("returned", 0.05, 48, 336), _Step(_REMOVED, 0.003, 120, 480)),
    "cancelled": (_Step(_REMOVED, 0.04, 24, 168),),
    "returned": (),
}

_MAX_CUSTOMERS: Final = 20_000
_LIVE_CUSTOMERS: Final = 500
DEFAULT_HURRY: Final = 2000.0


def history(*, orders: int, days: int, until: datetime, seed: int) -> Iterator[Write]:
    """The writes of exactly `orders` orders, placed in the `days` days before `until`.

    What would have happened to them after `until` hasn't happened yet. The same arguments give the
    same writes, other seeds other order ids. Orders are held only while something may still happen
    to them. Raises `ValueError` for arguments that make no sense.
    """
    if orders < 1 or days < 1:
        raise ValueError("orders and days must be at least 1")
    end = _epoch_ms(until)
    start = _EPOCH + (end - days * 24 * _HOUR_MS) * _MS
    run = _Run(f"history {seed} {end} {days}")
    placements = _past(run, orders, start, days, min(_MAX_CUSTOMERS, max(50, orders // 4)))
    return _lives(placements, seeded(f"{run.name} lives"), end, hurry=1.0)


def live(
    *, interval_seconds: float, start: datetime, seed: int, hurry: float = DEFAULT_HURRY
) -> Iterator[Write]:
    """A new order every `interval_seconds` from `start`, without end, and what becomes of them.

    A write is due at its `at`; waiting for that is the caller's part. So that something is seen to
    become of the orders, their lives pass `hurry` times as fast as in `history`.
    """
    if interval_seconds <= 0 or hurry <= 0:
        raise ValueError("interval_seconds and hurry must be more than 0")
    start_ms = _epoch_ms(start)
    run = _Run(f"live {seed} {start_ms}")
    return _lives(
        _present(run, start_ms, interval_seconds * 1000), seeded(f"{run.name} lives"), None, hurry
    )


class _Run:
    """The randomness of a run, and the orders that come of it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.random = seeded(name)
        self._id_randomness = self.random.getrandbits(48)
        self._ordinals = count()

    def place(
        self, at_ms: int, offer: tuple[Product, Decimal], customer: Customer
    ) -> tuple[int, Order]:
        product, price = offer
        weights = _CUMULATIVE_CHEAP if price < _CHEAP else _CUMULATIVE
        return at_ms, Order(
            orderid=order_id(at_ms, self._id_randomness, next(self._ordinals)),
            customer_id=customer.customer_id,
            product_name=product.name,
            category=product.category,
            brand_name=product.brand,
            quantity=self.random.choices(_QUANTITIES, cum_weights=weights)[0],
            price=price,
            channel=customer.pick_channel(self.random),
            country=customer.country,
            status=FIRST_STATUS,
            order_ts=iso_utc(_EPOCH + at_ms * _MS),
            extra={"customer_name": customer.name, "city": customer.city},
        )


def _past(
    run: _Run, orders: int, start: datetime, days: int, customers: int
) -> Iterator[tuple[int, Order]]:
    people = clientele(customers)
    random = run.random
    for hour, number in orders_per_hour(orders, start, days * 24, random):
        hour_ms = _epoch_ms(hour)
        times = sorted(random.randrange(_HOUR_MS) for _ in range(number))
        offers = assortment(hour.date()).pick(random, number)
        for offset, offer, customer in zip(times, offers, people.pick(random, number), strict=True):
            yield run.place(hour_ms + offset, offer, customer)


def _present(run: _Run, start_ms: int, interval_ms: float) -> Iterator[tuple[int, Order]]:
    people = clientele(_LIVE_CUSTOMERS)
    for number in count():
        at_ms = start_ms + round(number * interval_ms)
        (offer,) = assortment((_EPOCH + at_ms * _MS).date()).pick(run.random, 1)
        (customer,) = people.pick(run.random, 1)
        yield run.place(at_ms, offer, customer)


def _lives(
    placements: Iterator[tuple[int, Order]], random: Random, end_ms: int | None, hurry: float
) -> Iterator[Write]:
    """The placements, and between them, in time, all that happens to the orders before `end_ms`."""
    due: list[tuple[int, str, Order, str]] = []

    def schedule(at_ms: int, order: Order) -> None:
        chance = random.random()
        for step in _LIFE[order.status or FIRST_STATUS]:
            if chance < step.probability:
                hours = random.uniform(step.earliest_hours, step.latest_hours)
                then = at_ms + max(1, int(hours * _HOUR_MS / hurry))
                if end_ms is None or then < end_ms:
                    heappush(due, (then, order.orderid, order, step.outcome))
                return
            chance -= step.probability

    def happen() -> Write:
        at_ms, orderid, order, outcome = heappop(due)
        at = _EPOCH + at_ms * _MS
        if outcome == _REMOVED:
            return Delete(at, orderid)
        changed = order.with_status(outcome)
        schedule(at_ms, changed)
        return Put(at, changed, is_new=False)

    for placed_ms, order in placements:
        while due and due[0][0] <= placed_ms:
            yield happen()
        yield Put(_EPOCH + placed_ms * _MS, order, is_new=True)
        schedule(placed_ms, order)
    while due:
        yield happen()


def _epoch_ms(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError(f"the time {at.isoformat()} has no time zone")
    return (at - _EPOCH) // _MS
