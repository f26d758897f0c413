"""Finds what a query's conditions say of each table that it reads: of its partition keys, or of
all columns of an Iceberg table.

The conditions still hold when the query runs: here they only decide which partitions are read, so
what is found may be weaker than the query, and never stronger.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import duckdb
from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from localaws.athena.binding import outputs
from localaws.athena.catalog import Partition, Table
from localaws.athena.duck import quoted, typed

#: What a condition must not contain to be moved: its value isn't one of the row alone.
_UNMOVABLE = (exp.Subquery, exp.Select, exp.Window, exp.AggFunc, exp.Lambda)
Condition = exp.Expr


def find_conditions(tree: exp.Expr, scans: Mapping[str, Table]) -> dict[str, Condition]:
    """The condition on the prunable columns, by the name of the scan; none where there is none."""
    found: dict[str, Condition] = {}
    wanted: dict[int, list[Condition | None]] = {}
    for scope in reversed(traverse_scope(tree)):
        inherited = _either(wanted.get(id(scope), []))
        if isinstance(scope.expression, exp.SetOperation):
            for side in scope.set_operation_scopes:
                names = outputs(scope.expression), outputs(side.expression)
                renamed = _rename(inherited, dict(zip(*names, strict=False)))
                wanted.setdefault(id(side), []).append(renamed)
            continue
        if not isinstance(scope.expression, exp.Select):
            continue
        pushed = _into(scope.expression, inherited)
        for alias, (_, source) in scope.selected_sources.items():
            conditions = [*_conjuncts(scope.expression, alias), *([pushed] if pushed else [])]
            if isinstance(source, Scope):
                weaker = [_weaken(c, alias, None) for c in conditions]
                wanted.setdefault(id(source), []).append(_all(weaker))
            elif source.name in scans:
                keys = scans[source.name].prunable
                condition = _all([_weaken(c, alias, keys) for c in conditions])
                if condition is not None:
                    found[source.name] = condition
    return found


def _rename(condition: Condition | None, names: Mapping[str, str]) -> Condition | None:
    if condition is None:
        return None

    def rename(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and node.name in names:
            return exp.column(names[node.name], quoted=True)
        return node

    return condition.copy().transform(rename)


def _into(select: exp.Select, condition: Condition | None) -> Condition | None:
    """A condition on what a subquery gives, as one on what it reads, if that is the same."""
    if condition is None or any(select.args.get(part) for part in ("limit", "offset", "distinct")):
        return None
    projections = {p.alias_or_name: p.unalias() for p in select.selects}
    if any(p.find(exp.Window) for p in projections.values()):
        return None
    group = select.args.get("group")
    if group and any(group.args.get(kind) for kind in ("cube", "rollup", "grouping_sets")):
        return None
    keys = [key.unnest() for key in group.expressions] if group else []
    possible = True

    def replace(node: exp.Expr) -> exp.Expr:
        nonlocal possible
        if not isinstance(node, exp.Column):
            return node
        inner = projections.get(node.name)
        if inner is None or inner.find(*_UNMOVABLE) or (group and inner.unnest() not in keys):
            possible = False
            return node
        return exp.paren(inner.copy())

    replaced = condition.copy().transform(replace)
    aggregated = not group and any(_aggregates(p) for p in projections.values())
    return None if aggregated or not possible else replaced


def _aggregates(node: exp.Expr) -> bool:
    return node.find(exp.AggFunc) is not None


def _conjuncts(select: exp.Select, alias: str) -> Iterator[Condition]:
    """The conditions that each row of a source must fulfil to have an effect."""
    joins: Sequence[exp.Join] = select.args.get("joins") or []
    places = [select.args["from_"].this.alias_or_name] if select.args.get("from_") else []
    places += [join.this.alias_or_name for join in joins]
    index = places.index(alias) if alias in places else -1
    if index < 0:
        return
    optional = index > 0 and joins[index - 1].side in ("LEFT", "FULL")
    made_optional = any(join.side in ("RIGHT", "FULL") for join in joins[index:])
    where = select.args.get("where")
    if where is not None and not optional and not made_optional:
        yield where.this
    if made_optional:
        return
    for place, join in enumerate(joins, 1):
        on = join.args.get("on")
        inner = not join.side and place >= index
        if on is not None and (inner or (place == index and join.side == "LEFT")):
            yield on


def _weaken(condition: Condition, alias: str, keys: frozenset[str] | None) -> Condition | None:
    """What a condition implies for one source alone, if anything; only by `keys` if given."""
    node = condition.unnest()
    if isinstance(node, exp.And):
        return _all([_weaken(node.this, alias, keys), _weaken(node.expression, alias, keys)])
    if isinstance(node, exp.Or):
        sides = _weaken(node.this, alias, keys), _weaken(node.expression, alias, keys)
        return None if None in sides else exp.or_(*sides)
    columns = list(node.find_all(exp.Column))
    if not columns or node.find(*_UNMOVABLE) or any(map(_is_random, node.find_all(exp.Anonymous))):
        return None
    if any(c.table != alias or (keys is not None and c.name not in keys) for c in columns):
        return None
    return node.copy()


def _is_random(function: exp.Anonymous) -> bool:
    return function.name.lower() in ("random", "uuid")


def _all(conditions: Sequence[Condition | None]) -> Condition | None:
    found = [condition for condition in conditions if condition is not None]
    return exp.and_(*found) if found else None


def _either(conditions: Sequence[Condition | None]) -> Condition | None:
    """What holds for a subquery that several places read: one of their conditions."""
    found = [condition for condition in conditions if condition is not None]
    return exp.or_(*found) if found and len(found) == len(conditions) else None


def weaken(condition: Condition, keys: frozenset[str]) -> Condition | None:
    """What a condition on a table's columns implies for some of them, if anything."""
    alias = next((column.table for column in condition.find_all(exp.Column)), "")
    return _weaken(condition, alias, keys)


def prune(
    table: Table,
    partitions: Sequence[Partition],
    condition: Condition | None,
    connection: duckdb.DuckDBPyConnection,
) -> list[Partition]:
    """The partitions in which the condition can hold."""
    keys = {key.name: key.duckdb_type for key in table.partition_keys}
    values = [partition.values for partition in partitions]
    return [partitions[number] for number in possible(keys, values, condition, connection)]


def possible(
    keys: Mapping[str, str],
    values: Sequence[tuple[str | None, ...]],
    condition: Condition | None,
    connection: duckdb.DuckDBPyConnection,
) -> Sequence[int]:
    """The numbers of the partitions in which a condition can hold.

    Args:
        keys: DuckDB's types of the columns that the condition is about.
        values: of these columns in each partition, as texts.
    """
    if condition is None or not values:
        return range(len(values))
    columns = {key: [of_keys[index] for of_keys in values] for index, key in enumerate(keys)}

    def bare(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column):
            column = exp.column(node.name, table="partition_values", quoted=True)
            return typed(column, keys[node.name])
        return node

    where = condition.transform(bare).sql(dialect="duckdb", copy=False)
    unnested = ", ".join(f"unnest(CAST(? AS VARCHAR[])) AS {quoted(name)}" for name in columns)
    numbered = f"SELECT unnest(range({len(values)})) AS number, {unnested}"
    query = f"SELECT number FROM ({numbered}) AS partition_values WHERE {where}"  # noqa: S608
    try:
        numbers = connection.execute(query, list(columns.values())).fetchall()
    except duckdb.Error:
        # A condition that can't be decided here, because it fails for the values of a partition
        # that another condition may exclude, fails or not when the query runs.
        return range(len(values))
    return [number for (number,) in sorted(numbers)]
