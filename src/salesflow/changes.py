"""From a change of an order, as the DynamoDB stream reports it, to a row of the changelog.

The stream record: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_streams_Record.html
Its typed values: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_AttributeValue.html
"""

import math
from collections.abc import Callable, Mapping
from json.encoder import encode_basestring
from typing import Any, Final

from salesflow.numbers import (
    NotANumber,
    decimal_literal,
    integer_literal,
    parse_decimal,
    price_literal,
)
from salesflow.rules import (
    CLOCK_TOLERANCE_SECONDS,
    LAST_SECOND,
    RULED_LITERALS,
    RuleBroken,
    order_ts_problem,
)
from salesflow.schema import (
    EVENT_TYPES,
    KEY_ATTRIBUTE,
    KNOWN_NAMES,
    ORDER_ATTRIBUTES,
    PRICE_TYPE,
    SEQUENCE_NUMBER_DIGITS,
)

_quote = encode_basestring

_LITERALS: Final = {"string": _quote, "int": integer_literal, PRICE_TYPE: price_literal}


def _columns(
    literals: Mapping[str, Callable[[str], str]],
) -> tuple[tuple[str, str, str, Callable[[str], str], bool], ...]:
    """For each column its name, its JSON key, and how the attribute's value is written.

    `literals` are those of single attributes, in place of their type's.
    """
    return tuple(
        (
            attribute.name,
            f',"{attribute.name}":',
            attribute.dynamodb_type,
            literals.get(attribute.name, _LITERALS[attribute.glue_type]),
            attribute.required,
        )
        for attribute in ORDER_ATTRIBUTES
        if attribute.name != KEY_ATTRIBUTE
    )


_RULED_COLUMNS: Final = _columns(RULED_LITERALS)
_REMOVED_COLUMNS: Final = _columns({})


class Refused(ValueError):
    """A change that can't become a row. The message is the reason, without the payload."""


def changelog_row(change: Mapping[str, Any], arrived_ms: int | None = None) -> bytes:
    """The row of one stream record: a JSON object on one line, in UTF-8, ending in a newline.

    The row is a function of the change alone, so that a change that is delivered twice gives the
    same bytes twice. Numbers are written with the digits that DynamoDB holds. Raises `Refused`,
    also for an order that breaks one of the `salesflow.rules`.

    A removal is never refused for what the item held: an order that went bad after it had been
    recorded would otherwise live for ever in the tables downstream. What doesn't fit its column
    then goes into `attributes`.

    `arrived_ms` is when the change arrived, epoch milliseconds: it must have been made by then.
    """
    stream = change.get("dynamodb")
    if stream.__class__ is not dict:
        raise Refused("no DynamoDB stream record: 'dynamodb' is missing or no object")
    event_type = change.get("eventName")
    keys = stream.get("Keys")
    if keys.__class__ is not dict:
        raise Refused("'Keys' is missing or no object")
    if event_type == "REMOVE":
        removal = True
        # A stream of keys or of new images only doesn't say what was removed, but which order was.
        image = stream.get("OldImage") or keys
    elif event_type in EVENT_TYPES:
        removal = False
        image = stream.get("NewImage")
    else:
        raise Refused(f"unknown eventName {_shown(event_type)}")
    if image.__class__ is not dict:
        raise Refused(f"{event_type} without an image")

    key_name = KEY_ATTRIBUTE if KEY_ATTRIBUTE in keys else _key_named_otherwise(keys)
    parts = ['{"orderid":', _quote(_order_id(keys[key_name]))]
    taken = 1 if key_name in image else 0
    misfits: dict[str, Any] = {}
    columns = _REMOVED_COLUMNS if removal else _RULED_COLUMNS
    for name, prefix, descriptor, literal, required in columns:
        value = image.get(name)
        if value is None:
            if required and not removal:
                raise Refused(f"required attribute {name} is missing")
            continue
        taken += 1
        try:
            text = literal(value[descriptor])
            if len(value) != 1:
                raise Refused(f"attribute {name} has more than one type")
        except (KeyError, TypeError, NotANumber, RuleBroken) as error:
            if value == {"NULL": True} and (removal or not required):
                continue
            if not removal:
                raise Refused(_why_unfit(name, value, descriptor, error)) from None
            misfits[name] = value
        else:
            parts.append(prefix)
            parts.append(text)

    if misfits or taken != len(image):
        for name in image:
            if name != key_name and (name not in KNOWN_NAMES or name == KEY_ATTRIBUTE):
                misfits[name] = image[name]
        parts.append(',"attributes":')
        parts.append(_quote(_json_object(misfits)))
    order_ts = None if removal else image.get("order_ts")
    parts.append(_tail(change, stream, event_type, order_ts, arrived_ms))
    try:
        return "".join(parts).encode()
    except UnicodeEncodeError:
        raise Refused("text with half a surrogate pair, which UTF-8 can't hold") from None


def _tail(
    change: Mapping[str, Any],
    stream: dict[str, Any],
    event_type: str,
    order_ts: dict[str, Any] | None,
    arrived_ms: int | None,
) -> str:
    """What the row says of the change; `order_ts` and `arrived_ms` are held against its time."""
    event_id = change.get("eventID")
    if event_id.__class__ is not str or not event_id:
        raise Refused("eventID is missing or no text")
    number = stream.get("SequenceNumber")
    if number.__class__ is not str or not (number.isascii() and number.isdigit()):
        raise Refused("SequenceNumber is missing or not made of digits")
    if len(number) > SEQUENCE_NUMBER_DIGITS:
        raise Refused(f"SequenceNumber has more than {SEQUENCE_NUMBER_DIGITS} digits")
    created = stream.get("ApproximateCreationDateTime")
    if created.__class__ is not int:
        # The service model calls it a timestamp, which some serialisers write with a fraction.
        if created.__class__ is not float or not math.isfinite(created):
            raise Refused("ApproximateCreationDateTime is missing or no epoch time")
        created = int(created)
    if not 0 <= created <= LAST_SECOND:
        raise Refused("ApproximateCreationDateTime is no epoch time in seconds")
    if arrived_ms is not None and created > arrived_ms / 1000 + CLOCK_TOLERANCE_SECONDS:
        raise Refused(f"ApproximateCreationDateTime {created} is later than the change arrived")
    if order_ts is not None and "S" in order_ts:
        problem = order_ts_problem(order_ts["S"], created)
        if problem is not None:
            raise Refused(f"attribute order_ts: {problem}")
    return (
        f',"event_type":"{event_type}","event_id":{_quote(event_id)}'
        f',"sequence_number":"{number}","creation_time":{created}}}\n'
    )


def _key_named_otherwise(keys: dict[str, Any]) -> str:
    """The key attribute that is `orderid` but for its case: some tables have `orderId`."""
    for name in keys:
        if name.lower() == KEY_ATTRIBUTE:
            return name
    raise Refused(f"the table's key has no attribute {KEY_ATTRIBUTE}")


def _order_id(value: Any) -> str:
    if value.__class__ is dict and len(value) == 1:
        text = value.get("S") or value.get("N")
        if text.__class__ is str:
            return text
    raise Refused(f"{KEY_ATTRIBUTE} in the key is neither text nor a number")


def _why_unfit(name: str, value: Any, descriptor: str, error: Exception) -> str:
    if isinstance(error, NotANumber | RuleBroken):
        return f"attribute {name}: {error}"
    if value == {"NULL": True}:
        return f"required attribute {name} is null"
    if isinstance(value, dict) and len(value) == 1:
        return f"attribute {name} has type {_shown(next(iter(value)))}, not {descriptor}"
    return f"attribute {name} is no typed value"


def _shown(value: Any) -> str:
    """A value as a reason may show it: what it is, but never much of it."""
    text = repr(value)
    return text if len(text) <= 40 else text[:37] + "..."


def _json_object(values: Mapping[str, Any]) -> str:
    members = []
    for name in sorted(values):
        try:
            members.append(f"{_quote(name)}:{_json_value(values[name])}")
        except Refused as refusal:
            raise Refused(f"attribute {_shown(name)}: {refusal}") from None
    return "{" + ",".join(members) + "}"


def _json_value(value: Any) -> str:
    """A typed value as JSON. It is built as text, because a number must not become a float."""
    if value.__class__ is not dict or len(value) != 1:
        raise Refused("no typed value")
    ((descriptor, content),) = value.items()
    try:
        match descriptor:
            case "S" | "B":
                return _quote(content)
            case "N":
                return decimal_literal(content)
            case "BOOL":
                return _json_boolean(content)
            case "NULL":
                return "null"
            case "M":
                return _json_object(content)
            case "L":
                return _json_list(_json_value(member) for member in _members(content))
            # A set has no order: the same set is to be the same text, however it was read.
            case "SS" | "BS":
                return _json_list(_quote(member) for member in sorted(_members(content)))
            case "NS":
                members = sorted(_members(content), key=parse_decimal)
                return _json_list(decimal_literal(member) for member in members)
    except TypeError:
        raise Refused(f"a value that doesn't suit its type {descriptor}") from None
    except NotANumber as error:
        raise Refused(str(error)) from None
    raise Refused(f"unknown type {_shown(descriptor)}")


def _json_boolean(content: Any) -> str:
    if content.__class__ is not bool:
        raise TypeError
    return "true" if content else "false"


def _members(content: Any) -> list[Any]:
    if not isinstance(content, list):
        raise TypeError
    return content


def _json_list(members: Any) -> str:
    return "[" + ",".join(members) + "]"
