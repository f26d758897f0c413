"""DynamoDB against silver on the local AWS: what matches, what doesn't, and what is on its way."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import boto3
import pytest

from localaws.server import LocalAws
from reconciled_orders import Orders
from salesflow.reconciliation.ledger import Verdict
from salesflow.reconciliation.report import Reconciliation
from salesflow.reconciliation.silver import SilverMissing

UNUSUAL: dict[str, dict[str, Any]] = {
    "exponent": {"price": {"N": "1E+2"}, "quantity": {"N": "1E+1"}},
    "zeros": {"price": {"N": "100.0000"}},
    "smallest": {"price": {"N": "0.0001"}},
    "zone": {"order_ts": {"S": "2025-12-31T23:30:00-05:00"}},
    "milliseconds": {"order_ts": {"S": "2025-12-31T23:30:00.123Z"}},
    "no zone": {"order_ts": {"S": "2025-12-31T23:30:00"}},
    "no time": {"order_ts": {"S": "yesterday"}},
    "null": {"brand_name": {"NULL": True}},
    "empty": {"brand_name": {"S": ""}},
    "hostile'\"\n,": {"category": {"S": 'a"b\n"",\'\u00e4\u2028'}},
    "nested": {"gift": {"M": {"b": {"L": [{"N": "1E+2"}, {"NULL": True}]}, "a": {"S": "x"}}}},
    "sets": {"tags": {"SS": ["b", "a"]}, "sizes": {"NS": ["1E+1", "9"]}},
    "binary": {"photo": {"B": b"\x00\x01\xff"}, "parts": {"BS": [b"b", b"a"]}},
    "big number": {"n": {"N": "12345678901234567890123456789012345678"}},
}


@pytest.fixture
def orders(local_aws: LocalAws) -> Orders:
    return Orders(local_aws)


@pytest.fixture
def some(orders: Orders) -> Orders:
    """Thirty orders in silver: A-00 … A-29."""
    for number in range(30):
        orders.put(f"A-{number:02}", quantity={"N": str(number + 1)})
    orders.merge()
    return orders


def names(found: Reconciliation, kind: Verdict) -> list[str]:
    return [order.orderid for order in found.named if order.verdict is kind]


def test_orders_that_are_the_same_match(some: Orders) -> None:
    found = some.reconcile()
    assert found.mismatches == 0
    assert found.compared == found.dynamodb.orders == found.silver.orders == 30
    assert found.dynamodb.amount == found.silver.amount == Decimal("10.5") * (30 * 31 // 2)
    assert found.cost.read_units > 0
    assert found.cost.scanned_bytes > 0
    assert found.cost.stream_records == 0  # nothing differs, so nothing needs explaining


def test_values_of_every_kind_match(orders: Orders) -> None:
    for orderid, attributes in UNUSUAL.items():
        orders.put(orderid, **attributes)
    orders.merge()
    found = orders.reconcile()
    assert [o.summary() for o in found.named] == []
    assert found.silver.orders == len(UNUSUAL)
    assert found.dynamodb.amount == found.silver.amount


def test_a_removed_row_is_a_missing_order(some: Orders) -> None:
    some.settle()
    some.athena.run("DELETE FROM orders WHERE orderid = 'A-07'")
    found = some.reconcile()
    assert (found.mismatches, names(found, Verdict.MISSING)) == (1, ["A-07"])
    assert "product_name Laptop; quantity 8; price 10.5" in found.named[0].details()


@pytest.mark.parametrize(
    ("change", "detail"),
    [
        ("price = 10.4999", "price is 10.5 in DynamoDB, 10.4999 in silver"),
        ("quantity = 9", "quantity is 8 in DynamoDB, 9 in silver"),
        ("brand_name = ''", "brand_name is nothing in DynamoDB,  in silver"),
        ("attributes = '{\"gift\":1}'", 'attributes is nothing in DynamoDB, {"gift":1} in silver'),
        ("order_ts = TIMESTAMP '2026-01-01 00:00:00.000001'", "order_ts is nothing in DynamoDB"),
    ],
)
def test_an_altered_row_is_a_stale_order_and_what_differs_is_told(
    change: str, detail: str, some: Orders
) -> None:
    some.athena.run(f"UPDATE orders SET {change} WHERE orderid = 'A-07'")
    found = some.reconcile()
    assert (found.mismatches, names(found, Verdict.STALE)) == (1, ["A-07"])
    assert detail in found.named[0].details()


def test_an_added_row_is_an_extra_order(some: Orders) -> None:
    some.put("B-1")
    some.merge()
    some.remove("B-1")
    some.chain.step()
    some.settle()
    found = some.reconcile()
    assert (found.mismatches, names(found, Verdict.EXTRA)) == (1, ["B-1"])
    assert "is not in silver" in found.named[0].details()


def test_an_order_with_two_rows_is_extra_though_both_are_right(some: Orders) -> None:
    some.athena.run("INSERT INTO orders SELECT * FROM orders WHERE orderid = 'A-07'")
    found = some.reconcile()
    assert (found.mismatches, names(found, Verdict.EXTRA)) == (1, ["A-07"])
    assert found.named[0].details() == "2 rows in silver"


def test_a_row_in_the_wrong_partition_is_stale(orders: Orders) -> None:
    orders.put("A-1", order_ts={"S": "2026-01-01T00:00:00Z"})
    orders.merge()
    assert orders.reconcile().mismatches == 0
    orders.athena.run("UPDATE orders SET order_date = DATE '2026-01-02'")
    [order] = orders.reconcile().named
    assert order.details() == "order_date is 2026-01-01 in DynamoDB, 2026-01-02 in silver"


def test_removed_orders_match_their_tombstones(some: Orders) -> None:
    for number in range(0, 30, 3):
        some.remove(f"A-{number:02}")
    some.merge()
    found = some.reconcile()
    assert found.mismatches == 0
    assert (found.tombstones, found.silver.orders, found.dynamodb.orders) == (10, 20, 20)


@pytest.mark.parametrize(
    ("is_deleted", "kind"), [("false", Verdict.EXTRA), ("true", Verdict.MISSING)]
)
def test_a_tombstone_that_was_turned_over_is_noticed(
    is_deleted: str, kind: Verdict, some: Orders
) -> None:
    some.remove("A-03")
    some.merge()
    some.settle()
    some.athena.run(
        f"UPDATE orders SET is_deleted = {is_deleted} WHERE orderid IN ('A-03', 'A-04')"
    )
    found = some.reconcile()
    wrong = "A-03" if kind is Verdict.EXTRA else "A-04"
    assert (found.mismatches, names(found, kind)) == (1, [wrong])


def test_what_was_changed_since_is_in_flight(some: Orders) -> None:
    some.put("A-01", quantity={"N": "99"})
    some.put("A-01", quantity={"N": "98"})
    some.remove("A-02")
    some.put("B-1")
    some.chain.step()
    found = some.reconcile()
    assert found.mismatches == 0
    assert found.counts[Verdict.IN_FLIGHT] == 3
    assert found.cost.stream_records > 0
    some.merge()
    assert some.reconcile().counts[Verdict.IN_FLIGHT] == 0


def test_a_change_that_the_pipe_still_has_is_waited_for(some: Orders) -> None:
    some.put("A-01", quantity={"N": "99"})
    some.put("B-1")
    waits = []
    some.on_wait = lambda: waits.append(1)
    found = some.reconcile()
    assert (found.mismatches, found.counts[Verdict.IN_FLIGHT]) == (0, 2)
    assert waits


def test_a_lost_change_is_no_longer_in_flight(some: Orders) -> None:
    some.put("A-01", quantity={"N": "99"})
    some.chain.step()
    some.settle()
    found = some.reconcile()
    assert names(found, Verdict.STALE) == ["A-01"]
    assert "is not in silver; quantity is 99 in DynamoDB, 2 in silver" in found.named[0].details()


def test_an_altered_row_is_noticed_though_its_order_is_in_flight(some: Orders) -> None:
    some.athena.run("UPDATE orders SET price = 1 WHERE orderid = 'A-01'")
    some.put("A-01", quantity={"N": "99"})
    some.chain.step()
    found = some.reconcile()
    assert names(found, Verdict.STALE) == ["A-01"]
    assert "silver lacks what the order was before" in found.named[0].details()


def test_orders_that_break_the_rules_are_listed_and_no_mismatch(some: Orders) -> None:
    some.put("A-01", price={"N": "0"})
    some.put("B-1", quantity={"S": "many"})
    some.put("B-2", product_name=None)
    some.merge()
    found = some.reconcile()
    assert found.mismatches == 0
    assert found.counts[Verdict.REFUSED] == 3
    assert [orderid for orderid, _ in found.refused] == ["A-01", "B-1", "B-2"]
    assert "price" in found.refused[0][1]
    # Mended, it is in flight, though silver has never had what it was before.
    some.put("A-01", quantity={"N": "50"})
    some.put("B-1")
    some.chain.step()
    found = some.reconcile()
    assert (found.mismatches, found.counts[Verdict.IN_FLIGHT]) == (0, 2)


def test_empty_tables_match(orders: Orders) -> None:
    orders.complete(datetime.now(UTC))
    assert orders.reconcile().compared == 0
    assert orders.reconcile(sample=10).compared == 0


def test_an_empty_silver_misses_everything_and_names_the_first(some: Orders) -> None:
    some.settle()
    some.athena.run("DELETE FROM orders")
    found = some.reconcile(max_shown=2)
    assert found.counts[Verdict.MISSING] == 30
    assert names(found, Verdict.MISSING) == ["A-00", "A-01"]
    assert "missing: and 28 more" in list(found.lines())


def test_an_empty_table_leaves_everything_extra(some: Orders) -> None:
    some.athena.run("UPDATE orders SET last_sequence_number = '9'")
    for number in range(30):
        some.remove(f"A-{number:02}")
    some.chain.step()
    found = some.reconcile(max_shown=0)
    assert (found.counts[Verdict.EXTRA], found.named) == (30, [])
    assert some.reconcile(sample=50).counts[Verdict.EXTRA] == 30


def test_before_anything_was_merged_there_is_nothing_to_compare(orders: Orders) -> None:
    orders.put("A-1")
    with pytest.raises(SilverMissing, match="nothing has been merged"):
        orders.reconcile()
    orders.athena.run("DROP TABLE merges")
    with pytest.raises(SilverMissing, match=r"no table sales\.merges"):
        orders.reconcile()


# ---------------------------------------------------------------------- while orders go on


def test_while_orders_go_on_changing_nothing_is_a_mismatch(some: Orders) -> None:
    number = 0

    def write(*_: Any, **__: Any) -> None:
        nonlocal number
        number += 1
        some.put(f"A-{number % 30:02}", quantity={"N": str(1000 + number)})
        some.put(f"C-{number}")
        some.remove(f"C-{number - 2}")

    def connect(service: Any) -> Any:
        client = boto3.client(service)  # of this test alone, unlike those of the local AWS
        for call in ("Scan", "BatchGetItem", "GetRecords", "GetShardIterator"):
            client.meta.events.register(f"before-send.*.{call}", write)
        return client

    some.on_wait = write
    found = some.reconcile(connect=connect, segments=2)
    assert [o.summary() for o in found.named] == []
    assert found.mismatches == 0
    assert found.counts[Verdict.IN_FLIGHT] > 0
    assert number > 5


# ---------------------------------------------------------------------- samples


def test_a_sample_of_what_is_the_same_matches(some: Orders) -> None:
    sizes = set()
    for seed in range(8):
        found = some.reconcile(sample=5, seed=str(seed))
        assert found.mismatches == 0
        sizes.add(found.compared)
    assert max(sizes) <= 10
    assert len(sizes) > 1


def test_the_same_seed_gives_the_same_sample(some: Orders) -> None:
    some.athena.run("UPDATE orders SET price = 1")
    one, other = (some.reconcile(sample=5, seed="x") for _ in range(2))
    assert names(one, Verdict.STALE) == names(other, Verdict.STALE) != []


def test_a_sample_as_large_as_the_table_finds_every_kind(some: Orders) -> None:
    some.settle()
    some.athena.run("DELETE FROM orders WHERE orderid = 'A-05'")
    some.athena.run("UPDATE orders SET price = 1 WHERE orderid = 'A-07'")
    found = some.reconcile(sample=30)
    assert names(found, Verdict.MISSING) == ["A-05"]
    assert names(found, Verdict.STALE) == ["A-07"]


def test_samples_find_extra_orders_between_those_that_were_drawn(some: Orders) -> None:
    some.athena.run("UPDATE orders SET last_sequence_number = '9' WHERE orderid < 'A-29'")
    for number in range(29):
        some.remove(f"A-{number:02}")
    some.chain.step()
    some.settle()
    assert {some.reconcile(sample=1, seed=str(seed)).compared for seed in range(8)} == {1, 2}
    found = [some.reconcile(sample=10, seed=str(seed)) for seed in range(4)]
    assert any(names(f, Verdict.EXTRA) for f in found)
    assert all(f.counts[Verdict.EXTRA] <= 10 for f in found)
