"""CAST and TRY_CAST, typed literals, and what the clock gives.

https://trino.io/docs/current/functions/conversion.html
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from localaws.athena.context import Context
from localaws.athena.dialect import EXPLICIT
from localaws.athena.duck import call, typed
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.precision import PRECISE, is_precise
from localaws.athena.types import decimal_shape, is_integer, spell, trino_name

_WHOLE = r"\s*[+-]?[0-9]+\s*"
_MOMENT = r"\s*[0-9]+-[0-9]+-[0-9]+( [0-9]+:[0-9]+(:[0-9]+(\.[0-9]+)?)?)?\s*"
_DAY = r"\s*[0-9]+-[0-9]+-[0-9]+\s*"
#: A timestamp's text has milliseconds, unless it is one of an Iceberg table's.
_MILLISECOND_DIGITS = 3
_MILLISECONDS, _MICROSECONDS = "%Y-%m-%d %H:%M:%S.%g", "%Y-%m-%d %H:%M:%S.%f"


def cast(node: exp.Expr, context: Context) -> exp.Expr:
    """CAST(value AS type) and TRY_CAST."""
    assert isinstance(node, exp.Cast)
    target = _target(node)
    source = context.type_of(node.this)
    value = converted(node.this, source, target)
    if target == "VARCHAR" and node.to.expressions:
        length = exp.Literal.number(node.to.expressions[0].name)
        value = call("left", typed(value, "VARCHAR"), length)
        if node.to.this == exp.DataType.Type.CHAR:
            value = call("rpad", value, length.copy(), exp.Literal.string(" "))
    result = typed(value, target)
    if isinstance(node, exp.TryCast):
        result = exp.TryCast(**result.args)
    if target.startswith("TIMESTAMP"):
        result.meta[PRECISE] = _digits(node) > _MILLISECOND_DIGITS
    return result


def _digits(node: exp.Cast) -> int:
    """The digits of a second's fraction that a moment of a type, or a literal, has."""
    if not node.meta.get(EXPLICIT) and isinstance(node.this, exp.Literal):
        fraction = node.this.name.partition(".")[2]
        return len(fraction) - len(fraction.lstrip("0123456789"))
    return int(node.to.expressions[0].name) if node.to.expressions else _MILLISECOND_DIGITS


def _target(node: exp.Cast) -> str:
    to = node.to
    if to.this == exp.DataType.Type.DECIMAL and not to.expressions:
        if isinstance(node.this, exp.Literal) and not node.meta.get(EXPLICIT):
            whole, _, fraction = node.this.name.strip().lstrip("+-").partition(".")
            digits = len(whole.lstrip("0")) + len(fraction)
            return f"DECIMAL({max(digits, 1)},{len(fraction)})"
        return "DECIMAL(38,0)"
    text = node.this.name if isinstance(node.this, exp.Literal) else ""
    if to.this == exp.DataType.Type.TIMESTAMP and not node.meta.get(EXPLICIT):
        # TIMESTAMP '2020-01-01 00:00:00 UTC' has a zone because its text has one.
        time = text.partition(" ")[2]
        if time.strip("0123456789:. "):
            return "TIMESTAMP WITH TIME ZONE"
    return spell(to)


def converted(value: exp.Expr, source: str, target: str) -> exp.Expr:
    """The value, made such that DuckDB's own cast to the target gives what Trino's gives.

    What can't be cast is made into something that DuckDB can't cast either, so that CAST fails
    and TRY_CAST gives NULL.
    """
    if source == target or source == '"NULL"':
        return value
    if source == "JSON" and not target.endswith("]") and "(" not in target.replace("DECIMAL(", ""):
        return value if target == "JSON" else call("trino_json_scalar", value)
    if target == "JSON":
        return call("to_json", value)
    if source == "VARCHAR":
        return _from_text(value, target)
    if source in ("DOUBLE", "FLOAT"):
        if is_integer(target):
            half = exp.Literal.number("0.5")
            return call("floor", exp.Add(this=value, expression=typed(half, "DOUBLE")))
        if decimal_shape(target):
            # By its shortest text, as Java's BigDecimal.valueOf has it: 1.005 is not 1.00499….
            return typed(value, "VARCHAR")
        if target == "VARCHAR":
            return call("trino_double_text", value)
    if target == "VARCHAR":
        if source.endswith("]") or source.startswith(("STRUCT", "MAP", "TUPLE", "BLOB")):
            raise QueryFailed(f"TYPE_MISMATCH: Cannot cast {trino_name(source)} to varchar")
        if source.startswith("TIMESTAMP"):
            shown = _MICROSECONDS if is_precise(value) else _MILLISECONDS
            zone = "" if source == "TIMESTAMP" else " UTC"
            return call("strftime", value, exp.Literal.string(f"{shown}{zone}"))
    return value


def _from_text(value: exp.Expr, target: str) -> exp.Expr:
    pattern = {"TIMESTAMP": _MOMENT, "DATE": _DAY}.get(target)
    if is_integer(target):
        pattern = _WHOLE
    if pattern is None:
        return value
    return call("trino_only_if", value, exp.Literal.string(pattern))


def at_time_zone(node: exp.Expr, context: Context) -> exp.Expr:
    """``AT TIME ZONE``: the same instant, shown on another clock."""
    zone = node.args["zone"]
    kind = context.type_of(node.this)
    if kind not in ("TIMESTAMP", "TIMESTAMP WITH TIME ZONE"):
        raise QueryFailed(f"TYPE_MISMATCH: Type of value must be a time or timestamp, not {kind}")
    instant = typed(node.this, "TIMESTAMP WITH TIME ZONE")
    if isinstance(zone, exp.Literal) and zone.name.upper() in ("UTC", "GMT", "Z"):
        return instant
    return exp.paren(exp.AtTimeZone(this=instant, zone=zone))


def interval(node: exp.Expr, context: Context) -> exp.Expr:
    """INTERVAL literals of one unit."""
    del context
    if not isinstance(node.args.get("unit"), exp.Var):
        raise not_emulated(node.sql(dialect="trino"))
    return node


def _today(node: exp.Expr, context: Context) -> exp.Expr:
    del node
    return typed(exp.Literal.string(context.now.date().isoformat()), "DATE")


def now(node: exp.Expr, context: Context) -> exp.Expr:
    """current_timestamp and now(): the same throughout a query, to the millisecond."""
    del node
    text = context.now.isoformat(" ", "milliseconds")
    return typed(exp.Literal.string(text), "TIMESTAMP WITH TIME ZONE")


def _local_now(node: exp.Expr, context: Context) -> exp.Expr:
    del node
    text = context.now.replace(tzinfo=None).isoformat(" ", "milliseconds")
    return typed(exp.Literal.string(text), "TIMESTAMP")


Rule = Callable[[exp.Expr, Context], exp.Expr]
RULES: dict[type[exp.Expr], Rule] = {
    exp.Cast: cast,
    exp.TryCast: cast,
    exp.AtTimeZone: at_time_zone,
    exp.CurrentDate: _today,
    exp.CurrentTimestamp: now,
    exp.Localtimestamp: _local_now,
    exp.Interval: interval,
}
