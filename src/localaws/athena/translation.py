"""Turns a bound query into one that DuckDB answers as Trino would."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import duckdb
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope, walk_in_scope

from localaws.athena import aggregates, casts, functions, operators, unnesting
from localaws.athena.binding import BoundQuery
from localaws.athena.context import Context
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.inference import Inference
from localaws.athena.precision import MILLISECOND_FUNCTIONS, PRECISE, is_precise
from localaws.athena.types import is_number

Rule = Callable[[exp.Expr, Context], exp.Expr]

#: What each kind of node becomes; those that mean the same to both sides aren't here.
_RULES: dict[type[exp.Expr], Rule] = {
    **operators.RULES,
    **casts.RULES,
    **functions.RULES,
}
#: What means the same to Trino and to DuckDB.
_SAME: tuple[type[exp.Expr], ...] = (
    exp.Alias, exp.All, exp.And, exp.Any, exp.Array, exp.Between, exp.Boolean,
    exp.Coalesce, exp.Column, exp.CTE, exp.Cube, exp.DataType, exp.DataTypeParam,
    exp.Dot, exp.Except, exp.Exists, exp.Filter, exp.From, exp.Group, exp.GroupingSets,
    exp.Having, exp.Identifier, exp.IgnoreNulls, exp.In, exp.Intersect, exp.Is, exp.Join,
    exp.Lambda, exp.Lateral, exp.Like, exp.Limit, exp.LimitOptions, exp.Literal, exp.Neg, exp.Not,
    exp.Null, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Offset, exp.Or, exp.Order, exp.Ordered,
    exp.Paren, exp.Rollup, exp.Select, exp.Star, exp.Subquery, exp.Table, exp.TableAlias,
    exp.Tuple, exp.Union, exp.Values, exp.Var, exp.Where, exp.Window, exp.WindowSpec, exp.With,
    exp.RespectNulls, exp.Escape, exp.ColumnDef,
)  # fmt: skip


def translate(
    query: BoundQuery,
    connection: duckdb.DuckDBPyConnection,
    cache: dict[str, str],
    now: datetime,
) -> exp.Expr:
    """Rewrite a bound query, in place, for DuckDB.

    Args:
        cache: DuckDB's answers about types, kept from query to query.
        now: the time of the query, which current_timestamp and its like give.

    Returns:
        The tree; tables are still called by the names of their scans.

    Raises:
        QueryFailed: for what doesn't make sense, or isn't emulated.
    """
    context = Context(Inference(connection, cache), now.astimezone(UTC), _translate)
    root = query.tree
    for scope in traverse_scope(root):
        context.types.annotate(scope)
        _translate_scope(scope, context)
        _conclude(scope, context)
    return root


def _translate_scope(scope: Scope, context: Context) -> None:
    _translate(scope.expression, context)


def _translate(root: exp.Expr, context: Context) -> None:
    """Translate what stands below a node, but for lambdas and VALUES: they have their turn."""
    nodes = list(walk_in_scope(root, prune=_is_elsewhere(root)))
    # Children stand behind their parents in this order, so that they are translated first.
    for node in reversed(nodes):
        if isinstance(node, exp.Unnest) or (node is root and isinstance(node, exp.Lambda)):
            continue
        rule = _RULES.get(type(node))
        short = isinstance(node, exp.Anonymous) and node.name.lower() in MILLISECOND_FUNCTIONS
        if rule is not None:
            replacement = rule(node, context)
            if replacement is not node:
                node.replace(replacement)
            node = replacement
            if short:
                node.meta[PRECISE] = False
        elif not isinstance(node, _SAME):
            raise not_emulated(node.sql(dialect="trino"))
        enclosed = aggregates.enclose(node)
        if enclosed is not node:
            node.replace(enclosed)


def _is_elsewhere(root: exp.Expr) -> Callable[[exp.Expr], bool]:
    """Whether what stands below a node is translated by somebody else."""
    return lambda node: isinstance(node, exp.Lambda | exp.Values) and node is not root


def _conclude(scope: Scope, context: Context) -> None:
    expression = scope.expression
    types = context.types
    match expression:
        case exp.Unnest():
            names, found = unnesting.conclude(expression, context)
            types.conclude(scope, names, found)
        case exp.Lateral():
            inner = scope.subquery_scopes[-1]
            outputs = types.outputs(inner)
            names = [column.name for column in expression.args["alias"].columns]
            precise = types.precise_outputs(inner)
            types.conclude(scope, names or list(outputs), list(outputs.values()), precise)
        case exp.Values():
            names = [column.name for column in expression.args["alias"].columns]
            rows = [
                row.expressions if isinstance(row, exp.Tuple) else [row]
                for row in expression.expressions
            ]
            found = [_common(column, context) for column in zip(*rows, strict=True)]
            types.conclude(scope, names, found)
        case exp.SetOperation():
            left, right = (types.outputs(side) for side in scope.set_operation_scopes)
            pairs = zip(left.values(), right.values(), strict=False)
            found = [
                _unite(index, one, other, context) for index, (one, other) in enumerate(pairs, 1)
            ]
            sides = map(types.precise_outputs, scope.set_operation_scopes)
            types.conclude(scope, list(left), found, list(map(any, zip(*sides, strict=False))))
        case exp.Select():
            found = types.of_all(expression.selects)
            moments = zip(expression.selects, found, strict=True)
            types.conclude(
                scope,
                [projection.alias_or_name for projection in expression.selects],
                found,
                [kind.startswith("TIMESTAMP") and is_precise(node) for node, kind in moments],
            )


def _common(values: tuple[exp.Expr, ...], context: Context) -> str:
    """The type of a column of VALUES."""
    if len(values) == 1:
        return context.types.of(values[0])
    first, *others = (value.copy() for value in values)
    return context.types.of(exp.Coalesce(this=first, expressions=others))


def _unite(index: int, left: str, right: str, context: Context) -> str:
    if left == right:
        return left
    if '"NULL"' not in (left, right) and is_number(left) != is_number(right):
        raise QueryFailed(
            f"TYPE_MISMATCH: column {index} in UNION query has incompatible types: "
            f"{left.lower()}, {right.lower()}"
        )
    return context.types.common(left, right)
