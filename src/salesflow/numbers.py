"""Numbers as DynamoDB writes them, as JSON literals of the same value. No float is ever made.

DynamoDB's numbers are decimals of up to 38 digits, carried as text:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/HowItWorks.NamingRulesDataTypes.html
"""

import re
from decimal import Context, Decimal
from typing import Final

from salesflow.schema import INT_MAX, INT_MIN, PRICE_SCALE, PRICE_TYPE, PRICE_WHOLE_DIGITS

EXACT: Final = Context(prec=100)
"""For sums of prices times pieces: Python's own context rounds them to 28 digits, or refuses."""

_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,9})?")
_JSON_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]{1,9})?")
_PLAIN_INTEGER = re.compile(r"0|-?[1-9][0-9]{0,8}").fullmatch
_PLAIN_PRICE = re.compile(
    rf"-?(?:0|[1-9][0-9]{{0,{PRICE_WHOLE_DIGITS - 1}}})(?:\.[0-9]{{1,{PRICE_SCALE}}})?"
).fullmatch


class NotANumber(ValueError):
    """Text that isn't a number, or a number that doesn't fit its column. The message says which."""


def parse_decimal(text: str) -> Decimal:
    """The exact decimal value of `text`; raises `NotANumber`.

    Stricter than `Decimal`, which also takes NaN, Infinity, underscores, spaces and the digits of
    any script.
    """
    if not _NUMBER.fullmatch(text):
        raise NotANumber(f"{shown(text)} is not a number")
    return Decimal(text)


def integer_literal(text: str) -> str:
    """A number of the Glue type int, as JSON; raises `NotANumber` if it isn't one."""
    if _PLAIN_INTEGER(text):
        return text
    number = parse_decimal(text)
    # Compared before it is converted: int() of 1E+999999999 would never return.
    if not INT_MIN <= number <= INT_MAX:
        raise NotANumber(f"{shown(text)} doesn't fit int")
    whole = int(number)
    if whole != number:
        raise NotANumber(f"{shown(text)} is not a whole number")
    return str(whole)


def price_literal(text: str) -> str:
    """A number of the type of prices, as JSON; raises `NotANumber` if it doesn't fit exactly."""
    if _PLAIN_PRICE(text):
        return text
    sign, digits, exponent = parse_decimal(text).as_tuple()
    assert isinstance(exponent, int)
    significant = "".join(map(str, digits)).rstrip("0") or "0"
    exponent += len(digits) - len(significant)
    if significant == "0":
        return "0"
    if exponent < -PRICE_SCALE or len(significant.lstrip("0")) + exponent > PRICE_WHOLE_DIGITS:
        raise NotANumber(f"{shown(text)} doesn't fit {PRICE_TYPE}")
    return format(Decimal((sign, tuple(map(int, significant)), exponent)), "f")


def decimal_literal(text: str) -> str:
    """Any number as JSON, with its digits; raises `NotANumber`."""
    if _JSON_NUMBER.fullmatch(text):
        return text
    return str(parse_decimal(text))


def shown(text: str) -> str:
    """Text as a message may quote it: never much of it."""
    return repr(text) if len(text) <= 40 else repr(text[:37] + "...")
