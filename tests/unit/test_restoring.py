"""What is made of an order whose changes nobody remembers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salesflow.changes import changelog_row
from salesflow.reconciliation.fingerprints import item_values, row_values
from salesflow.restoring import restoring_event, restoring_events
from salesflow.schema import ORDER_ATTRIBUTES

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
ITEM = {
    "orderid": {"S": "17"},
    "product_name": {"S": "Laptop"},
    "quantity": {"N": "2"},
    "price": {"N": "499.5"},
    "order_ts": {"S": "2026-03-01T10:00:00.123Z"},
    "photo": {"B": b"\x00"},
}
NUMBER = "177216258200000000000041".rjust(40, "0")


def row(number: str = NUMBER, deleted: str = "false", **values: str) -> Sequence[str | None]:
    given = {
        "orderid": "17",
        "product_name": "Tablet",
        "quantity": "1",
        "price": "9.9000",
        **values,
    }
    known = (given.get(attribute.name) for attribute in ORDER_ATTRIBUTES)
    return [*known, given.get("attributes"), deleted, number]


def change(item: Any, silver: Any, at: datetime = NOW) -> dict[str, Any]:
    event = restoring_event("17", item, silver, at)
    assert event is not None
    made: dict[str, Any] = json.loads(event)
    return made


@pytest.mark.parametrize(
    ("item", "silver", "event_name", "number"),
    [
        (ITEM, None, "INSERT", "1"),
        (ITEM, row(), "MODIFY", "177216258200000000000042"),
        (ITEM, row(deleted="true"), "INSERT", "177216258200000000000042"),
        (None, row(), "REMOVE", "177216258200000000000042"),
    ],
)
def test_the_change_is_one_ahead_of_silver(
    item: Any, silver: Any, event_name: str, number: str
) -> None:
    made = change(item, silver)
    assert made["eventName"] == event_name
    assert made["dynamodb"]["SequenceNumber"] == number


@pytest.mark.parametrize("silver", [None, row(deleted="true")])
def test_an_order_that_is_gone_on_both_sides_needs_no_change(silver: Any) -> None:
    assert restoring_event("17", None, silver, NOW) is None


def test_the_transform_makes_the_row_of_the_item() -> None:
    made_row = json.loads(changelog_row(change(ITEM, None)))
    assert made_row.pop("event_id").startswith("redrive-17-")
    assert made_row == {
        "orderid": "17",
        "product_name": "Laptop",
        "quantity": 2,
        "price": 499.5,
        "order_ts": "2026-03-01T10:00:00.123Z",
        "attributes": '{"photo":"AA=="}',
        "event_type": "INSERT",
        "sequence_number": "1",
        "creation_time": int(NOW.timestamp()),
    }


def test_a_removal_says_what_silver_had() -> None:
    silver = row(order_ts="2026-03-01 10:00:00.123000")
    made_row = json.loads(changelog_row(change(None, silver)))
    assert made_row["event_type"] == "REMOVE"
    assert made_row["product_name"] == "Tablet"
    assert made_row["price"] == 9.9
    assert made_row["order_ts"] == "2026-03-01T10:00:00.123000Z"


def test_how_the_order_was_is_told_as_reconciliation_sees_silver() -> None:
    """A change is in flight only if it leads on from what silver has."""
    attributes = '{"gift":true,"note":null,"tags":["a",{"n":1.50}],"weight":0.1}'
    silver = row(order_ts="2026-03-01 10:00:00.123000", attributes=attributes)
    old = change(ITEM, silver)["dynamodb"]["OldImage"]
    cells = [*silver[1:-2], "2026-03-01"]
    assert item_values(old, NOW) == row_values(cells)


def test_the_same_restoration_has_the_same_id_at_any_time() -> None:
    first, again = (change(ITEM, row(), NOW + timedelta(hours=hours)) for hours in (0, 1))
    assert first["eventID"] == again["eventID"]


@pytest.mark.parametrize(
    ("item", "silver"),
    [
        (ITEM, row(number=NUMBER[:-1] + "9")),
        ({**ITEM, "quantity": {"N": "3"}}, row()),
        (None, row()),
    ],
)
def test_another_restoration_has_another_id(item: Any, silver: Any) -> None:
    assert change(item, silver)["eventID"] != change(ITEM, row())["eventID"]


class Table:
    """DynamoDB's side of GetItem."""

    def __init__(self, *orderids: str) -> None:
        self.orderids = orderids

    def get_item(
        self, *, TableName: str, Key: dict[str, dict[str, str]], ConsistentRead: bool
    ) -> dict[str, Any]:
        assert (TableName, ConsistentRead) == ("orders", True)
        return {"Item": {**ITEM, **Key}} if Key["orderid"]["S"] in self.orderids else {}


def test_silver_is_asked_for_many_orders_at_once() -> None:
    asked: list[str] = []

    def query(sql: str) -> list[Sequence[str | None]]:
        asked.append(sql)
        return [row(orderid="it's")] if "'it''s'" in sql else []

    orderids = ["it's", *(f"{number:04d}" for number in range(1200))]
    table: Any = Table("0000", "it's")
    made = [
        json.loads(event)
        for event in restoring_events(orderids, table, "orders", query, lambda: NOW)
    ]
    assert [(m["dynamodb"]["Keys"]["orderid"]["S"], m["eventName"]) for m in made] == [
        ("it's", "MODIFY"),
        ("0000", "INSERT"),
    ]
    assert [sql.count(",") > 900 for sql in asked] == [True, False]
