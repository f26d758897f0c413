"""The rules that the values of an order keep, stated once.

The transform refuses a change whose new image breaks one, a replay rejects such a row, and
`dags/sql/row_problem.sql` holds the changelog to the same rules. A removal is never judged by its
values: they are what was, and an order must be able to go whatever it had become.

An attribute's type, and whether it must be there, is said by the schema. An `order_ts` that can't
be read breaks no rule: such an order is dated by its first change.
"""

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from json.encoder import encode_basestring
from types import MappingProxyType
from typing import Final

from salesflow.numbers import integer_literal, price_literal, shown
from salesflow.schema import PRICE_SCALE, PRICE_WHOLE_DIGITS, STATUSES

CLOCK_TOLERANCE_SECONDS: Final = 300
"""By how much a time may be ahead of a later one: no two clocks are quite the same."""

LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999. A time in milliseconds, which some serialisers write, is beyond it."""

ORDER_TIME: Final = (
    "(19|[2-8][0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    "(T([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9]([.][0-9]{1,9})?)?"
    "(Z|[+-]((0[0-9]|1[0-3]):[0-5][0-9]|14:00))?)?"
)
"""A readable `order_ts`: the part of ISO 8601 that Athena and Python read alike.

Its year is 1900 to 8999: in every zone it is a time that each of both can hold, and on which their
calendars agree. Without a zone it is UTC. Two texts of this form are in the order of their times if
both end in Z.
"""

_readable: Final = re.compile(ORDER_TIME).fullmatch
_plain_quantity: Final = re.compile("[1-9][0-9]{0,8}").fullmatch
_plain_price: Final = re.compile(
    rf"[1-9][0-9]{{0,{PRICE_WHOLE_DIGITS - 1}}}(?:\.[0-9]{{1,{PRICE_SCALE}}})?"
).fullmatch
_STATUSES: Final = {status: encode_basestring(status) for status in STATUSES}


class RuleBroken(ValueError):
    """A value that breaks a rule. The message says the value and what is wrong with it."""


def _product_name_literal(text: str) -> str:
    if text == "":
        raise RuleBroken("it is empty")
    return encode_basestring(text)


def _quantity_literal(text: str) -> str:
    if _plain_quantity(text):
        return text
    literal = integer_literal(text)
    if int(literal) < 1:
        raise RuleBroken(f"{shown(text)} is less than 1")
    return literal


def _price_literal(text: str) -> str:
    if _plain_price(text):
        return text
    literal = price_literal(text)
    if Decimal(literal) <= 0:
        raise RuleBroken(f"{shown(text)} is not more than 0")
    return literal


def _status_literal(text: str) -> str:
    literal = _STATUSES.get(text)
    if literal is None:
        raise RuleBroken(f"{shown(text)} is none of {', '.join(STATUSES)}")
    return literal


RULED_LITERALS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType(
    {
        "product_name": _product_name_literal,
        "quantity": _quantity_literal,
        "price": _price_literal,
        "status": _status_literal,
    }
)
"""For each attribute with a rule of its own: its value, as DynamoDB has it, as a JSON literal.

They raise `RuleBroken`, and `NotANumber` as their type's literals do.
"""


def order_time(text: str) -> datetime | None:
    """The time that an `order_ts` names, in its zone; None if it can't be read."""
    if not _readable(text):
        return None
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at.replace(tzinfo=UTC) if at.tzinfo is None else at


def order_ts_problem(text: str, changed: int) -> str | None:
    """What is wrong with the `order_ts` of an order that changed then (epoch seconds).

    An order can't have been placed after it changed.
    """
    # Nearly all are of UTC and not ahead: that can be seen without reading them.
    if text.endswith("Z") and text < _minute((changed + CLOCK_TOLERANCE_SECONDS) // 60):
        return None
    at = order_time(text)
    if at is None or at.replace(microsecond=0).timestamp() <= changed + CLOCK_TOLERANCE_SECONDS:
        return None
    return f"{shown(text)} is in the future of the change"


@lru_cache(maxsize=4096)
def _minute(minute: int) -> str:
    """A minute since the epoch as the beginning of an `order_ts` in UTC; at most the last one."""
    return datetime.fromtimestamp(min(minute * 60, LAST_SECOND), UTC).isoformat()[:16]
