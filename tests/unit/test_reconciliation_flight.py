"""Which orders are on their way, and which changes are lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salesflow.reconciliation.flight import ChangeStream, judge, state_of
from salesflow.reconciliation.ledger import REFUSED, Candidate, Change, State, Verdict

COMPLETE = datetime(2026, 1, 1, 12, 0, 0, 500_000, tzinfo=UTC)
NOW = COMPLETE + timedelta(minutes=5)
A, B, C = b"a" * 16, b"b" * 16, b"c" * 16


def order(item: State, silver: State, sequence_number: str | None = "1") -> Candidate:
    return Candidate("X", item, silver, sequence_number, 0, 0, 1, None)


def change(number: str, before: State, after: State, seconds: float = 60, **more: Any) -> Change:
    at = COMPLETE.timestamp() + seconds
    return Change("X", number, at, more.get("arrived", at), before, after)


def verdict(candidate: Candidate, *changes: Change) -> Verdict | None:
    return judge(candidate, changes, COMPLETE).verdict


def test_a_change_since_silver_was_complete_is_in_flight() -> None:
    assert verdict(order(B, A), change("2", A, B)) is Verdict.IN_FLIGHT


def test_so_is_a_chain_of_changes_and_one_that_goes_on() -> None:
    chain = change("2", A, B), change("3", B, C)
    assert verdict(order(C, A), *chain) is Verdict.IN_FLIGHT
    assert verdict(order(B, A), *chain) is Verdict.IN_FLIGHT


def test_new_and_removed_orders_are_in_flight_too() -> None:
    assert verdict(order(A, None, None), change("2", None, A)) is Verdict.IN_FLIGHT
    assert verdict(order(None, A), change("2", A, None)) is Verdict.IN_FLIGHT
    assert verdict(order(B, None), change("2", None, B)) is Verdict.IN_FLIGHT


def test_without_a_change_there_is_no_explanation() -> None:
    assert judge(order(B, A), [], COMPLETE) == (None, None)


def test_a_change_that_silver_has_explains_nothing() -> None:
    assert verdict(order(B, A, "2"), change("2", A, B)) is None
    assert verdict(order(B, A, "3"), change("2", A, B)) is None


def test_a_change_from_before_silver_was_complete_is_lost() -> None:
    found = judge(order(B, A), [change("2", A, B, seconds=-1.5)], COMPLETE)
    assert found == (None, "its change of 2026-01-01 11:59:59 UTC is not in silver")


def test_a_change_of_the_same_second_may_be_later() -> None:
    assert verdict(order(B, A), change("2", A, B, seconds=-0.5)) is Verdict.IN_FLIGHT


def test_an_old_change_that_was_put_to_the_stream_again_is_in_flight() -> None:
    again = change("2", A, B, seconds=-3600, arrived=COMPLETE.timestamp() + 1)
    assert verdict(order(B, A), again) is Verdict.IN_FLIGHT


def test_what_silver_never_had_is_noticed_though_the_order_is_in_flight() -> None:
    found = judge(order(C, A), [change("2", B, C)], COMPLETE)
    assert found.verdict is None
    assert found.reason is not None
    assert "silver lacks what the order was" in found.reason
    assert verdict(order(C, None, None), change("2", B, C)) is None
    assert verdict(order(C, A), change("2", A, B), change("4", A, C)) is None


def test_a_refused_state_is_never_in_silver_and_leaves_no_gap() -> None:
    refused = change("2", A, REFUSED, seconds=-60)
    assert verdict(order(B, A), refused, change("3", REFUSED, B)) is Verdict.IN_FLIGHT
    assert verdict(order(B, A), change("3", REFUSED, B)) is Verdict.IN_FLIGHT
    assert verdict(order(B, None, None), change("3", REFUSED, B)) is Verdict.IN_FLIGHT
    assert verdict(order(None, A), refused, change("3", REFUSED, None)) is Verdict.IN_FLIGHT


def test_an_image_that_breaks_a_rule_is_a_refused_state() -> None:
    item = {"orderid": {"S": "X"}, "product_name": {"S": "Laptop"}, "quantity": {"N": "1"}}
    good = state_of(item | {"price": {"N": "1"}}, NOW)
    assert good not in (None, REFUSED)
    assert state_of(item | {"price": {"N": "0"}}, NOW) == REFUSED
    assert state_of(item, NOW) == REFUSED
    assert state_of("no image", NOW) == REFUSED


# ---------------------------------------------------------------------- the stream


class Kinesis:
    """A stream's shards: pages of records, each with what is behind it."""

    def __init__(self, **shards: list[tuple[list[Any], int]]) -> None:
        self.shards = shards
        self.asked: list[Any] = []
        self.closed: set[str] = set()

    def get_paginator(self, operation: str) -> Kinesis:
        assert operation == "list_shards"
        return self

    def paginate(self, StreamName: str) -> Iterator[Any]:
        for shard in self.shards:
            yield {"Shards": [{"ShardId": shard}]}

    def get_shard_iterator(self, **request: Any) -> Any:
        self.asked.append((request["ShardIteratorType"], request["Timestamp"]))
        return {"ShardIterator": f"{request['ShardId']} 0"}

    def get_records(self, ShardIterator: str, Limit: int) -> Any:
        shard, position = ShardIterator.split()
        pages = self.shards[shard]
        records, behind = pages[int(position)] if int(position) < len(pages) else ([], 0)
        answer = {"Records": records, "MillisBehindLatest": behind}
        if shard in self.closed and int(position) >= len(pages) - 1:
            return answer
        return answer | {"NextShardIterator": f"{shard} {int(position) + 1}"}


def record(orderid: str, number: int, at: datetime = NOW, **more: Any) -> dict[str, Any]:
    image = {
        "orderid": {"S": orderid},
        "product_name": {"S": "Laptop"},
        "quantity": {"N": str(number)},
        "price": {"N": "1"},
    }
    event = {
        "eventName": "INSERT",
        "dynamodb": {
            "Keys": {"orderid": {"S": orderid}},
            "NewImage": image,
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": int(at.timestamp()),
        },
    }
    return {"Data": json.dumps(event | more).encode(), "ApproximateArrivalTimestamp": at}


def stream(kinesis: Kinesis, wanted: str = "XY") -> ChangeStream:
    client: Any = kinesis
    return ChangeStream(
        client, "cdc", since=COMPLETE, wanted=lambda orderid: orderid in wanted, now=lambda: NOW
    )


def read_to_the_end(changes: ChangeStream) -> list[tuple[str, int]]:
    found = []
    while changes.behind:
        found += [(c.orderid, int(c.sequence_number)) for c in changes.read()]
    return found


def test_all_pages_of_all_shards_are_read_from_shortly_before() -> None:
    kinesis = Kinesis(
        s1=[([record("X", 1)], 900), ([], 500), ([record("Y", 2)], 0)],
        s2=[([record("X", 3), record("Z", 4)], 0)],
    )
    changes = stream(kinesis)
    assert sorted(read_to_the_end(changes)) == [("X", 1), ("X", 3), ("Y", 2)]
    assert changes.records == 4
    assert {kind for kind, _ in kinesis.asked} == {"AT_TIMESTAMP"}
    assert all(COMPLETE - timedelta(minutes=2) < at < COMPLETE for _, at in kinesis.asked)


def test_a_shard_that_was_split_is_followed_by_its_children() -> None:
    kinesis = Kinesis(s1=[([record("X", 1)], 0)])
    kinesis.closed.add("s1")
    changes = stream(kinesis)
    assert [c.orderid for c in changes.read()] == ["X"]
    assert changes.behind
    kinesis.shards["s2"] = [([record("X", 2)], 0)]
    assert read_to_the_end(changes) == [("X", 2)]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff",
        b"[]",
        b"null",
        b'{"dynamodb": 1}',
        b'{"eventName": [], "dynamodb": {}}',
        json.loads(json.dumps("[" * 100_000)).encode(),
    ],
)
def test_garbage_in_the_stream_is_passed_over(data: bytes) -> None:
    garbage = {"Data": data, "ApproximateArrivalTimestamp": NOW}
    changes = stream(Kinesis(s1=[([garbage, record("X", 1)], 0)]))
    assert read_to_the_end(changes) == [("X", 1)]


def test_images_are_states_and_a_missing_one_is_unknown() -> None:
    image = json.loads(record("X", 1)["Data"])["dynamodb"]["NewImage"]
    known = state_of(image, NOW)
    found = {}
    for name in ("INSERT", "MODIFY", "REMOVE"):
        [change] = stream(Kinesis(s1=[([record("X", 1, eventName=name)], 0)])).read()
        found[name] = (change.before, change.after)
    # The record has no old image, as one that was too large for the stream.
    assert found == {
        "INSERT": (None, known),
        "MODIFY": (REFUSED, known),
        "REMOVE": (REFUSED, None),
    }


@pytest.mark.parametrize("name", ["UPDATE", None, 3])
def test_so_is_a_record_of_an_unknown_event(name: Any) -> None:
    changes = stream(Kinesis(s1=[([record("X", 1, eventName=name)], 0)]))
    assert read_to_the_end(changes) == []


def test_it_is_at_rest_when_nothing_comes_or_something_much_newer_has() -> None:
    quiet = timedelta(seconds=15)
    asked = NOW - timedelta(seconds=14)
    silent = stream(Kinesis(s1=[]))
    read_to_the_end(silent)
    assert not silent.at_rest(asked, quiet)
    assert silent.at_rest(asked - timedelta(seconds=1), quiet)
    # Something has just come, so more may.
    moving = stream(Kinesis(s1=[([record("Z", 1, asked)], 0)]))
    read_to_the_end(moving)
    assert not moving.at_rest(asked - timedelta(seconds=14), quiet)
    assert moving.at_rest(asked - timedelta(seconds=16), quiet)
