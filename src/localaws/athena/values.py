"""Values as Athena prints them, in result files and in GetQueryResults.

Measured on Athena engine version 3: doubles as Java prints them, timestamps with the digits of
their precision, binaries as ``de ad be ef``, arrays ``[a, b]``, maps ``{k=v}``, rows ``{a=1}``;
nothing inside of these is quoted or escaped.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

#: Java writes doubles from 10^-3 up to 10^7 without an exponent.
_PLAIN_FROM, _PLAIN_BELOW = 1e-3, 1e7
#: Arrow writes a decimal with an exponent when it has more leading zeros than this.
_PLAIN_SCALE = 6
_MICROS = 1000


def printed(array: pa.Array, *, exact: bool = False) -> pa.Array:
    """A column as text; NULL stays NULL.

    Args:
        exact: print the moments of a timestamp(6) with all its digits.
    """
    kind = array.type
    if pa.types.is_dictionary(kind):
        return printed(array.dictionary_decode())
    if pa.types.is_string(kind):
        return array
    if pa.types.is_float64(kind) or pa.types.is_float32(kind):
        return _printed_floats(array)
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return _printed_timestamps(array, exact)
    plain_decimal = pa.types.is_decimal(kind) and kind.scale <= _PLAIN_SCALE
    if pa.types.is_integer(kind) or pa.types.is_boolean(kind) or pa.types.is_date(kind):
        return array.cast(pa.string())
    if plain_decimal or pa.types.is_large_string(kind) or pa.types.is_null(kind):
        return array.cast(pa.string())
    text = _print_microseconds if exact else _printer(kind)
    return pa.array([None if v is None else text(v) for v in array.to_pylist()], pa.string())


def _printed_floats(array: pa.Array) -> pa.Array:
    """Fast for the values that need no exponent, which are nearly all."""
    size = pc.abs(array)
    plain = pc.or_(
        pc.equal(size, 0), pc.and_(pc.greater_equal(size, _PLAIN_FROM), pc.less(size, _PLAIN_BELOW))
    )
    if not pc.all(plain).as_py() and len(array) > array.null_count:
        text = _printer(array.type)
        return pa.array([None if v is None else text(v) for v in array.to_pylist()], pa.string())
    digits = array.cast(pa.string())
    whole = pc.invert(pc.match_substring(digits, "."))
    return pc.if_else(whole, pc.binary_join_element_wise(digits, ".0", ""), digits)


def _printed_timestamps(array: pa.Array, exact: bool) -> pa.Array:
    """Milliseconds, unless a value has more digits; none for a type that has none.

    DuckDB knows one precision, microseconds, for what is timestamp(3) and timestamp(6) in Athena.
    """
    if exact:
        return array.cast(pa.timestamp("us")).cast(pa.string())
    if array.type.unit in ("s", "ms"):
        return array.cast(pa.string())
    micros = array.cast(pa.timestamp("us"), safe=False)
    count = micros.cast(pa.int64())
    exact = pc.equal(pc.subtract(count, pc.multiply(pc.divide(count, _MICROS), _MICROS)), 0)
    short = pc.utf8_slice_codeunits(micros.cast(pa.string()), 0, len("2026-01-01 12:00:00.000"))
    return pc.if_else(exact, short, micros.cast(pa.string()))


def java_double(value: float) -> str:
    """A double as Java's Double.toString prints it, such as ``1.0E10``."""
    return _java(value, repr(value))


def java_float(value: float) -> str:
    """A float (32 bits) as Java's Float.toString prints it."""
    return _java(value, str(pa.scalar(value, pa.float32()).cast(pa.string()).as_py()))


def _java(value: float, shortest: str) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Infinity" if value > 0 else "-Infinity"
    if value == 0 or _PLAIN_FROM <= abs(value) < _PLAIN_BELOW:
        text = format(Decimal(shortest), "f")
        return text if "." in text else text + ".0"
    sign, digits, exponent = Decimal(shortest).normalize().as_tuple()
    text = "".join(map(str, digits))
    assert isinstance(exponent, int)  # finite, as checked above
    power = exponent + len(text) - 1
    return f"{'-' if sign else ''}{text[0]}.{text[1:] or '0'}E{power}"


def _printer(kind: pa.DataType) -> Callable[[Any], str]:
    """The function that prints one value of a type, other than NULL."""
    if pa.types.is_float64(kind):
        return java_double
    if pa.types.is_float32(kind):
        return java_float
    if pa.types.is_boolean(kind):
        return lambda value: "true" if value else "false"
    if pa.types.is_decimal(kind):
        return lambda value: format(value, "f")
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return lambda value: value.hex(" ")
    if pa.types.is_timestamp(kind):
        return _print_timestamp
    if pa.types.is_time(kind):
        return lambda value: value.isoformat(timespec="milliseconds")
    if pa.types.is_duration(kind):
        return _print_duration
    if pa.types.is_interval(kind):
        return lambda value: (
            f"{value.months // 12}-{value.months % 12}"
            if value.months
            else (
                _print_duration(timedelta(days=value.days, microseconds=value.nanoseconds // 1000))
            )
        )
    if pa.types.is_map(kind):
        key, item = _printer(kind.key_type), _nullable(kind.item_type)
        return lambda value: "{" + ", ".join(f"{key(k)}={item(v)}" for k, v in value) + "}"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        element = _nullable(kind.value_type)
        return lambda value: "[" + ", ".join(map(element, value)) + "]"
    if pa.types.is_struct(kind):
        fields = [(field.name, _nullable(field.type)) for field in kind]
        return lambda value: (
            "{" + ", ".join(f"{name}={text(value[name])}" for name, text in fields) + "}"
        )
    return str


def _nullable(kind: pa.DataType) -> Callable[[Any], str]:
    text = _printer(kind)
    return lambda value: "null" if value is None else text(value)


def _print_microseconds(value: Any) -> str:
    return _print_timestamp(value, "microseconds")


def _print_timestamp(value: Any, digits: str | None = None) -> str:
    if digits is None:
        digits = "milliseconds" if value.microsecond % _MICROS == 0 else "microseconds"
    text = str(value.replace(tzinfo=None).isoformat(sep=" ", timespec=digits))
    return f"{text} {value.tzinfo}" if value.tzinfo else text


def _print_duration(value: timedelta) -> str:
    sign, value = ("-", -value) if value < timedelta(0) else ("", value)
    minutes, seconds = divmod(value.seconds, 60)
    clock = f"{minutes // 60:02}:{minutes % 60:02}:{seconds:02}.{value.microseconds // 1000:03}"
    return f"{sign}{value.days} {clock}"
