"""Which type an expression has: DuckDB is asked, which binds the functions we translate to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import duckdb
from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from localaws.athena.binding import COLUMNS, no_such_column
from localaws.athena.duck import failure, quoted, typed
from localaws.athena.precision import PRECISE, PRECISE_OUTPUTS

_TYPE = "duckdb_type"
_TYPES = "duckdb_types"
_TYPED = (exp.Column, exp.Subquery, exp.Identifier)


class Inference:
    """Infers the types of the expressions of one query, scope by scope, sources first.

    Args:
        cache: answers of DuckDB by question, kept from query to query: they depend on nothing else.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, cache: dict[str, str]) -> None:
        self._connection = connection
        self._cache = cache
        self._outputs: dict[int, dict[str, str]] = {}
        self._precise: dict[int, dict[str, bool]] = {}

    def annotate(self, scope: Scope) -> None:
        """Give each column of a scope its type; the scope's sources must have been concluded."""
        for column in scope.find_all(exp.Column):
            column.meta[_TYPE], column.meta[PRECISE] = self._described(column, scope)

    def note(self, node: exp.Expr, duckdb_type: str) -> None:
        """Give a node its type."""
        node.meta[_TYPE] = duckdb_type

    def common(self, one: str, other: str) -> str:
        """The type that takes the values of both."""
        values = typed(exp.Null(), one), typed(exp.Null(), other)
        return self.of(exp.Coalesce(this=values[0], expressions=[values[1]]))

    def _described(self, column: exp.Column, scope: Scope | None) -> tuple[str, bool]:
        while scope is not None:
            source = scope.sources.get(column.table)
            if isinstance(source, exp.Table) and column.name in source.meta[COLUMNS]:
                precise = column.name in source.meta.get(PRECISE, ())
                return str(source.meta[COLUMNS][column.name]), precise
            if isinstance(source, Scope) and column.name in self._outputs.get(id(source), {}):
                precise = self._precise[id(source)].get(column.name, False)
                return self._outputs[id(source)][column.name], precise
            scope = scope.parent
        raise no_such_column(column)

    def conclude(
        self,
        scope: Scope,
        names: Sequence[str],
        types: Sequence[str],
        precise: Sequence[bool] = (),
    ) -> None:
        """Note the outputs of a scope, for those that select from it."""
        self._outputs[id(scope)] = dict(zip(names, types, strict=False))
        self._precise[id(scope)] = dict(zip(names, precise, strict=False))
        scope.expression.meta[_TYPES] = list(types)
        scope.expression.meta[PRECISE_OUTPUTS] = list(precise)

    def outputs(self, scope: Scope) -> dict[str, str]:
        """What was concluded of a scope: types by column."""
        return self._outputs[id(scope)]

    def precise_outputs(self, scope: Scope) -> list[bool]:
        """Which outputs of a scope are moments with microseconds."""
        return list(scope.expression.meta[PRECISE_OUTPUTS])

    def known(self, node: exp.Expr) -> str | None:
        """The type of an expression, where it shows without asking."""
        match node:
            case exp.Column() | exp.Identifier():
                return node.meta.get(_TYPE)
            case exp.Paren() | exp.Alias() | exp.Neg() | exp.Filter():
                return self.known(node.this)
            case exp.Cast() if node.to.this == exp.DataType.Type.USERDEFINED:
                return str(node.to.args["kind"])
            case exp.Subquery():
                types = node.unnest().meta.get(_TYPES)
                return types[0] if types else None
            case exp.Predicate() | exp.Connector() | exp.Not() | exp.Boolean():
                return "BOOLEAN"
            case exp.Literal():
                return "VARCHAR" if node.is_string else None
        return None

    def of(self, node: exp.Expr) -> str:
        """The DuckDB type of an expression that is translated already."""
        return self.of_all([node])[0]

    def of_all(self, nodes: Sequence[exp.Expr]) -> list[str]:
        """The types of several expressions."""
        known = [self.known(node) for node in nodes]
        asked = [node for node, kind in zip(nodes, known, strict=True) if kind is None]
        answers = iter(self._ask([self._bare(node) for node in asked]))
        return [kind or next(answers) for kind in known]

    def _bare(self, node: exp.Expr) -> str:
        """The expression as SQL, with columns that are called by their types."""

        def strip(part: exp.Expr) -> exp.Expr:
            if isinstance(part, _TYPED) and (kind := self.known(part)):
                return exp.column(kind, quoted=True)
            if isinstance(part, exp.Exists) or (
                isinstance(part, exp.In) and part.args.get("query")
            ):
                return exp.column("BOOLEAN", quoted=True)
            return part

        bare = node.unalias().transform(strip)
        columns = sorted({column.name for column in bare.find_all(exp.Column)})
        source = ", ".join(f"CAST(NULL AS {kind}) AS {quoted(kind)}" for kind in columns)
        tail = f" FROM (SELECT {source})" if columns else ""
        if columns and bare.find(exp.AggFunc):
            # Grouped by all columns, any mixture of columns and aggregates makes sense.
            tail += f" GROUP BY {', '.join(map(quoted, columns))}"
        return f"SELECT {bare.sql(dialect='duckdb', copy=False)}{tail}"

    def _ask(self, questions: Sequence[str]) -> Iterable[str]:
        for question in questions:
            if question not in self._cache:
                try:
                    (answer,) = self._connection.execute(f"DESCRIBE {question}").fetchall()
                except duckdb.Error as error:
                    raise failure(error) from error
                self._cache[question] = str(answer[1])
        return [self._cache[question] for question in questions]
