"""Parses Athena's DDL, which is Hive's (the Athena user guide, "DDL statements")."""

from __future__ import annotations

from collections.abc import Callable

from localaws.athena.alter_grammar import alter_table
from localaws.athena.create_grammar import create_table
from localaws.athena.hive_clauses import pairs
from localaws.athena.iceberg.statements import Vacuum
from localaws.athena.statements import (
    CreateDatabase,
    Describe,
    DropDatabase,
    DropTable,
    RepairTable,
    ShowColumns,
    ShowCreateTable,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
    Statement,
)
from localaws.athena.tokens import MalformedQuery, Name, Tokens


def _drop_table(tokens: Tokens) -> Statement:
    tokens.expect("DROP", "TABLE")
    if_exists = tokens.accept("IF", "EXISTS")
    name = tokens.qualified()
    tokens.accept("PURGE")
    tokens.finish()
    return DropTable(name, if_exists)


def _create_database(tokens: Tokens) -> Statement:
    tokens.expect("CREATE", tokens.peek(1))
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.name()
    comment = tokens.string() if tokens.accept("COMMENT") else None
    location = tokens.string() if tokens.accept("LOCATION") else None
    properties = pairs(tokens) if tokens.accept("WITH", "DBPROPERTIES") else {}
    tokens.finish()
    return CreateDatabase(name, if_not_exists, comment, location, properties)


def _drop_database(tokens: Tokens) -> Statement:
    tokens.expect("DROP", tokens.peek(1))
    if_exists = tokens.accept("IF", "EXISTS")
    name = tokens.name()
    cascade = tokens.accept("CASCADE")
    tokens.accept("RESTRICT")
    tokens.finish()
    return DropDatabase(name, if_exists, cascade)


def _repair_table(tokens: Tokens) -> Statement:
    tokens.expect("MSCK", "REPAIR", "TABLE")
    name = tokens.qualified()
    tokens.finish()
    return RepairTable(name)


def _show_databases(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", tokens.peek(1))
    pattern = tokens.string() if tokens.accept("LIKE") else None
    tokens.finish()
    return ShowDatabases(pattern)


def _listing(tokens: Tokens) -> tuple[str | None, str | None]:
    """[IN database] [[LIKE] 'pattern']"""
    within = tokens.accept("IN") or tokens.accept("FROM")
    database = tokens.name() if within else None
    if tokens.accept("LIKE"):
        return database, tokens.string()
    return database, tokens.maybe_string()


def _show_tables(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "TABLES")
    statement = ShowTables(*_listing(tokens))
    tokens.finish()
    return statement


def _show_views(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "VIEWS")
    statement = ShowViews(*_listing(tokens))
    tokens.finish()
    return statement


def _show_columns(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "COLUMNS")
    if not tokens.accept("IN"):
        tokens.expect("FROM")
    name = tokens.qualified()
    if tokens.accept("IN") or tokens.accept("FROM"):
        name = Name(name.table, tokens.name())
    tokens.finish()
    return ShowColumns(name)


def _show_partitions(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "PARTITIONS")
    name = tokens.qualified()
    tokens.finish()
    return ShowPartitions(name)


def _show_table_properties(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "TBLPROPERTIES")
    name = tokens.qualified()
    key = None
    if tokens.accept("("):
        key = tokens.string()
        tokens.expect(")")
    tokens.finish()
    return ShowTableProperties(name, key)


def _show_create_table(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "CREATE", "TABLE")
    name = tokens.qualified()
    tokens.finish()
    return ShowCreateTable(name)


def _describe(tokens: Tokens) -> Statement:
    tokens.expect(tokens.peek())
    detailed = tokens.accept("EXTENDED") or tokens.accept("FORMATTED")
    name = tokens.qualified()
    if not tokens.ended:
        raise MalformedQuery("NOT_SUPPORTED: DESCRIBE of a partition or column, locally")
    return Describe(name, detailed)


def _vacuum(tokens: Tokens) -> Statement:
    tokens.expect("VACUUM")
    name = tokens.qualified()
    tokens.finish()
    return Vacuum(name)


READERS: dict[tuple[str, ...], Callable[[Tokens], Statement]] = {
    ("CREATE", "EXTERNAL", "TABLE"): create_table,
    ("CREATE", "TABLE"): create_table,
    ("DROP", "TABLE"): _drop_table,
    ("VACUUM",): _vacuum,
    ("ALTER", "TABLE"): alter_table,
    ("CREATE", "DATABASE"): _create_database,
    ("CREATE", "SCHEMA"): _create_database,
    ("DROP", "DATABASE"): _drop_database,
    ("DROP", "SCHEMA"): _drop_database,
    ("MSCK", "REPAIR", "TABLE"): _repair_table,
    ("SHOW", "DATABASES"): _show_databases,
    ("SHOW", "SCHEMAS"): _show_databases,
    ("SHOW", "TABLES"): _show_tables,
    ("SHOW", "VIEWS"): _show_views,
    ("SHOW", "COLUMNS"): _show_columns,
    ("SHOW", "PARTITIONS"): _show_partitions,
    ("SHOW", "TBLPROPERTIES"): _show_table_properties,
    ("SHOW", "CREATE", "TABLE"): _show_create_table,
    ("DESCRIBE",): _describe,
    ("DESC",): _describe,
}
