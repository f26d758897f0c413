"""Aggregate functions, alone and over windows.

https://trino.io/docs/current/functions/aggregate.html
"""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from localaws.athena.context import Context
from localaws.athena.duck import call as scalar
from localaws.athena.duck import typed
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.operators import quotient
from localaws.athena.types import decimal_shape, is_integer, is_number, trino_name

#: Aggregates that are the same but for their name.
_RENAMED = {
    "any_value": "any_value", "arbitrary": "any_value", "array_agg": "array_agg",
    "bitwise_and_agg": "bit_and", "bitwise_or_agg": "bit_or", "bool_and": "bool_and",
    "bool_or": "bool_or", "every": "bool_and", "corr": "corr", "covar_pop": "covar_pop",
    "covar_samp": "covar_samp", "max": "max", "min": "min",
    "max_by": "arg_max_null", "min_by": "arg_min_null", "regr_slope": "regr_slope",
    "regr_intercept": "regr_intercept", "stddev": "stddev_samp",
    "stddev_pop": "stddev_pop", "stddev_samp": "stddev_samp", "var_pop": "var_pop",
    "var_samp": "var_samp", "variance": "var_samp",
}  # fmt: skip
#: A node's mark: what is to be put around it, its FILTER and its OVER included.
_AROUND = "around"
#: What may stand around a call before it is complete.
_WRAPPERS = (exp.Filter, exp.Window, exp.WithinGroup, exp.IgnoreNulls, exp.RespectNulls)
Around = Callable[[exp.Expr], exp.Expr]


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of an aggregate of DuckDB, still to be known as one."""
    return exp.AnonymousAggFunc(this=name, expressions=list(arguments))


def aggregate(node: exp.Expr, context: Context) -> exp.Expr:
    """A call of an aggregate function."""
    name = node.name.lower()
    arguments = node.expressions
    match name:
        case "count":
            return _count(arguments)
        case "count_if":
            zero = exp.Literal.number(0)
            return complete(
                call("count_if", *arguments),
                lambda whole: typed(scalar("coalesce", whole, zero), "BIGINT"),
            )
        case "checksum" if len(arguments) == 1:
            return _checksum(arguments[0])
        case "approx_distinct":
            distinct = exp.Distinct(expressions=[arguments[0]])
            return call("count", distinct)
        case "sum":
            return _sum(arguments, context)
        case "avg":
            return _avg(arguments, context)
        case "approx_percentile" if len(arguments) == 2:
            kind = context.type_of(arguments[0])
            return complete(call("quantile_disc", *arguments), lambda whole: typed(whole, kind))
        case "histogram":
            kind = context.type_of(arguments[0])
            return complete(
                call("histogram", *arguments), lambda whole: typed(whole, f"MAP({kind}, BIGINT)")
            )
        case "geometric_mean":
            return call("geomean", *arguments)
        case "max" | "min" if len(arguments) > 1:
            return call(name, *arguments)
    if name not in _RENAMED:
        raise not_emulated(f"the function {name}")
    return call(_RENAMED[name], *arguments)


def _count(arguments: list[exp.Expr]) -> exp.Expr:
    return call("count", *(arguments or [exp.Star()]))


def _checksum(argument: exp.Expr) -> exp.Expr:
    """The sum of the values' hashes, which has no order; Trino's is one of other hashes."""
    distinct = isinstance(argument, exp.Distinct)
    hashed = scalar("hash", argument.expressions[0] if distinct else argument)
    total = call("sum", exp.Distinct(expressions=[hashed]) if distinct else hashed)
    return complete(total, lambda whole: scalar("trino_checksum_bytes", whole))


def _operand(arguments: list[exp.Expr]) -> exp.Expr:
    (argument,) = arguments
    if isinstance(argument, exp.Distinct):
        (argument,) = argument.expressions
    return argument


def _check_number(name: str, kind: str) -> None:
    if not is_number(kind) and kind not in ("INTERVAL", '"NULL"'):
        raise QueryFailed(
            f"FUNCTION_NOT_FOUND: Unexpected parameters ({trino_name(kind)}) for function {name}"
        )


def _sum(arguments: list[exp.Expr], context: Context) -> exp.Expr:
    kind = context.type_of(_operand(arguments))
    _check_number("sum", kind)
    total = call("sum", *arguments)
    if is_integer(kind):
        # DuckDB's sum is wider; Trino's overflows, and so does the cast.
        return complete(total, lambda whole: typed(whole, "BIGINT"))
    if shape := decimal_shape(kind):
        return complete(total, lambda whole: typed(whole, f"DECIMAL(38,{shape[1]})"))
    if kind == "FLOAT":
        return complete(total, lambda whole: typed(whole, "FLOAT"))
    return total


def _avg(arguments: list[exp.Expr], context: Context) -> exp.Expr:
    kind = context.type_of(_operand(arguments))
    _check_number("avg", kind)
    shape = decimal_shape(kind)
    if shape is None:
        mean = call("avg", *arguments)
        return complete(mean, lambda whole: typed(whole, "FLOAT")) if kind == "FLOAT" else mean

    def divide(total: exp.Expr) -> exp.Expr:
        count = total.copy()
        function = count.find(exp.AnonymousAggFunc)
        if function is None:
            raise not_emulated(total.sql(dialect="trino"))
        function.set("this", "count")
        return quotient(total, shape[1], scalar("nullif", count, exp.Literal.number(0)), 0, *shape)

    return complete(call("sum", *arguments), divide)


def listagg(node: exp.Expr, context: Context) -> exp.Expr:
    """``LISTAGG(value, separator) WITHIN GROUP (ORDER BY …)``."""
    del context
    separator = node.args.get("separator") or exp.Literal.string("")
    if not isinstance(node.this, exp.Order):
        return call("string_agg", node.this, separator)
    order = exp.Order(this=separator, expressions=node.this.expressions)
    return call("string_agg", node.this.this, order)


def complete(function: exp.Expr, around: Around) -> exp.Expr:
    """Mark a call: what goes around it must go around its FILTER and OVER too."""
    function.meta[_AROUND] = around
    return function


def enclose(node: exp.Expr) -> exp.Expr:
    """Put around an aggregate what it is marked with, as soon as it is complete."""
    mark = node.meta.get(_AROUND)
    if mark is None:
        return node
    if isinstance(node.parent, _WRAPPERS) and node.arg_key == "this":
        node.parent.meta[_AROUND] = node.meta.pop(_AROUND)
        return node
    del node.meta[_AROUND]
    enclosed: exp.Expr = mark(node.copy())
    return enclosed
