"""Which moments of a query have microseconds: Iceberg's have, Hive's have milliseconds.

DuckDB has one type for both, so that it is noted beside the types.
"""

from __future__ import annotations

from sqlglot import exp

#: Where a node keeps whether what it gives is a moment with microseconds.
PRECISE = "precise"
#: Where a query keeps that of each of its outputs.
PRECISE_OUTPUTS = "precise_outputs"


def is_precise(node: exp.Expr) -> bool:
    """Whether a moment that an expression gives has microseconds, as one that it is made of has."""
    known = node.meta.get(PRECISE)
    if known is not None:
        return bool(known)
    if isinstance(node, exp.Subquery):
        outputs = node.unnest().meta.get(PRECISE_OUTPUTS)
        return bool(outputs and outputs[0])
    return any(is_precise(child) for child in node.iter_expressions())


def precise_columns(tree: exp.Expr) -> list[bool]:
    """Which columns of a translated query are moments with microseconds."""
    return list(tree.unnest().meta.get(PRECISE_OUTPUTS, ()))
