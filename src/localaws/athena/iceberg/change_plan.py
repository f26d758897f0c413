"""What a change of rows means in DuckDB's SQL: its conditions and its new values.

All of its expressions are put into one query, which is bound and translated as any other, so that
names, types and functions mean what they mean in a SELECT; then it is taken apart again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pyiceberg.schema import Schema
from sqlglot import exp

from localaws.athena.arrow_types import arrow_of, coercible, trino_type
from localaws.athena.binding import BoundQuery
from localaws.athena.duck import quoted, to_sql
from localaws.athena.engine import Engine
from localaws.athena.failures import QueryFailed
from localaws.athena.iceberg.clauses import Change, Clause
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.types import from_glue
from localaws.athena.work import Work


@dataclass
class PlannedClause:
    """A clause in DuckDB's SQL.

    Attributes:
        values: what the columns of the target get; those that aren't here keep what they have.
    """

    clause: Clause
    condition: str
    values: dict[str, str] = field(default_factory=dict)


@dataclass
class ChangePlan:
    """A change in DuckDB's SQL.

    Attributes:
        scan: how the bound query calls the target.
        target, source: what they are called in the expressions; without a source, it is empty.
        source_query: gives the columns of the source that are used.
        condition: the ON or WHERE, as DuckDB has it and as SQL.
        matched: the columns of the target that tell which rows are to be changed.
        used: those that new values are made of.
    """

    query: BoundQuery
    tree: exp.Select
    scan: str
    target: str
    source: str
    source_query: str
    condition: exp.Expr | None
    clauses: list[PlannedClause]
    matched: frozenset[str]
    used: frozenset[str]

    @property
    def on(self) -> str:
        """The ON or WHERE as SQL."""
        return "true" if self.condition is None else to_sql(self.condition)


def plan(change: Change, schema: Schema, engine: Engine, work: Work, database: str) -> ChangePlan:
    """Bind and translate a change.

    Raises:
        QueryFailed: for names that there aren't, and for values that columns don't take.
    """
    names = [field.name.lower() for field in schema.fields]
    pieces = [piece for clause in change.clauses for piece in _pieces(clause)]
    aliased = [exp.alias_(piece, f"piece {index}") for index, piece in enumerate(pieces)]
    carrier = exp.select(*aliased, copy=False)
    if change.source is None:
        carrier = carrier.from_(change.target.copy())
        if change.condition is not None:
            carrier = carrier.where(change.condition.copy())
    else:
        on = change.condition.copy() if change.condition is not None else exp.true()
        carrier = carrier.from_(change.source.copy())
        carrier = carrier.join(change.target.copy(), on=on, join_type="left", copy=False)
    query, tree = engine.prepare(carrier, database, (), work)
    assert isinstance(tree, exp.Select)
    types: list[str] = tree.meta["duckdb_types"]
    if change.source is None:
        node, source_node = tree.args["from_"].this, None
        where = tree.args.get("where")
        condition = where.this if where is not None else None
    else:
        join = tree.args["joins"][-1]
        node, source_node, condition = join.this, tree.args["from_"].this, join.args["on"]
    source = source_node.alias_or_name if source_node is not None else ""
    target = node.alias_or_name
    values = iter(zip([piece.unalias() for piece in tree.selects], types, strict=True))
    planned = [
        _clause(change.verb, clause, number, values, schema, target, names)
        for number, clause in enumerate(change.clauses)
    ]
    deciding = [condition] if condition is not None else []
    outputs = iter(tree.selects)
    for clause in change.clauses:
        taken = [next(outputs) for _ in _pieces(clause)]
        deciding += taken[:1] if clause.matched else []
    return ChangePlan(
        query,
        tree,
        node.name,
        target,
        source,
        _source_query(tree, source_node, source, condition),
        condition,
        planned,
        frozenset(_columns_of(deciding, target)),
        frozenset(_columns_of(tree.selects, target)),
    )


def _pieces(clause: Clause) -> list[exp.Expr]:
    """A clause's expressions: its condition, then its values."""
    condition = clause.condition if clause.condition is not None else exp.true()
    return [condition, *clause.values]


def _clause(
    verb: str,
    clause: Clause,
    number: int,
    pieces: Iterator[tuple[exp.Expr, str]],
    schema: Schema,
    target: str,
    names: Sequence[str],
) -> PlannedClause:
    condition, _ = next(pieces)
    given = [next(pieces) for _ in clause.values]
    columns = clause.columns or (tuple(names) if clause.values else ())
    kinds = []
    for column in columns:
        if column not in names:
            raise QueryFailed(f"COLUMN_NOT_FOUND: line 1:1: Column '{column}' cannot be resolved")
        kinds.append(
            from_glue(glue_type(schema.find_field(column, case_sensitive=False).field_type))
        )
    _check_types(verb, clause, number, kinds, [kind for _, kind in given])
    if not clause.matched:
        for expression in (condition, *(value for value, _ in given)):
            for column in _columns_of([expression], target):
                raise QueryFailed(
                    f"COLUMN_NOT_FOUND: line 1:1: Column '{target}.{column}' cannot be resolved"
                )
    stored = {
        column: f"CAST({to_sql(value)} AS {kind})"
        for column, kind, (value, _) in zip(columns, kinds, given, strict=True)
    }
    return PlannedClause(clause, to_sql(condition), stored)


def _check_types(
    verb: str, clause: Clause, number: int, wanted: list[str], given: list[str]
) -> None:
    into, kinds = [arrow_of(kind) for kind in wanted], [arrow_of(kind) for kind in given]
    if len(into) == len(kinds) and all(map(coercible, kinds, into)):
        return
    case = f" for MERGE case {number}," if verb == "MERGE" else ""
    what = f"{verb} table column types don't match{case} "
    what += "SET expressions" if clause.matched else "INSERT values"
    table, expressions = ", ".join(map(trino_type, into)), ", ".join(map(trino_type, kinds))
    raise QueryFailed(
        f"TYPE_MISMATCH: line 1:1: {what}: Table: [{table}], Expressions: [{expressions}]"
    )


def _columns_of(expressions: Sequence[exp.Expr], table: str) -> set[str]:
    return {
        column.name
        for expression in expressions
        for column in expression.find_all(exp.Column)
        if column.table == table
    }


def _source_query(
    tree: exp.Select, node: exp.Expr | None, alias: str, condition: exp.Expr | None
) -> str:
    if node is None:
        return ""
    used = _columns_of([*tree.selects, *([condition] if condition is not None else [])], alias)
    columns = ", ".join(f"{quoted(alias)}.{quoted(name)}" for name in sorted(used))
    return f"SELECT {columns or '1 AS one'} FROM {to_sql(node)}"  # noqa: S608 - quoted
