"""Generated orders: exact in number, repeatable, plausible, and each write a change."""

from collections import Counter
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import islice, pairwise

import pytest

from salesflow.catalogue import CATALOGUE
from salesflow.customers import clientele
from salesflow.demand import assortment
from salesflow.generator import history, live
from salesflow.orders import TRANSITIONS, Delete, Order, Put, Write

UNTIL = datetime(2026, 3, 1, 12, tzinfo=UTC)
LIST_PRICE = {product.name: product.list_price for product in CATALOGUE}


@pytest.fixture(scope="module")
def past() -> Sequence[Write]:
    return list(history(orders=3000, days=28, until=UNTIL, seed=7))


def inserted(writes: Sequence[Write]) -> list[Order]:
    return [write.order for write in writes if isinstance(write, Put) and write.is_new]


@pytest.mark.parametrize(("orders", "days"), [(1, 1), (3, 30), (1000, 1), (997, 13)])
def test_a_past_has_exactly_the_orders_asked_for(orders: int, days: int) -> None:
    new = inserted(list(history(orders=orders, days=days, until=UNTIL, seed=1)))
    assert len({order.orderid for order in new}) == len(new) == orders


def test_the_same_seed_gives_the_same_orders(past: Sequence[Write]) -> None:
    assert list(history(orders=3000, days=28, until=UNTIL, seed=7)) == past


@pytest.mark.parametrize(("seed", "until"), [(8, UNTIL), (7, UNTIL + timedelta(seconds=1))])
def test_another_run_shares_no_order_id(past: Sequence[Write], seed: int, until: datetime) -> None:
    other = history(orders=3000, days=28, until=until, seed=seed)
    assert not {write.orderid for write in other} & {write.orderid for write in past}


def test_writes_come_in_the_order_of_time_and_within_the_days(past: Sequence[Write]) -> None:
    assert all(a.at <= b.at for a, b in pairwise(past))
    assert UNTIL - timedelta(days=28) <= past[0].at
    assert past[-1].at < UNTIL


def test_every_write_changes_something_and_every_life_is_legal(past: Sequence[Write]) -> None:
    table: dict[str, Order] = {}
    gone = set()
    for write in past:
        assert write.orderid not in gone
        before = table.pop(write.orderid, None)
        if isinstance(write, Delete):
            assert before is not None
            gone.add(write.orderid)
            continue
        assert (before is None) == write.is_new
        if before is None:
            assert write.order.status == "placed"
        else:
            assert write.order.status in TRANSITIONS[before.status or ""]
            assert write.order == before.with_status(write.order.status or "")
        table[write.orderid] = write.order
    statuses = Counter(order.status for order in table.values())
    assert set(statuses) == set(TRANSITIONS)
    assert statuses.most_common(1)[0][0] == "delivered"
    assert 0 < len(gone) < 60


def test_orders_are_what_was_asked_for(past: Sequence[Write]) -> None:
    for order in inserted(past):
        assert 1 <= order.quantity <= 5
        assert Decimal("7.63") <= order.price <= LIST_PRICE[order.product_name]
        assert order.price == order.price.quantize(Decimal("0.01"))
        assert None not in order.to_item().values()
        assert set(order.extra) == {"customer_name", "city"}
    assert {order.product_name for order in inserted(past)} == set(LIST_PRICE)


def test_order_ids_sort_as_the_orders_were_placed(past: Sequence[Write]) -> None:
    new = inserted(past)
    stamps = [(order.orderid[:10], order.order_ts) for order in new]
    assert stamps == sorted(stamps)


def test_the_weekend_is_busier_than_the_start_of_the_week(past: Sequence[Write]) -> None:
    days = Counter(
        datetime.fromisoformat(order.order_ts or "").strftime("%a") for order in inserted(past)
    )
    assert days["Sat"] > 1.2 * days["Tue"]


def test_the_evening_is_busier_than_the_night(past: Sequence[Write]) -> None:
    hours = Counter(datetime.fromisoformat(order.order_ts or "").hour for order in inserted(past))
    assert hours[20] > 4 * hours[3]


def test_some_customers_are_loyal_and_none_changes_country(past: Sequence[Write]) -> None:
    homes: dict[str | None, str | None] = {}
    for order in inserted(past):
        assert homes.setdefault(order.customer_id, order.country) == order.country
    counts = Counter(order.customer_id for order in inserted(past))
    assert counts.most_common(1)[0][1] > 5 * (len(inserted(past)) / len(counts))


def test_customers_stay_the_same_when_there_are_more() -> None:
    assert clientele(60).members[:50] == clientele(50).members


def test_a_promotion_lowers_the_price_on_its_days() -> None:
    start = date(2026, 1, 1)
    days = [assortment(start + timedelta(days=number)) for number in range(60)]
    reduced = [sum(price < p.list_price for p, price in day.offers) for day in days]
    assert 0 in reduced
    assert max(reduced) >= 2
    assert all(price <= p.list_price for day in days for p, price in day.offers)


def test_the_present_brings_an_order_every_interval_and_changes_in_between() -> None:
    writes = list(islice(live(interval_seconds=2.5, start=UNTIL, seed=3), 400))
    new = [write for write in writes if isinstance(write, Put) and write.is_new]
    assert [write.at for write in new[:3]] == [
        UNTIL + timedelta(seconds=seconds) for seconds in (0, 2.5, 5)
    ]
    assert len(new) < len(writes)
    assert all(a.at <= b.at for a, b in pairwise(writes))


def test_a_present_that_starts_later_shares_no_order_id() -> None:
    first, second = (
        {write.orderid for write in islice(live(interval_seconds=1, start=at, seed=3), 50)}
        for at in (UNTIL, UNTIL + timedelta(seconds=1))
    )
    assert not first & second


def test_senseless_arguments_are_refused_at_once() -> None:
    for orders, days in ((0, 1), (1, 0)):
        with pytest.raises(ValueError, match="at least 1"):
            history(orders=orders, days=days, until=UNTIL, seed=1)
    with pytest.raises(ValueError, match="no time zone"):
        history(orders=1, days=1, until=UNTIL.replace(tzinfo=None), seed=1)
    with pytest.raises(ValueError, match="more than 0"):
        live(interval_seconds=0, start=UNTIL, seed=1)
