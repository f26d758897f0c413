"""Operators, where Trino's types or results differ from DuckDB's.

https://trino.io/docs/current/functions/decimal.html has the rules of decimal arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from sqlglot import exp

from localaws.athena.context import Context
from localaws.athena.dialect import position
from localaws.athena.duck import call, typed
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.types import as_decimal, decimal_shape, is_integer, is_number, trino_name

_MAX = 38
_SYMBOLS: dict[type[exp.Expr], str] = {
    exp.Add: "+", exp.Sub: "-", exp.Mul: "*", exp.Div: "/", exp.Mod: "%", exp.EQ: "=",
    exp.NEQ: "<>", exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.DPipe: "||",
}  # fmt: skip
#: sqlglot writes IGNORE NULLS where DuckDB wants it only for calls that it knows itself.
_NULL_IGNORING: dict[str, type[exp.Func]] = {
    "first_value": exp.FirstValue, "last_value": exp.LastValue, "nth_value": exp.NthValue,
    "lag": exp.Lag, "lead": exp.Lead,
}  # fmt: skip
_TEMPORAL = ("DATE", "TIMESTAMP", "TIMESTAMP WITH TIME ZONE", "TIME")


def arithmetic(node: exp.Expr, context: Context) -> exp.Expr:
    """``+``, ``-``, ``*``, ``/`` and ``%``."""
    left, right = node.this, node.expression
    one, other = context.types.of_all([left, right])
    if '"NULL"' in (one, other):
        return node
    if decimal_shape(one) or decimal_shape(other):
        shapes = as_decimal(one), as_decimal(other)
        if shapes[0] and shapes[1]:
            return _decimals(node, shapes[0], shapes[1])
    if is_number(one) and is_number(other):
        if isinstance(node, exp.Div):
            if is_integer(one) and is_integer(other):
                return exp.paren(exp.IntDiv(this=left, expression=right))
            return exp.paren(exp.Div(this=_double(left, one), expression=_double(right, other)))
        return exp.paren(node.copy())
    if isinstance(node, exp.Add | exp.Sub):
        return _with_times(node, one, other)
    if isinstance(node, exp.Mul) and "INTERVAL" in (one, other):
        return exp.paren(node.copy())
    raise _mismatch(node, one, other)


def _double(node: exp.Expr, kind: str) -> exp.Expr:
    return node if kind in ("DOUBLE", "FLOAT") else typed(node, "DOUBLE")


def _with_times(node: exp.Expr, one: str, other: str) -> exp.Expr:
    kinds = {one, other}
    if kinds == {"INTERVAL"}:
        return exp.paren(node.copy())
    if one in _TEMPORAL and one == other and isinstance(node, exp.Sub):
        # DuckDB counts days between dates, where Trino has an interval.
        difference = exp.paren(node.copy())
        return call("to_days", typed(difference, "INTEGER")) if one == "DATE" else difference
    moment = next((kind for kind in (one, other) if kind in _TEMPORAL), None)
    if "INTERVAL" in kinds and moment and (isinstance(node, exp.Add) or other == "INTERVAL"):
        return typed(exp.paren(node.copy()), moment)
    raise _mismatch(node, one, other)


def _decimals(node: exp.Expr, left: tuple[int, int], right: tuple[int, int]) -> exp.Expr:
    (p1, s1), (p2, s2) = left, right
    match node:
        case exp.Mul():
            shape = min(_MAX, p1 + p2), s1 + s2
        case exp.Div():
            return _quotient(node, left, right)
        case exp.Mod():
            shape = min(p2 - s2, p1 - s1) + max(s1, s2), max(s1, s2)
        case _:
            shape = min(_MAX, 1 + max(p1 - s1, p2 - s2) + max(s1, s2)), max(s1, s2)
    if shape[1] > _MAX:
        raise QueryFailed(
            f"NUMERIC_VALUE_OUT_OF_RANGE: scale {shape[1]} of {node.sql('trino')} is over {_MAX}"
        )
    wide = shape[0] if not isinstance(node, exp.Mod) else max(p1, p2)
    # DuckDB stays within 18 digits as long as both operands do, and then overflows.
    first = max(p1, 19) if wide > 18 and isinstance(node, exp.Mul) else p1
    if not isinstance(node, exp.Mul) and wide > 18:
        first = min(_MAX, max(19, p1))
    operation = type(node)(
        this=typed(node.this, _decimal(first, s1)),
        expression=typed(node.expression, _decimal(p2, s2)),
    )
    return typed(exp.paren(operation), _decimal(*shape))


def _quotient(node: exp.Expr, left: tuple[int, int], right: tuple[int, int]) -> exp.Expr:
    """DuckDB divides decimals as doubles; Trino rounds the exact quotient half up."""
    (p1, s1), (_, s2) = left, right
    scale = max(s1, s2)
    precision = min(_MAX, p1 + s2 + max(s2 - s1, 0))
    return quotient(node.this, s1, node.expression, s2, precision, scale)


def quotient(
    numerator: exp.Expr,
    numerator_scale: int,
    denominator: exp.Expr,
    denominator_scale: int,
    precision: int,
    scale: int,
) -> exp.Expr:
    """The exact quotient of two decimals, rounded half up to ``decimal(precision, scale)``."""
    over = _whole(numerator, numerator_scale, scale + denominator_scale)
    under = _whole(denominator, denominator_scale, denominator_scale)
    rounded = call("trino_divide", over, under)
    unit = typed(
        exp.Literal.string("1" if scale == 0 else f"0.{'1':0>{scale}}"),
        _decimal(max(scale, 1), scale),
    )
    return typed(exp.paren(exp.Mul(this=rounded, expression=unit)), _decimal(precision, scale))


def _whole(node: exp.Expr, scale: int, power: int) -> exp.Expr:
    """A decimal times a power of ten, which makes it whole."""
    factor = typed(exp.Literal.string("1" + "0" * power), _decimal(power + 1, 0))
    wide = typed(node, _decimal(_MAX, scale))
    return typed(exp.paren(exp.Mul(this=wide, expression=factor)), "HUGEINT")


def _decimal(precision: int, scale: int) -> str:
    return f"DECIMAL({precision},{scale})"


def comparison(node: exp.Expr, context: Context) -> exp.Expr:
    """Trino compares nothing with what is of another kind."""
    _check_comparable(node, [node.this, node.expression], context)
    return node


def membership(node: exp.Expr, context: Context) -> exp.Expr:
    """``IN`` with a list, and ``BETWEEN``."""
    others = node.expressions if isinstance(node, exp.In) else [node.args["low"], node.args["high"]]
    _check_comparable(node, [node.this, *others], context)
    return node


def _check_comparable(node: exp.Expr, parts: list[exp.Expr], context: Context) -> None:
    """Refuse a comparison of a text with a number and the like, which DuckDB would cast."""
    if any(isinstance(part, exp.Tuple | exp.All | exp.Any) for part in parts):
        return
    one, *others = context.types.of_all(parts)
    for other in others:
        if not _alike(one, other):
            raise _mismatch(node, one, other)
        if one != other and "TIMESTAMP" in (one, other) and node.find(exp.AtTimeZone):
            raise not_emulated("comparing a time in a zone other than UTC with an instant")


def case(node: exp.Expr, context: Context) -> exp.Expr:
    """``CASE`` and ``if()``: all results are of one kind."""
    if isinstance(node, exp.If):
        results = [node.args["true"], node.args.get("false")]
        if isinstance(node.parent, exp.Case):
            return node
    else:
        results = [*(branch.args["true"] for branch in node.args["ifs"]), node.args.get("default")]
        if node.this is not None:
            _check_comparable(node, [node.this, *(b.this for b in node.args["ifs"])], context)
    check_alike([result for result in results if result is not None], "CASE", context)
    return node


def check_alike(values: Sequence[exp.Expr], what: str, context: Context) -> None:
    """Refuse values of several kinds where one is to be chosen."""
    kinds = [kind for kind in context.types.of_all(values) if kind != '"NULL"']
    for other in kinds[1:]:
        if not _alike(kinds[0], other):
            raise QueryFailed(
                f"TYPE_MISMATCH: {position(values[0])}: All {what} results must be the same type "
                f"or coercible to a common type: {trino_name(kinds[0])}, {trino_name(other)}"
            )


def _alike(one: str, other: str) -> bool:
    """Whether Trino finds a common type for two."""
    return '"NULL"' in (one, other) or _family(one) == _family(other)


def _family(kind: str) -> str:
    if is_number(kind):
        return "number"
    if kind in _TEMPORAL:
        return "TIME" if kind == "TIME" else "moment"
    # The elements of arrays, rows and maps are DuckDB's affair.
    return "nested" if kind.endswith("]") else kind.partition("(")[0].replace("TUPLE", "STRUCT")


def concatenation(node: exp.Expr, context: Context) -> exp.Expr:
    """``||``: of texts, arrays or bytes, never of anything that must be turned into a text."""
    one, other = context.types.of_all([node.this, node.expression])
    if one == other or one.endswith("[]") or other.endswith("[]") or '"NULL"' in (one, other):
        return exp.paren(node.copy())
    raise _mismatch(node, one, other)


def subscript(node: exp.Expr, context: Context) -> exp.Expr:
    """``array[1]`` and ``map[key]`` fail where there is nothing, other than element_at."""
    (index,) = node.expressions
    kind = context.type_of(node.this)
    if kind.endswith("[]"):
        return call("trino_subscript", node.this, index)
    if kind.startswith("MAP("):
        return call("trino_map_subscript", node.this, index)
    raise not_emulated(f"the subscript of a {kind.lower()}")


def fetch(node: exp.Expr, context: Context) -> exp.Expr:
    """``FETCH FIRST n ROWS ONLY``."""
    del context
    options = node.args.get("limit_options")
    if options is not None and (options.args.get("with_ties") or options.args.get("percent")):
        raise not_emulated(f"FETCH {options.sql(dialect='trino').strip()}")
    return exp.Limit(expression=node.args.get("count") or exp.Literal.number(1))


def distinct(node: exp.Expr, context: Context) -> exp.Expr:
    """``DISTINCT``, which has no ON."""
    del context
    if node.args.get("on"):
        raise QueryFailed(f"{position(node)}: mismatched input 'ON'")
    return node


def ignore_nulls(node: exp.Expr, context: Context) -> exp.Expr:
    """``lag(x) IGNORE NULLS``: DuckDB wants it among the arguments."""
    del context
    function = node.this
    known = _NULL_IGNORING.get(function.name.lower())
    if known is None:
        raise not_emulated(node.sql(dialect="trino"))
    return exp.IgnoreNulls(this=known.from_arg_list(function.expressions))


def _mismatch(node: exp.Expr, one: str, other: str) -> QueryFailed:
    symbol = _SYMBOLS.get(type(node), node.key.upper())
    return QueryFailed(
        f"TYPE_MISMATCH: {position(node)}: Cannot apply operator: "
        f"{trino_name(one)} {symbol} {trino_name(other)}"
    )


Rule = Callable[[exp.Expr, Context], exp.Expr]
RULES: dict[type[exp.Expr], Rule] = {
    **dict.fromkeys((exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod), arithmetic),
    **dict.fromkeys((exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE), comparison),
    exp.In: membership,
    exp.Between: membership,
    exp.Case: case,
    exp.If: case,
    exp.DPipe: concatenation,
    exp.Bracket: subscript,
    exp.Distinct: distinct,
    exp.Fetch: fetch,
    exp.IgnoreNulls: ignore_nulls,
}
