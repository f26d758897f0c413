"""Gives every name in a query its meaning: tables from the catalogue, views expanded, columns."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import sqlglot
from sqlglot import exp
from sqlglot.optimizer.qualify_columns import qualify_columns
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.scope import Scope, traverse_scope
from sqlglot.schema import MappingSchema

from localaws.athena.catalog import CATALOG_NAME, Table
from localaws.athena.dialect import HIDDEN_COLUMNS, AthenaQueries, parse, position
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.iceberg.lake_catalog import LakeCatalog
from localaws.athena.iceberg.time_travel import Version
from localaws.athena.precision import PRECISE

#: How a bound query calls the n-th table that it reads.
SCAN = "__scan_"
#: Where a table's node in the tree keeps the types of its columns.
COLUMNS = "columns"
#: Where a name keeps the letters in which it was written.
_SPELLED = "spelled"
_UNNAMED = "__unnamed_"
VersionOf = Callable[[exp.Version], Version]


@dataclass
class BoundQuery:
    """A query in which each column names its table, and each table is one of ``scans``.

    Attributes:
        names: the headings of the result, with the letters' case that the query chose.
        scans: the tables read, by the name that the tree has for each reading of one.
    """

    tree: exp.Expr
    names: list[str]
    scans: dict[str, Table] = field(default_factory=dict)


@dataclass
class _Tables:
    """Where the tables of a query are looked up, and those that were found."""

    catalog: LakeCatalog
    version_of: VersionOf
    scans: dict[str, Table] = field(default_factory=dict)


def bind(
    statement: exp.Expr, database: str, catalog: LakeCatalog, version_of: VersionOf
) -> BoundQuery:
    """Resolve a parsed query; the given tree is left as it was.

    Args:
        version_of: says which state of a table FOR TIMESTAMP or FOR VERSION AS OF means.

    Raises:
        QueryFailed: for names that there aren't, as Athena words it.
    """
    tree = statement.copy()
    if isinstance(tree, exp.Values):
        tree = exp.select("*").from_(tree)
    if not isinstance(tree, exp.Query):
        raise not_emulated(f"{tree.key.upper()} as a query")
    tables = _Tables(catalog, version_of)
    _resolve_tables(tree, database, tables, ())
    tree = _qualify(tree, tables.scans)
    assert isinstance(tree, exp.Query)
    first: exp.Expr = tree
    while isinstance(first, exp.SetOperation | exp.Subquery):
        first = first.this
    assert isinstance(first, exp.Selectable)
    names = [_heading(projection, index) for index, projection in enumerate(first.selects)]
    return BoundQuery(tree, names, tables.scans)


def _heading(projection: exp.Expr, index: int) -> str:
    """What Athena calls an output: its name, in the letters that the query chose for it."""
    name = projection.alias_or_name
    if name.startswith(_UNNAMED):
        return f"_col{index}"
    for part in (projection.args.get("alias"), projection.unalias()):
        if part is not None:
            spelled = [i.meta_get(_SPELLED) for i in part.find_all(exp.Identifier)]
            for text in spelled:
                if text is not None and text.lower() == name:
                    return str(text)
    return name


def _name_outputs(select: exp.Select) -> None:
    """Name the outputs that have no name, which Athena then shows as _col0, _col1, …."""
    for index, projection in enumerate(select.expressions):
        if not projection.is_star and not isinstance(projection, exp.Alias | exp.Column | exp.Dot):
            projection.replace(exp.alias_(projection.copy(), f"{_UNNAMED}{index}"))


def _resolve_tables(
    tree: exp.Expr,
    database: str,
    tables: _Tables,
    chain: tuple[tuple[str, str], ...],
) -> None:
    for identifier in tree.find_all(exp.Identifier):
        identifier.meta[_SPELLED] = identifier.name
        identifier.set("this", identifier.name.lower())
    if any(part.recursive for part in tree.find_all(exp.With)):
        raise not_emulated("WITH RECURSIVE")
    for values in tree.find_all(exp.Values):
        _name_columns(values)
    for select in tree.find_all(exp.Select):
        _name_outputs(select)
    for scope in traverse_scope(tree):
        sources = [source for source in scope.sources.values() if isinstance(source, exp.Table)]
        known = {(node.db or database.lower(), node.name) for node in sources if not node.alias}
        for column in scope.columns:
            if column.db and (column.db, column.table) in known:
                column.set("db", None)
                column.set("catalog", None)
        for node in sources:
            _resolve_table(node, database, tables, chain)


def _name_columns(values: exp.Values) -> None:
    """Columns of VALUES that have no names of their own are called by their position."""
    holder = values.parent if isinstance(values.parent, exp.Subquery) else values
    alias = holder.args.get("alias") or exp.TableAlias(this=exp.to_identifier("values"))
    if not alias.args.get("columns") and values.expressions:
        row = values.expressions[0]
        width = len(row.expressions) if isinstance(row, exp.Tuple) else 1
        alias.set("columns", [exp.to_identifier(f"_col{index}") for index in range(width)])
    holder.set("alias", alias)


def _resolve_table(
    node: exp.Table,
    database: str,
    tables: _Tables,
    chain: tuple[tuple[str, str], ...],
) -> None:
    if not isinstance(node.this, exp.Identifier):
        raise not_emulated(f"the table function {node.this.sql(dialect=AthenaQueries)}")
    where = position(node)
    if node.catalog and node.catalog != CATALOG_NAME:
        raise QueryFailed(f"CATALOG_NOT_FOUND: {where}: Catalog '{node.catalog}' not found")
    of_database = node.db or database.lower()
    full_name = f"{CATALOG_NAME}.{of_database}.{node.name}"
    if of_database == "information_schema":
        raise not_emulated("information_schema")
    asked = node.args.get("version")
    version = tables.version_of(asked) if asked is not None else None
    table = tables.catalog.table(of_database, node.name, version)
    if table is None:
        if not tables.catalog.has_database(of_database):
            raise QueryFailed(f"SCHEMA_NOT_FOUND: {where}: Schema '{of_database}' does not exist")
        raise QueryFailed(f"TABLE_NOT_FOUND: {where}: Table '{full_name}' does not exist")
    alias = node.args.get("alias") or exp.TableAlias(this=exp.to_identifier(node.name))
    if table.view is None:
        name = f"{SCAN}{len(tables.scans)}"
        tables.scans[name] = table
        bound = exp.Table(this=exp.to_identifier(name), alias=alias)
        for argument in ("joins", "sample", "pivots"):
            if node.args.get(argument):
                bound.set(argument, node.args[argument])
        bound.meta[COLUMNS] = {**table.schema, **HIDDEN_COLUMNS}
        bound.meta[PRECISE] = table.precise
        node.replace(bound)
        return
    key = (of_database, node.name)
    if key in chain:
        raise QueryFailed(f"VIEW_IS_RECURSIVE: {where}: View '{full_name}' is recursive")
    content = parse(table.view.sql)
    _resolve_tables(content, table.view.database, tables, (*chain, key))
    expanded = exp.Subquery(this=content, alias=alias)
    if node.args.get("joins"):
        expanded.set("joins", node.args["joins"])
    node.replace(expanded)


def _qualify(tree: exp.Expr, scans: dict[str, Table]) -> exp.Expr:
    # Names are all that is resolved here; the types are `typing`'s affair.
    schema = MappingSchema(
        {
            name: dict.fromkeys((*table.schema, *HIDDEN_COLUMNS), "VARCHAR")
            for name, table in scans.items()
        },
        dialect=AthenaQueries,
        normalize=False,
    )
    try:
        tree = qualify_tables(tree, dialect=AthenaQueries)
        tree = qualify_columns(tree, schema, expand_alias_refs=False, dialect=AthenaQueries)
    except sqlglot.errors.OptimizeError as error:
        raise _column_error(tree, str(error)) from error
    for scope in traverse_scope(tree):
        _check_columns(scope)
    return tree


def _check_columns(scope: Scope) -> None:
    select = scope.expression
    if isinstance(select, exp.SetOperation):
        _point_to_outputs(select)
    if not isinstance(select, exp.Select):
        return
    _find_hidden_columns(scope)
    outputs = {projection.alias_or_name: projection for projection in select.selects}
    for column in scope.find_all(exp.Column):
        if column.table or column.find_ancestor(exp.Lambda):
            continue
        order = column.find_ancestor(exp.Order, exp.Select)
        if isinstance(order, exp.Order) and order.parent is select and column.name in outputs:
            _point_to_output(column, select, outputs[column.name])
            continue
        sources = [name for name in scope.selected_sources if _has(scope, name, column.name)]
        if len(sources) != 1:
            raise _ambiguous(column) if sources else no_such_column(column)
        column.set("table", exp.to_identifier(sources[0]))


def _has(scope: Scope, source: str, column: str) -> bool:
    """Whether a source of a scope has a column."""
    found = scope.sources[source]
    if isinstance(found, Scope):
        return column in outputs(found.expression)
    return column in found.meta[COLUMNS]


def outputs(expression: exp.Expr) -> list[str]:
    """The names of what a query or a table expression gives."""
    return list(expression.named_selects) if isinstance(expression, exp.Selectable) else []


def _find_hidden_columns(scope: Scope) -> None:
    for hidden in list(scope.find_all(exp.Pseudocolumn)):
        table = exp.to_identifier(hidden.table) if hidden.table else None
        hidden.replace(exp.Column(this=exp.to_identifier(hidden.name, quoted=True), table=table))


def _point_to_output(column: exp.Column, select: exp.Select, output: exp.Expr) -> None:
    """ORDER BY may name an output: make that certain, whatever columns the tables have."""
    if isinstance(column.parent, exp.Ordered):
        column.replace(exp.Literal.number(select.selects.index(output) + 1))
    elif not select.args.get("distinct"):
        column.replace(exp.paren(output.unalias().copy()))


def _point_to_outputs(operation: exp.SetOperation) -> None:
    """UNION and its like are ordered by their outputs only."""
    order = operation.args.get("order")
    names = operation.named_selects
    for column in list(order.find_all(exp.Column)) if order else ():
        if column.table or column.name not in names:
            raise no_such_column(column)
        if not isinstance(column.parent, exp.Ordered):
            raise not_emulated("UNION ordered by more than the names of its columns")
        column.replace(exp.Literal.number(names.index(column.name) + 1))


def no_such_column(column: exp.Column) -> QueryFailed:
    """The failure of a query that names a column which isn't there."""
    name = ".".join(part.name for part in column.parts)
    return QueryFailed(f"COLUMN_NOT_FOUND: {position(column)}: Column '{name}' cannot be resolved")


def _ambiguous(column: exp.Column) -> QueryFailed:
    return QueryFailed(f"AMBIGUOUS_NAME: {position(column)}: Column '{column.name}' is ambiguous")


def _column_error(tree: exp.Expr, reason: str) -> QueryFailed:
    """sqlglot names the column that it misses in a sentence; Athena also says where it stands."""
    name = reason.removeprefix("Unknown column: ")
    for column in tree.find_all(exp.Column):
        if column.name == name:
            return no_such_column(column)
    return QueryFailed(f"SYNTAX_ERROR: {reason}")
