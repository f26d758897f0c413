"""The values of an order in one form, wherever they were read, and their fingerprint.

An item of DynamoDB goes through the very code that makes a row of the changelog of it, so it is
seen as the chain sees it; a row of silver has its values as Athena prints them. Both are then
written the same way: numbers without idle zeros, times in UTC to the microsecond, JSON with sorted
names.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import MAX_EMAX, MIN_EMIN, Context, Decimal
from hashlib import blake2b
from json.encoder import encode_basestring
from typing import Any, Final

from salesflow.changes import changelog_row
from salesflow.rules import order_time
from salesflow.schema import KEY_ATTRIBUTE, ORDER_ATTRIBUTES, PRICE_TYPE

Values = tuple[str | None, ...]
"""The values of an order, one for each of the `FIELDS`; None where the order has none."""

FINGERPRINT_BYTES: Final = 16

_TEXT: Final = "string"
_known: Final = tuple(a for a in ORDER_ATTRIBUTES if a.name != KEY_ATTRIBUTE)

FIELDS: Final = (*(attribute.name for attribute in _known), "attributes", "order_date")
"""What is compared: all but the key. `order_date` only of orders that have an `order_ts`."""

EXACT: Final = Context(prec=200, Emax=MAX_EMAX, Emin=MIN_EMIN)
"""For arithmetic that loses no digit; the usual context has 28, and a number of DynamoDB 38."""

_a_known_name: Final = re.compile(rf'"(?:{"|".join(a.name for a in _known)})"').search
_QUANTITY: Final = FIELDS.index("quantity")
_PRICE: Final = FIELDS.index("price")


def item_values(item: Mapping[str, Any], at: datetime) -> Values:
    """The values of an item with its type descriptors, as the chain would write them.

    Args:
        at: when the item was like that: no order can have been placed later.

    Raises:
        Refused: the chain puts such an order into the quarantine; the message is the reason.
    """
    change = {
        "eventName": "INSERT",
        "eventID": "none",
        "dynamodb": {
            "Keys": {KEY_ATTRIBUTE: item.get(KEY_ATTRIBUTE)},
            "NewImage": item,
            "SequenceNumber": "0",
            "ApproximateCreationDateTime": int(at.timestamp()),
        },
    }
    row = json.loads(changelog_row(change), parse_int=str, parse_float=str)
    # What is no time is none in silver either.
    placed = order_time(row.get("order_ts") or "")
    return _canonical([row.get(name) for name in FIELDS[:-1]], placed)


def row_values(cells: Sequence[str | None]) -> Values:
    """The values of a row of silver: the `FIELDS` in their order, as Athena prints them.

    In a row that is older than a column, `attributes` has what would be in the column now.
    """
    *given, order_date = cells
    if given[-1] is not None and _a_known_name(given[-1]):
        given = _in_columns(given)
    order_ts = given[_ORDER_TS]
    values = _canonical(given, datetime.fromisoformat(order_ts) if order_ts else None)
    return values if order_ts is None else (*values[:-1], order_date)


def _in_columns(cells: list[str | None]) -> list[str | None]:
    """Values with the known attributes in their own fields, and no longer in `attributes`."""
    *known, attributes = cells
    try:
        others = json.loads(attributes or "", parse_int=Decimal, parse_float=Decimal)
    except ValueError:
        return cells
    if not isinstance(others, dict):
        return cells
    for place, attribute in enumerate(_known):
        value = others.pop(attribute.name, None)
        if known[place] is None and value is not None:
            known[place] = str(value)
    return [*known, _written(others) if others else None]


def fingerprint(values: Values) -> bytes:
    """Sixteen bytes that are the same for the same values, in this run of the program."""
    return blake2b(repr(values).encode(), digest_size=FINGERPRINT_BYTES).digest()


def amount(values: Values) -> Decimal:
    """Quantity times price, exactly."""
    return EXACT.multiply(Decimal(values[_QUANTITY] or 0), Decimal(values[_PRICE] or 0))


def differences(item: Values, row: Values) -> dict[str, tuple[str | None, str | None]]:
    """The fields that differ: name → value in DynamoDB, value in silver."""
    return {
        name: (ours, theirs)
        for name, ours, theirs in zip(FIELDS, item, row, strict=True)
        if ours != theirs
    }


def _canonical(cells: Sequence[str | None], placed: datetime | None) -> Values:
    """Values in their one form, and the date that follows from them.

    Args:
        cells: all but the date.
        placed: what `order_ts` says; without a zone it is of UTC, as Athena prints it.
    """
    values = [
        cell if cell is None or write is None else write(cell)
        for cell, write in zip(cells, _WRITERS, strict=True)
    ]
    if placed is None:
        values[_ORDER_TS] = None
        return (*values, None)
    if placed.tzinfo is not None:
        placed = placed.astimezone(UTC).replace(tzinfo=None)
    values[_ORDER_TS] = order_ts = placed.isoformat(" ", "microseconds")
    return (*values, order_ts[:10])


def _integer(text: str) -> str:
    return str(int(text))


def _decimal(text: str) -> str:
    return str(Decimal(text).normalize(EXACT))


def _json(text: str) -> str:
    """JSON with sorted names, numbers without idle zeros; a text that is no JSON, as it is."""
    try:
        return _written(json.loads(text, parse_int=Decimal, parse_float=Decimal))
    except (ValueError, RecursionError):
        return text


def _written(value: Any) -> str:
    """A value as JSON. Python's own writer would make a float of a number."""
    if isinstance(value, str):
        return encode_basestring(value)
    if isinstance(value, Decimal):
        return str(value.normalize(EXACT))
    if isinstance(value, dict):
        members = (f"{encode_basestring(name)}:{_written(value[name])}" for name in sorted(value))
        return "{" + ",".join(members) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_written, value)) + "]"
    return json.dumps(value)


_BY_TYPE: Final[dict[str, Callable[[str], str] | None]] = {
    _TEXT: None,
    "int": _integer,
    PRICE_TYPE: _decimal,
    "timestamp(6)": None,  # read apart, as either side writes it in its own way
}
_WRITERS: Final = (*(_BY_TYPE[attribute.silver_type] for attribute in _known), _json)
_ORDER_TS: Final = FIELDS.index("order_ts")
