"""Athena's SQL as a syntax tree.

sqlglot parses it, as a dialect of Trino in which every function call stays what it is: a name and
its arguments. What a function means is decided in `functions`, which knows each supported one, so
that nothing is translated by resemblance.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, ClassVar

import sqlglot
from sqlglot import exp
from sqlglot.dialects.trino import Trino
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import TokenType

from localaws.athena.failures import QueryFailed

#: Functions that turn many rows into one.
AGGREGATES = frozenset(
    {
        "any_value", "approx_distinct", "approx_percentile", "arbitrary", "array_agg", "avg",
        "bitwise_and_agg", "bitwise_or_agg", "bool_and", "bool_or", "checksum", "corr", "count",
        "count_if", "covar_pop", "covar_samp", "every", "geometric_mean", "histogram",
        "listagg", "map_agg", "max", "max_by", "min", "min_by", "regr_intercept", "regr_slope",
        "stddev", "stddev_pop", "stddev_samp", "sum", "var_pop", "var_samp", "variance",
    }
)  # fmt: skip
#: Functions whose arguments have a syntax of their own.
_OWN_SYNTAX = ("EXTRACT", "LISTAGG", "POSITION", "SUBSTRING", "TRIM")
#: Columns that every table has and that no star shows.
HIDDEN_COLUMNS = {
    "$path": "VARCHAR",
    "$file_size": "BIGINT",
    "$file_modified_time": "TIMESTAMP WITH TIME ZONE",
}


#: Marks a CAST that is written as such, other than the literal ``DECIMAL '1.5'``.
EXPLICIT = "explicit"


def _parse_explicit_cast(parser: Any, *, safe: bool) -> exp.Expr:
    node: exp.Expr = parser._parse_cast(not safe, safe=safe)
    node.meta[EXPLICIT] = True
    return node


class AthenaParser(TrinoParser):
    """Keeps the names of functions."""

    FUNCTIONS: ClassVar[dict[str, Any]] = {}
    FUNCTION_PARSERS: ClassVar[dict[str, Any]] = {
        **{name: TrinoParser.FUNCTION_PARSERS[name] for name in _OWN_SYNTAX},
        "CAST": lambda self: _parse_explicit_cast(self, safe=False),
        "TRY_CAST": lambda self: _parse_explicit_cast(self, safe=True),
    }


class AthenaQueries(Trino):
    """Trino's syntax, functions left untouched."""

    #: Subscripts stay as they are written.
    INDEX_OFFSET = 0
    PSEUDOCOLUMNS = {name.upper() for name in HIDDEN_COLUMNS}  # noqa: RUF012 - sqlglot's own
    EXCLUDES_PSEUDOCOLUMNS_FROM_STAR = True
    Parser = AthenaParser


_DIALECT = AthenaQueries()


def parse(sql: str) -> exp.Expr:
    """Parse one statement into a tree of the caller's own.

    Raises:
        QueryFailed: with line and column of what isn't Athena's SQL.
    """
    return parsed(sql).copy()


# Views are parsed for each query of them, and the same queries come again and again; to copy a
# tree costs a fraction of making it.
@lru_cache(maxsize=128)
def parsed(sql: str) -> exp.Expr:
    """The tree of a statement as `parse` has it, for those who leave it as it is."""
    try:
        found = [tree for tree in _DIALECT.parse(sql) if tree is not None]
    except (sqlglot.errors.ParseError, sqlglot.errors.TokenError) as error:
        raise _syntax_error(error) from error
    if len(found) != 1:
        raise QueryFailed("line 1:1: Only one sql statement is allowed")
    tree: exp.Expr = found[0]
    for call in list(tree.find_all(exp.Anonymous)):
        if call.name.lower() in AGGREGATES:
            call.replace(exp.AnonymousAggFunc(this=call.this, expressions=call.expressions))
    return tree


def _syntax_error(error: sqlglot.errors.ParseError | sqlglot.errors.TokenError) -> QueryFailed:
    details = getattr(error, "errors", None)
    if not details:
        return QueryFailed(f"line 1:1: {error}")
    first = details[0]
    text = first.get("highlight") or ""
    # sqlglot counts the column of a token's last character, Athena that of its first.
    column = max(1, (first.get("col") or 1) - len(text) + 1)
    reason = str(first.get("description") or "").rstrip(".")
    return QueryFailed(
        f"line {first.get('line') or 1}:{column}: mismatched input '{text}': {reason}"
    )


def bind_parameters(sql: str, parameters: Sequence[str]) -> str:
    """Put ExecutionParameters, which are SQL literals, in the place of the question marks.

    Raises:
        QueryFailed: for a wrong number of parameters, or one that is more than a literal.
    """
    if not parameters and "?" not in sql:
        return sql
    try:
        marks = [t for t in _DIALECT.tokenize(sql) if t.token_type == TokenType.PLACEHOLDER]
    except sqlglot.errors.TokenError as error:
        raise _syntax_error(error) from error
    if len(marks) != len(parameters):
        raise QueryFailed(
            "INVALID_PARAMETER_USAGE: line 1:1: Incorrect number of parameters: "
            f"expected {len(marks)} but found {len(parameters)}"
        )
    for mark, parameter in reversed(list(zip(marks, parameters, strict=True))):
        if not _is_literal(parameter):
            raise QueryFailed(f"SYNTAX_ERROR: the parameter is not a literal: {parameter}")
        sql = f"{sql[: mark.start]}{parameter}{sql[mark.end + 1 :]}"
    return sql


def _is_literal(text: str) -> bool:
    try:
        value = parse(f"SELECT {text}")
    except QueryFailed:
        return False
    if not isinstance(value, exp.Select) or len(value.selects) != 1 or value.args.get("from_"):
        return False
    allowed = (exp.Literal, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Neg, exp.Boolean)
    return all(
        isinstance(node, (*allowed, exp.Null, exp.Interval, exp.Var))
        for node in value.selects[0].walk()
    )


def position(node: exp.Expr) -> str:
    """Where an expression's first name stands in the query, as messages say it: ``line 1:8``."""
    places = [
        # sqlglot counts to the last character of a name, and leaves its quotes out.
        (line, max(1, end - len(name.name) - (2 if name.args.get("quoted") else 0) + 1))
        for name in node.find_all(exp.Identifier)
        if (line := name.meta_get("line")) and (end := name.meta_get("col"))
    ]
    line, column = min(places, default=(1, 1))
    return f"line {line}:{column}"
