"""Live totals: what changes add to which totals, however often and in whichever order they come."""

from __future__ import annotations

import json
from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.live_table import (
    HOURS,
    LANES,
    MINUTES,
    ORDERS_KEPT,
    PRODUCTS,
    STATE,
    lane_of,
    order_series,
    time_of,
)
from salesflow.live_totals import (
    CHANGES_AT_ONCE,
    REMEMBERED,
    TRANSACTION_ITEMS,
    Change,
    OrderState,
    Unreadable,
    plan,
    read_change,
)
from salesflow.live_writer import item_of, state_of

EVENTS = Path(__file__).parent / "events"
NOW = datetime(2026, 3, 1, 13, 45, 30, tzinfo=UTC)
_arrivals = count()


def change(
    orderid: str = "1",
    number: int = 1,
    event_type: str = "INSERT",
    at: datetime = NOW,
    **values: Any,
) -> Change:
    """A change of an order; ``values`` are those of its image."""
    image: dict[str, Any] = {
        "orderid": {"S": orderid},
        "product_name": {"S": "Laptop"},
        "quantity": {"N": "2"},
        "price": {"N": "10.50"},
        "order_ts": {"S": "2026-03-01T13:40:00Z"},
    }
    for name, value in values.items():
        if value is None:
            image.pop(name, None)
        else:
            image[name] = {"N" if name in ("quantity", "price") else "S": str(value)}
    record = {
        "eventID": f"event-{orderid}-{number}",
        "eventName": event_type,
        "dynamodb": {
            "Keys": {"orderid": {"S": orderid}},
            "OldImage" if event_type == "REMOVE" else "NewImage": image,
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": int(at.timestamp()),
        },
    }
    arrived_ms = int(NOW.timestamp() * 1000)
    return read_change(json.dumps(record).encode(), arrived_ms, f"{next(_arrivals):020}")


@dataclass
class Table:
    """The table in memory: takes a step as a transaction would."""

    states: dict[str, OrderState] = field(default_factory=dict)
    totals: dict[tuple[str, str], dict[str, Decimal]] = field(default_factory=dict)
    largest: int = 0
    steps: int = 0

    def count(self, *changes: Change, lane: int = 0, now: datetime = NOW) -> None:
        pending = defaultdict(list)
        for each in changes:
            pending[each.orderid].append(each)
        while pending:
            for step in list(plan(pending, self.states, lane, now)):
                self.largest = max(self.largest, step.items)
                self.steps += 1
                for orderid, (before, after) in step.states.items():
                    assert self.states.get(orderid, OrderState()) == before
                    # What is read is what was written.
                    self.states[orderid] = state_of(item_of(orderid, after))
                    assert self.states[orderid] == after
                for total, counters in step.totals.items():
                    sums = self.totals.setdefault((total.series, total.point), defaultdict(Decimal))
                    for name, value in counters.items():
                        sums[name] += value
                for orderid, done in step.taken.items():
                    del pending[orderid][:done]
                    if not pending[orderid]:
                        del pending[orderid]

    def of(self, series: str) -> dict[str, dict[str, Decimal]]:
        """What isn't zero in a series: time or product → counter → value."""
        sums: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
        for (name, point), counters in self.totals.items():
            if name.startswith(series):
                for counter, value in counters.items():
                    sums[point.partition("#")[0]][counter] += value
        shown = {
            point: {counter: value for counter, value in counters.items() if value}
            for point, counters in sums.items()
        }
        return {point: counters for point, counters in shown.items() if counters}


@pytest.fixture
def table() -> Table:
    return Table()


def test_an_order_counts_in_the_minute_of_its_own_and_a_change_in_that_of_the_change(
    table: Table,
) -> None:
    table.count(change(quantity=3, price="0.10"))
    assert table.of(MINUTES) == {
        "2026-03-01T13:40": {"orders": 1, "units": 3, "revenue": Decimal("0.30")},
        "2026-03-01T13:45": {"inserted": 1},
    }
    assert table.of(HOURS) == {
        "2026-03-01T13": {"orders": 1, "units": 3, "revenue": Decimal("0.30"), "inserted": 1}
    }
    (product,) = table.of(PRODUCTS).values()
    assert product == {"orders": 1, "units": 3, "revenue": Decimal("0.30")}


def test_a_changed_order_counts_as_it_is_now(table: Table) -> None:
    table.count(change(), change(number=2, event_type="MODIFY", quantity=5, price="1"))
    hour = table.of(HOURS)["2026-03-01T13"]
    assert hour == {"orders": 1, "units": 5, "revenue": 5, "inserted": 1, "modified": 1}


def test_an_order_that_moves_counts_where_it_went(table: Table) -> None:
    table.count(change())
    moved = {"order_ts": "2026-02-28T23:59:59Z", "product_name": "Tablet", "category": "Mobile"}
    table.count(change(number=2, event_type="MODIFY", **moved))
    assert set(table.of(MINUTES)) == {"2026-02-28T23:59", "2026-03-01T13:45"}
    assert table.of(f"{PRODUCTS}#2026-03-01") == {}
    assert len(table.of(f"{PRODUCTS}#2026-02-28")) == 1


@pytest.mark.parametrize("outcome", ["cancelled", "returned"])
def test_cancelled_and_returned_orders_count_apart(table: Table, outcome: str) -> None:
    table.count(change(status="placed"), change(number=2, event_type="MODIFY", status=outcome))
    assert table.of(MINUTES)["2026-03-01T13:40"] == {
        f"{outcome}_orders": 1,
        f"{outcome}_units": 2,
        f"{outcome}_revenue": 21,
    }


def test_a_removed_order_counts_for_nothing(table: Table) -> None:
    table.count(change())
    table.count(change(number=2, event_type="REMOVE"))
    assert table.of(MINUTES) == {"2026-03-01T13:45": {"inserted": 1, "removed": 1}}
    assert table.of(PRODUCTS) == {}


def test_a_late_change_of_a_removed_order_does_not_bring_it_back(table: Table) -> None:
    table.count(change(number=3, event_type="REMOVE"))
    table.count(change(number=2, event_type="MODIFY"), change(number=1))
    assert table.of(PRODUCTS) == {}
    assert table.of(HOURS)["2026-03-01T13"] == {"inserted": 1, "modified": 1, "removed": 1}


def test_an_order_that_was_there_before_counts_from_its_first_change_on(table: Table) -> None:
    table.count(change(number=7, event_type="MODIFY"))
    assert table.of(MINUTES)["2026-03-01T13:40"]["orders"] == 1


@pytest.mark.parametrize("order_ts", [None, "yesterday"])
def test_an_order_that_does_not_say_when_is_dated_by_its_first_change(
    table: Table, order_ts: str | None
) -> None:
    before = NOW - timedelta(minutes=10)
    table.count(change(number=2, event_type="MODIFY", order_ts=order_ts))
    assert table.of(MINUTES)["2026-03-01T13:45"]["orders"] == 1
    table.count(change(number=1, at=before, order_ts=order_ts))
    minutes = table.of(MINUTES)
    assert minutes["2026-03-01T13:35"] == {"orders": 1, "units": 2, "revenue": 21, "inserted": 1}
    assert minutes["2026-03-01T13:45"] == {"modified": 1}


def test_an_order_counts_in_utc(table: Table) -> None:
    table.count(change(order_ts="2026-03-01T01:30:00.999+02:00"))
    assert "2026-02-28T23:30" in table.of(MINUTES)


@pytest.mark.parametrize("order_ts", ["1900-01-01T00:00:00+14:00", "1969-12-31T23:59:59Z"])
def test_an_order_of_long_ago_touches_no_total(table: Table, order_ts: str) -> None:
    table.count(change(order_ts=order_ts))
    assert table.of(MINUTES) == {"2026-03-01T13:45": {"inserted": 1}}


def test_totals_that_may_be_forgotten_are_left_alone(table: Table) -> None:
    old = {"order_ts": "2026-02-19T12:00:00Z"}  # no minute of that day is kept any more
    table.count(change(**old))
    assert set(table.of(MINUTES)) == {"2026-03-01T13:45"}
    assert table.of(PRODUCTS) == {}
    assert table.of(HOURS)["2026-02-19T12"]["orders"] == 1
    table.count(change(number=2, event_type="REMOVE"), now=NOW + timedelta(days=20))
    assert table.of(HOURS)["2026-02-19T12"]["orders"] == 1


def test_an_order_is_remembered_longer_than_it_counts(table: Table) -> None:
    table.count(change())
    item = item_of("1", table.states["1"])
    longest = max(total.expires for total in _totals(change()))
    assert int(item["expires"]["N"]) > longest
    assert int(item["expires"]["N"]) == int((NOW + ORDERS_KEPT).timestamp())


def _totals(each: Change) -> list[Any]:
    (step,) = plan({each.orderid: [each]}, {}, 0, NOW)
    return list(step.totals)


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"quantity": 0}, "quantity"),
        ({"price": "-1"}, "price"),
        ({"product_name": None}, "product_name"),
        ({"status": "lost"}, "status"),
        ({"order_ts": "2026-03-02T13:45:00Z"}, "future"),
    ],
)
def test_what_the_lake_refuses_is_counted_as_refused_and_changes_no_order(
    table: Table, values: dict[str, Any], reason: str
) -> None:
    bad = change(number=2, event_type="MODIFY", **values)
    assert bad.refused is not None
    assert reason in bad.refused
    assert bad.shown["reason"] == bad.refused[:80]
    table.count(change(), bad, bad)
    assert table.of(MINUTES) == {
        "2026-03-01T13:40": {"orders": 1, "units": 2, "revenue": 21},
        "2026-03-01T13:45": {"inserted": 1, "refused": 1},
    }


def test_after_a_refused_change_an_older_one_still_counts(table: Table) -> None:
    table.count(change(number=3, event_type="MODIFY", quantity=0))
    table.count(change(number=2, event_type="MODIFY", quantity=4))
    assert table.of(MINUTES)["2026-03-01T13:40"]["units"] == 4


def test_a_change_that_is_redriven_when_the_rules_were_mended_counts(table: Table) -> None:
    good = change(number=2, event_type="MODIFY", quantity=4)
    bad = replace(good, event_type="refused", sale=None, refused="a rule that was wrong")
    table.count(change(), bad)
    table.count(good, good, bad)
    minutes = table.of(MINUTES)
    assert minutes["2026-03-01T13:40"]["units"] == 4
    assert minutes["2026-03-01T13:45"] == {"inserted": 1, "modified": 1, "refused": 1}
    assert table.states["1"].refused == frozenset()


def test_a_change_from_the_future_is_refused_now(table: Table) -> None:
    table.count(change(at=NOW + timedelta(days=2)))
    assert table.of(MINUTES) == {"2026-03-01T13:45": {"refused": 1}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b'{"dynamodb": {}}',
        b'{"dynamodb": {"Keys": {"orderid": {"S": "1"}}}, "eventID": "e"}',
        b"[" * 100_000,
    ],
)
def test_what_is_no_change_of_an_order_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable):
        read_change(data, 0, "")


@pytest.mark.parametrize("name", ["insert_with_all_attributes", "modify", "remove"])
def test_changes_as_the_stream_shapes_them_are_read(name: str) -> None:
    event = EVENTS / f"{name}.json"
    record = json.loads(event.read_text())
    read = read_change(event.read_bytes(), 2_000_000_000_000, "")
    assert read.refused is None
    assert read.number == int(record["dynamodb"]["SequenceNumber"])


def test_a_lone_change_is_one_small_transaction(table: Table) -> None:
    table.count(change())
    # The order, its minute, hour and product, the minute of the change, and the latest changes.
    assert (table.steps, table.largest) == (1, 6)


def test_no_transaction_is_too_large(table: Table) -> None:
    old = datetime(2026, 2, 24, tzinfo=UTC)
    changes = [
        change(str(n), at=old + timedelta(minutes=n * 7), order_ts=None, product_name=f"P{n}")
        for n in range(200)
    ]
    many = [
        change("many", number, "MODIFY", old + timedelta(hours=number), order_ts=None)
        for number in range(1, 100)
    ]
    table.count(*changes, *many)
    assert table.largest <= TRANSACTION_ITEMS
    assert sum(c.get("modified", 0) for c in table.of(MINUTES).values()) == 99
    assert sum(c.get("inserted", 0) for c in table.of(MINUTES).values()) == 200


def test_changes_that_share_their_totals_share_a_transaction(table: Table) -> None:
    table.count(*(change(str(n)) for n in range(90)))
    assert table.steps == 1


def test_the_latest_changes_are_those_that_arrived_last() -> None:
    changes = [change(str(n)) for n in range(90)]
    (step,) = plan({each.orderid: [each] for each in reversed(changes)}, {}, 0, NOW)
    assert [each.orderid for each in step.latest()] == [str(n) for n in range(89, 64, -1)]


def test_names_of_any_length_fit_into_keys() -> None:
    long = change("ö" * 2000, product_name="ü" * 5000, category="x" * 5000)
    for total in _totals(long):
        assert len(total.point.encode()) < 1024
    assert len(order_series("ö" * 1000).encode()) < 2048
    assert order_series("ö" * 1000) != order_series("ö" * 1001)
    other = change("2", product_name="ü" * 4999 + "o", category="x" * 5000)
    assert _totals(long)[-1].point != _totals(other)[-1].point


def test_shards_count_in_their_lanes_and_a_total_is_their_sum(table: Table) -> None:
    assert lane_of("shardId-000000000000") == 0
    assert lane_of(f"shardId-{LANES + 3:012}") == 3
    table.count(change(), lane=1)
    table.count(change(number=2, event_type="REMOVE"), lane=2)
    assert {point for _, point in table.totals if "13:40" in point} == {
        "2026-03-01T13:40#1",
        "2026-03-01T13:40#2",
    }
    assert "2026-03-01T13:40" not in table.of(MINUTES)


def test_points_tell_their_time() -> None:
    assert time_of("2026-03-01T13:45#0") == datetime(2026, 3, 1, 13, 45, tzinfo=UTC)
    assert time_of("2026-03-01T13#0") == datetime(2026, 3, 1, 13, tzinfo=UTC)


def test_very_many_changes_of_one_order_are_remembered_by_their_newest(table: Table) -> None:
    changes = [change(number=number, event_type="MODIFY") for number in range(1, 61)]
    table.count(*changes)
    state = table.states["1"]
    assert state.seen == frozenset(range(61 - REMEMBERED, 61))
    assert state.floor == 60 - REMEMBERED
    before = deepcopy(table.totals)
    table.count(*changes)
    assert table.totals == before
    assert len(changes) > CHANGES_AT_ONCE


def test_money_is_exact_to_the_last_digit(table: Table) -> None:
    largest = {"quantity": 2**31 - 1, "price": "99999999999999.9999"}
    table.count(*(change(str(n), **largest) for n in range(50)))
    revenue = table.of(HOURS)["2026-03-01T13"]["revenue"]
    assert revenue == 50 * (2**31 - 1) * Decimal("99999999999999.9999")


# ---------------------------------------------------------------------- any order, any batches

_PRODUCTS = (("Laptop", "Computers"), ("Tablet", None), ("Tablet", "Mobile"))
_IMAGES = st.fixed_dictionaries(
    {
        "product": st.sampled_from(_PRODUCTS),
        "quantity": st.integers(0, 4),  # 0 is refused
        "price": st.decimals("0.0001", "99.9999", places=4),
        "status": st.sampled_from(["placed", "paid", "cancelled", "returned"]),
        "minute": st.none() | st.integers(0, 180),
    }
)


@st.composite
def histories(draw: st.DrawFn) -> list[Change]:
    """The changes of some orders, each order's in its order."""
    changes = []
    for order in range(draw(st.integers(1, 4))):
        at = NOW - timedelta(minutes=60)
        for number in range(1, draw(st.integers(1, 6)) + 1):
            kind = draw(st.sampled_from(["INSERT", "MODIFY", "MODIFY", "REMOVE"]))
            image = draw(_IMAGES)
            at += timedelta(minutes=draw(st.integers(0, 12)))
            name, category = image["product"]
            ordered = None
            if image["minute"] is not None:
                ordered = f"{NOW - timedelta(minutes=60 + image['minute']):%Y-%m-%dT%H:%M:00Z}"
            changes.append(
                change(
                    str(order),
                    number,
                    kind,
                    at,
                    product_name=name,
                    category=category,
                    quantity=image["quantity"],
                    price=image["price"],
                    status=image["status"],
                    order_ts=ordered,
                )
            )
    return changes


def expected(changes: list[Change]) -> dict[str, dict[str, Decimal]]:
    """A plain model: sums over the final orders, and over the changes."""
    minutes: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for orderid in {each.orderid for each in changes}:
        accepted = [c for c in changes if c.orderid == orderid and c.refused is None]
        if not accepted:
            continue
        last = max(accepted, key=lambda each: each.number)
        if last.sale is None:
            continue
        at = last.sale.ordered
        if at is None:
            at = min(each.at for each in accepted)
        prefix = "" if last.sale.outcome == "sold" else f"{last.sale.outcome}_"
        sums = minutes[f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H:%M}"]
        sums[f"{prefix}orders"] += 1
        sums[f"{prefix}units"] += last.sale.units
        sums[f"{prefix}revenue"] += last.sale.revenue
    words = {"INSERT": "inserted", "MODIFY": "modified", "REMOVE": "removed"}
    for each in changes:
        minute = f"{datetime.fromtimestamp(each.at, UTC):%Y-%m-%dT%H:%M}"
        minutes[minute][words.get(each.event_type, "refused")] += 1
    return {minute: dict(sums) for minute, sums in minutes.items()}


@given(st.data())
def test_any_order_repetition_and_splitting_of_changes_makes_the_same_totals(
    data: st.DataObject,
) -> None:
    changes = data.draw(histories())
    repeated = changes + data.draw(st.lists(st.sampled_from(changes), max_size=20))
    shuffled = data.draw(st.permutations(repeated))
    table = Table()
    while shuffled:
        size = data.draw(st.integers(1, len(shuffled)))
        table.count(*shuffled[:size], lane=data.draw(st.integers(0, 2)))
        shuffled = shuffled[size:]
    assert table.of(MINUTES) == expected(changes)
    by_hour: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(Decimal))
    for minute, sums in expected(changes).items():
        for name, value in sums.items():
            by_hour[minute[:13]][name] += value
    assert table.of(HOURS) == by_hour
    of_products: dict[str, Decimal] = defaultdict(Decimal)
    of_minutes: dict[str, Decimal] = defaultdict(Decimal)
    for target, source in ((of_products, PRODUCTS), (of_minutes, MINUTES)):
        for sums in table.of(source).values():
            for name, value in sums.items():
                if name not in ("inserted", "modified", "removed", "refused"):
                    target[name] += value
    assert of_products == of_minutes


def test_a_state_is_one_item_of_its_order() -> None:
    item = item_of("1", OrderState(version=1))
    assert (item["series"], item["point"]) == ({"S": "order#1"}, {"S": STATE})
