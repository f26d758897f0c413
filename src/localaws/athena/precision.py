"""Which moments of a query have microseconds: Iceberg's have, Hive's have milliseconds.

DuckDB has one type for both, so that it is noted beside the types.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

#: Where a node keeps whether what it gives is a moment with microseconds.
PRECISE = "precise"
#: Where a query keeps that of each of its outputs.
PRECISE_OUTPUTS = "precise_outputs"
#: Functions whose moments have milliseconds, whatever they are made of.
MILLISECOND_FUNCTIONS = frozenset(
    {"date_parse", "from_iso8601_timestamp", "from_unixtime", "now", "parse_datetime"}
)
#: DuckDB's names of max_by and min_by: their second argument only decides which value is given.
_CHOOSING = ("arg_max_null", "arg_min_null")


def is_precise(node: exp.Expr) -> bool:
    """Whether a moment that an expression gives has microseconds, as one that it is made of has."""
    known = node.meta.get(PRECISE)
    if known is not None:
        return bool(known)
    if isinstance(node, exp.Subquery):
        outputs = node.unnest().meta.get(PRECISE_OUTPUTS)
        return bool(outputs and outputs[0])
    return any(map(is_precise, _sources(node)))


def _sources(node: exp.Expr) -> Iterable[exp.Expr]:
    """What the value of an expression can come from, other than what only decides about it."""
    match node:
        case exp.Case():
            default = node.args.get("default")
            branches = [branch.args["true"] for branch in node.args["ifs"]]
            return [*branches, default] if default is not None else branches
        case exp.If():
            return [part for part in (node.args["true"], node.args.get("false")) if part]
        case exp.Window() | exp.Filter():
            return [node.this]
        case exp.AnonymousAggFunc() if node.name.lower() in _CHOOSING:
            return node.expressions[:1]
    return node.iter_expressions()


def precise_columns(tree: exp.Expr) -> list[bool]:
    """Which columns of a translated query are moments with microseconds."""
    return list(tree.unnest().meta.get(PRECISE_OUTPUTS, ()))
