"""The warehouse orders again what was sold, and runs of the generator add up."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from salesflow.catalogue import CATALOGUE
from salesflow.generator import history
from salesflow.orders import Order, Put, Write
from salesflow.warehouse import Restock, Warehouse, restocks_of

UNTIL = datetime(2026, 3, 4, 12, tzinfo=UTC)
LATER = UNTIL + timedelta(days=60)


def writes(seed: int = 1, orders: int = 400) -> list[Write]:
    return list(history(orders=orders, days=30, until=UNTIL, seed=seed))


def units(restocks: Iterable[Restock]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for restock in restocks:
        counts[restock.product_name] += restock.units
    return counts


def order(day: date, quantity: int, status: str = "placed") -> Put:
    """A laptop order that is new, or comes to another status, on a day."""
    order = Order(
        orderid="1", product_name="Laptop", quantity=quantity, price=Decimal(1), status=status
    )
    return Put(datetime(day.year, day.month, day.day, 9, tzinfo=UTC), order, status == "placed")


def test_what_went_out_in_a_week_is_ordered_again_less_what_came_back() -> None:
    tuesday, wednesday = date(2026, 3, 3), date(2026, 3, 4)
    sold = [order(tuesday, 5), order(wednesday, 2), order(wednesday, 2, "cancelled")]
    monday = date(2026, 3, 9)
    assert restocks_of([*sold, order(wednesday, 5, "paid")], LATER) == [
        Restock("Laptop", 5, monday, monday + timedelta(days=14))
    ]


def test_what_came_back_beyond_that_is_not_ordered_in_the_weeks_after() -> None:
    monday = date(2026, 3, 2)
    writes = [
        order(monday, 4, "returned"),
        order(monday + timedelta(weeks=1), 1),
        order(monday + timedelta(weeks=2), 5),
    ]
    assert [(r.ordered_on, r.units) for r in restocks_of(writes, LATER)] == [
        (monday + timedelta(weeks=3), 2)
    ]


def test_it_is_ordered_on_the_next_monday_and_arrives_after_the_lead_time() -> None:
    lead_times = {product.name: product.lead_time_days for product in CATALOGUE}
    restocks = restocks_of(writes(), UNTIL)
    assert restocks
    for restock in restocks:
        assert restock.ordered_on.weekday() == 0
        assert restock.received_on - restock.ordered_on == timedelta(
            days=lead_times[restock.product_name]
        )


def test_nothing_is_ordered_on_a_monday_that_has_not_come() -> None:
    assert max(restock.ordered_on for restock in restocks_of(writes(), UNTIL)) == date(2026, 3, 2)


def test_two_runs_order_what_one_over_all_their_orders_does() -> None:
    one = [write for write in writes(1) if isinstance(write, Put) and write.is_new]
    other = [write for write in writes(2) if isinstance(write, Put) and write.is_new]
    together = restocks_of([*one, *other], LATER)
    assert units(together) == units(restocks_of(one, LATER)) + units(restocks_of(other, LATER))


def test_writes_pass_unchanged() -> None:
    assert list(Warehouse().watch(writes())) == writes()
