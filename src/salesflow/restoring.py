"""Changes that nobody remembers, made anew from how an order is now.

When the table's stream has forgotten a change that never arrived, what is left is the order's item,
or that there is none. Of it a change is made as the pipe would write it, with a sequence number one
higher than the last that silver knows of the order: it wins over what silver has, and loses against
every true change that comes later, even one that was made before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from salesflow.cdc_stream import Replay, replay_of
from salesflow.dead_letters import json_bytes
from salesflow.orders import TypedItem
from salesflow.schema import KEY_ATTRIBUTE, ORDER_ATTRIBUTES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ORDERS_AT_ONCE: Final = 1000
_NAMES: Final = tuple(attribute.name for attribute in ORDER_ATTRIBUTES)
_TIMESTAMP: Final = "timestamp(6)"

Row = Sequence[str | None]
Query = Callable[[str], Iterable[Row]]
"""Asks the lake, and gives the rows as Athena prints them."""


def restored_changes(
    orderids: Iterable[str],
    dynamodb: DynamoDBClient,
    table: str,
    query: Query,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[Replay]:
    """A change for each of the orders that brings silver to how its item is now."""
    pending: list[str] = []
    for orderid in orderids:
        pending.append(orderid)
        if len(pending) == _ORDERS_AT_ONCE:
            yield from _restored(pending, dynamodb, table, query, now)
            pending = []
    if pending:
        yield from _restored(pending, dynamodb, table, query, now)


def _restored(
    orderids: list[str],
    dynamodb: DynamoDBClient,
    table: str,
    query: Query,
    now: Callable[[], datetime],
) -> Iterator[Replay]:
    rows = {str(row[0]): row for row in query(_rows_statement(orderids))}
    for orderid in orderids:
        answer = dynamodb.get_item(
            TableName=table, Key={KEY_ATTRIBUTE: {"S": orderid}}, ConsistentRead=True
        )
        change = restoring_change(orderid, answer.get("Item"), rows.get(orderid), now())
        if change is not None:
            yield replay_of("table", json_bytes(change))


def _rows_statement(orderids: Iterable[str]) -> str:
    """What silver has of some orders: the known attributes, whether it is gone, its number."""
    literals = ", ".join("'" + orderid.replace("'", "''") + "'" for orderid in orderids)
    return (
        f"SELECT {', '.join(_NAMES)}, is_deleted, last_sequence_number\n"
        f"FROM orders WHERE {KEY_ATTRIBUTE} IN ({literals})"
    )


def restoring_change(
    orderid: str, item: Mapping[str, Any] | None, row: Row | None, at: datetime
) -> dict[str, Any] | None:
    """The change that brings silver's row of an order to the order's item; None if none is needed.

    Args:
        item: with its type descriptors; None if the order is gone.
        row: the known attributes in their order, is_deleted and last_sequence_number, as Athena
            prints them; None if silver never had the order.
        at: when the item was like that.
    """
    known = row is not None and row[-2] != "true"
    if item is not None:
        name, images = "MODIFY" if known else "INSERT", {"NewImage": dict(item)}
    elif known and row is not None:
        name, images = "REMOVE", {"OldImage": _item_of(row)}
    else:
        return None
    number = str(int((row[-1] if row is not None else None) or 0) + 1)
    change = {"Keys": {KEY_ATTRIBUTE: {"S": orderid}}, **images, "SequenceNumber": number}
    identity = sha256(json_bytes({"eventName": name, **change})).hexdigest()[:32]
    return {
        "eventID": f"redrive-{orderid}-{identity}",
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "dynamodb": {"ApproximateCreationDateTime": int(at.timestamp()), **change},
    }


def _item_of(row: Row) -> TypedItem:
    """The item that silver's row was made of, as far as its columns tell."""
    item: TypedItem = {}
    for attribute, text in zip(ORDER_ATTRIBUTES, row, strict=False):
        if text is None:
            continue
        if attribute.silver_type == _TIMESTAMP:
            text = f"{text.replace(' ', 'T')}Z"
        item[attribute.name] = {attribute.dynamodb_type: text}
    return item
