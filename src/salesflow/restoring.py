"""Changes that nobody remembers, made anew from how an order is now.

When the table's stream has forgotten a change that never arrived, what is left is the order's item,
or that there is none. Of it a change is made as the pipe would write it, with a sequence number one
higher than the last that silver knows of the order: it wins over what silver has, and loses against
every true change that comes later, even one that was made before it.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from salesflow.dead_letters import json_bytes
from salesflow.orders import TypedItem
from salesflow.schema import KEY_ATTRIBUTE, ORDER_ATTRIBUTES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

_ORDERS_AT_ONCE: Final = 1000
_COLUMNS: Final = (
    *(attribute.name for attribute in ORDER_ATTRIBUTES),
    "attributes",
    "is_deleted",
    "last_sequence_number",
)
_TIMESTAMP: Final = "timestamp(6)"

Row = Sequence[str | None]
"""What silver has of an order, as Athena prints it: the known attributes and what is beyond them,
whether it was removed, its last sequence number."""

Query = Callable[[str], Iterable[Row]]
"""Asks the lake, and gives the rows as Athena prints them."""


def utcnow() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


def restoring_events(
    orderids: Sequence[str],
    dynamodb: DynamoDBClient,
    table: str,
    query: Query,
    now: Callable[[], datetime] = utcnow,
) -> Iterator[bytes]:
    """For each of the orders the event that brings silver to how its item is now.

    Silver is asked first: what changes in between only makes the item newer.
    """
    for start in range(0, len(orderids), _ORDERS_AT_ONCE):
        some = orderids[start : start + _ORDERS_AT_ONCE]
        rows = {str(row[0]): row for row in query(_rows_statement(some))}
        for orderid in some:
            answer = dynamodb.get_item(
                TableName=table, Key={KEY_ATTRIBUTE: {"S": orderid}}, ConsistentRead=True
            )
            event = restoring_event(orderid, answer.get("Item"), rows.get(orderid), now())
            if event is not None:
                yield event


def _rows_statement(orderids: Iterable[str]) -> str:
    literals = ", ".join("'" + orderid.replace("'", "''") + "'" for orderid in orderids)
    return f"SELECT {', '.join(_COLUMNS)}\nFROM orders WHERE {KEY_ATTRIBUTE} IN ({literals})"


def restoring_event(
    orderid: str, item: Mapping[str, Any] | None, row: Row | None, at: datetime
) -> bytes | None:
    """The event that brings silver's row of an order to the order's item; None if none is needed.

    Args:
        item: with its type descriptors; None if the order is gone.
        row: None if silver never had the order.
        at: when the item was like that.
    """
    old, number = None, None
    if row is not None:
        *values, is_deleted, number = row
        old = None if is_deleted == "true" else _item_of(values)
    images = {"NewImage": item, "OldImage": old}
    if item is not None:
        name = "INSERT" if old is None else "MODIFY"
    elif old is not None:
        name = "REMOVE"
    else:
        return None
    change = {
        "Keys": {KEY_ATTRIBUTE: {"S": orderid}},
        **{image: content for image, content in images.items() if content is not None},
        "SequenceNumber": str(int(number or 0) + 1),
    }
    identity = sha256(json_bytes(change)).hexdigest()[:32]
    return json_bytes(
        {
            "eventID": f"redrive-{orderid}-{identity}",
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "dynamodb": {"ApproximateCreationDateTime": int(at.timestamp()), **change},
        }
    )


def _item_of(values: Row) -> TypedItem:
    """The item that silver's row was made of, as far as it tells."""
    *known, attributes = values
    item: TypedItem = {}
    for attribute, text in zip(ORDER_ATTRIBUTES, known, strict=True):
        if text is not None:
            if attribute.silver_type == _TIMESTAMP:
                text = f"{text.replace(' ', 'T')}Z"
            item[attribute.name] = {attribute.dynamodb_type: text}
    beyond = json.loads(attributes or "{}", parse_int=_Number, parse_float=_Number)
    return item | {name: _typed(value) for name, value in beyond.items()}


class _Number(str):
    """The digits of a JSON number."""

    __slots__ = ()


def _typed(value: Any) -> dict[str, Any]:
    """A JSON value with a type descriptor: one of those that give this value again."""
    match value:
        case None:
            return {"NULL": True}
        case bool():
            return {"BOOL": value}
        case _Number():
            return {"N": str(value)}
        case str():
            return {"S": value}
        case list():
            return {"L": [_typed(member) for member in value]}
        case dict():
            return {"M": {name: _typed(member) for name, member in value.items()}}
    raise TypeError(f"{type(value).__name__} in JSON")
