"""Views, stored in the catalogue as Athena stores them."""

from __future__ import annotations

from localaws.athena.arrow_types import hive_type, named_columns, trino_types
from localaws.athena.catalog import CATALOG_NAME, Catalog, view_text
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import is_view
from localaws.athena.run import Outcome, Run, shown
from localaws.athena.statements import CreateView, DropView, ShowCreateView


def create(run: Run, statement: CreateView) -> Outcome:
    """The query is stored with its columns; it is run to find these, and reads no row."""
    database = statement.name.within(run.database)
    name = f"{CATALOG_NAME}.{database}.{statement.name.table}"
    if run.tables.database(database) is None:
        raise QueryFailed(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")
    existing = run.tables.find(database, statement.name.table)
    if existing is not None and not is_view(existing):
        raise QueryFailed(f"TABLE_ALREADY_EXISTS: line 1:1: Table already exists: '{name}'")
    if existing is not None and not statement.replace:
        raise QueryFailed(f"TABLE_ALREADY_EXISTS: line 1:1: View already exists: '{name}'")
    result = run.shape(statement.query)
    names = [column.name.lower() for column in named_columns(result)]
    kinds = [field.type for field in result.reader.schema]
    view = {
        "Name": statement.name.table,
        "TableType": "VIRTUAL_VIEW",
        "Parameters": {"presto_view": "true", "comment": "Presto View"},
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [
                {"Name": column, "Type": hive_type(kind)}
                for column, kind in zip(names, kinds, strict=True)
            ],
            "Location": "",
            "Compressed": False,
            "NumberOfBuckets": 0,
            "SerdeInfo": {},
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
        "ViewOriginalText": view_text(
            statement.query,
            run.database,
            list(zip(names, trino_types(result), strict=True)),
        ),
        "ViewExpandedText": "/* Presto View */",
    }
    if existing is None:
        run.tables.create(database, view)
    else:
        run.tables.update({**view, "DatabaseName": database})
    return Outcome()


def drop(run: Run, statement: DropView) -> Outcome:
    """Take a view out of the catalogue."""
    database = statement.name.within(run.database)
    name = f"{CATALOG_NAME}.{database}.{statement.name.table}"
    view = run.tables.find(database, statement.name.table)
    if view is None:
        if statement.if_exists:
            return Outcome()
        raise QueryFailed(f"TABLE_NOT_FOUND: line 1:1: View '{name}' does not exist")
    if not is_view(view):
        raise QueryFailed(f"NOT_SUPPORTED: line 1:1: '{name}' is a table, not a view")
    run.tables.delete(view)
    return Outcome()


def show_create(run: Run, statement: ShowCreateView) -> Outcome:
    """The statement that makes the view."""
    database = statement.name.within(run.database)
    name = f"{database}.{statement.name.table}"
    table = Catalog(run.tables.glue).table(database, statement.name.table)
    if table is None:
        raise QueryFailed(f"TABLE_NOT_FOUND: line 1:1: View '{name}' does not exist")
    if table.view is None:
        raise QueryFailed(f"NOT_SUPPORTED: line 1:1: '{name}' is a table, not a view")
    lines = [f"CREATE VIEW {name} AS", *table.view.sql.split("\n")]
    return shown(lines, "create view", kind="varchar")
