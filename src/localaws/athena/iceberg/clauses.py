"""MERGE, UPDATE and DELETE, read as one: a target, a source if there is one, and clauses.

https://trino.io/docs/current/sql/merge.html
"""

from __future__ import annotations

from dataclasses import dataclass, field

from sqlglot import exp

from localaws.athena.dialect import parse, position
from localaws.athena.failures import QueryFailed, not_emulated


@dataclass(frozen=True)
class Clause:
    """WHEN [NOT] MATCHED [AND condition] THEN …; those of UPDATE and DELETE are as if MATCHED.

    Attributes:
        condition: besides that of the whole statement; None if there is none.
        columns: those of the target that get new values; of an INSERT without a list, all.
        values: what they get. A clause that deletes has neither.
    """

    matched: bool
    condition: exp.Expr | None = None
    columns: tuple[str, ...] = ()
    values: tuple[exp.Expr, ...] = ()

    @property
    def deletes(self) -> bool:
        """Whether the rows go."""
        return self.matched and not self.values


@dataclass(frozen=True)
class Change:
    """What is to be done to a table.

    Attributes:
        target: the table, with its alias.
        source: the other side of a MERGE.
        condition: the ON of a MERGE, the WHERE of UPDATE and DELETE.
    """

    verb: str
    target: exp.Table
    clauses: tuple[Clause, ...]
    source: exp.Expr | None = None
    condition: exp.Expr | None = None
    inserts: bool = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "inserts", any(not clause.matched for clause in self.clauses))


def read(sql: str) -> Change:
    """Read a statement whose parameters are bound.

    Raises:
        QueryFailed: it isn't as Athena has it.
    """
    tree = parse(sql)
    match tree:
        case exp.Merge():
            return _merge(tree)
        case exp.Update():
            columns, values = _assignments(tree.expressions)
            clause = Clause(True, None, columns, values)
            return Change("UPDATE", _target(tree), (clause,), condition=_where(tree))
        case exp.Delete():
            return Change("DELETE", _target(tree), (Clause(True),), condition=_where(tree))
    raise not_emulated(tree.key.upper())


def _target(tree: exp.Expr) -> exp.Table:
    target = tree.this
    if not isinstance(target, exp.Table):
        raise QueryFailed("line 1:1: a table is expected")
    for part in ("from_", "using", "order", "limit", "returning", "cluster"):
        if tree.args.get(part):
            raise QueryFailed(f"line 1:1: mismatched input '{part.strip('_').upper()}'")
    return target


def _where(tree: exp.Expr) -> exp.Expr | None:
    where = tree.args.get("where")
    return where.this if where is not None else None


def _merge(tree: exp.Merge) -> Change:
    clauses = tuple(_when(when) for when in tree.args["whens"].expressions)
    if not isinstance(tree.this, exp.Table):
        raise QueryFailed("line 1:1: MERGE INTO expects a table")
    source = tree.args["using"]
    if tree.args.get("on") is None or tree.args.get("returning") or tree.args.get("with_"):
        raise QueryFailed("line 1:1: MERGE INTO … USING … ON … WHEN … is expected")
    return Change("MERGE", tree.this, clauses, source, tree.args["on"])


def _when(when: exp.When) -> Clause:
    matched, condition = bool(when.args["matched"]), when.args.get("condition")
    then = when.args["then"]
    if when.args.get("source"):
        raise QueryFailed("line 1:1: mismatched input 'BY'. Expecting: 'AND', 'THEN'")
    match then:
        case exp.Update() if matched and then.expressions:
            return Clause(True, condition, *_assignments(then.expressions))
        case exp.Insert() if not matched and isinstance(then.expression, exp.Tuple):
            columns = then.this.expressions if then.this is not None else []
            names = tuple(column.name.lower() for column in columns)
            _check_once(names)
            return Clause(False, condition, names, tuple(then.expression.expressions))
        case exp.Var() if matched and then.name.upper() == "DELETE":
            return Clause(True, condition)
    raise QueryFailed(
        "line 1:1: WHEN MATCHED goes with UPDATE SET or DELETE, WHEN NOT MATCHED with INSERT"
    )


def _assignments(written: list[exp.Expr]) -> tuple[tuple[str, ...], tuple[exp.Expr, ...]]:
    for assignment in written:
        if not isinstance(assignment, exp.EQ) or not isinstance(assignment.this, exp.Column):
            raise QueryFailed(f"{position(assignment)}: column = value is expected")
        if assignment.this.table:
            raise QueryFailed(f"{position(assignment)}: mismatched input '.'. Expecting: '='")
    columns = tuple(assignment.this.name.lower() for assignment in written)
    _check_once(columns)
    return columns, tuple(assignment.expression for assignment in written)


def _check_once(columns: tuple[str, ...]) -> None:
    for column in columns:
        if columns.count(column) > 1:
            raise QueryFailed(
                f"DUPLICATE_COLUMN_NAME: line 1:1: Column '{column}' is specified more than once"
            )
