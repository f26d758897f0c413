"""DDL on tables and databases."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pyiceberg.table import Table

from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import (
    GlueTable,
    already_exists,
    database_not_found,
    glue_columns,
    is_iceberg,
    is_view,
    table_not_found,
)
from localaws.athena.iceberg import ddl as iceberg
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import (
    AddColumns,
    ColumnDefinition,
    CreateDatabase,
    CreateTable,
    DropDatabase,
    DropTable,
    ReplaceColumns,
    SetLocation,
    SetTableProperties,
    Storage,
)
from localaws.athena.storage import split_uri
from localaws.athena.tokens import Name
from localaws.athena.types import from_glue

_NO_VIEW = "FAILED: SemanticException [Error 10134]: Cannot use this command with a view"


def table_input(
    name: str,
    columns: list[ColumnDefinition],
    partition_keys: list[ColumnDefinition],
    storage: Storage,
    location: str,
    properties: dict[str, str],
) -> dict[str, Any]:
    """A TableInput for an external table."""
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"EXTERNAL": "TRUE", **properties},
        "PartitionKeys": glue_columns(partition_keys),
        "StorageDescriptor": {
            "Columns": glue_columns(columns),
            "Location": location,
            "InputFormat": storage.input_format,
            "OutputFormat": storage.output_format,
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {
                "SerializationLibrary": storage.serde,
                "Parameters": dict(storage.parameters),
            },
            "BucketColumns": [],
            "SortColumns": [],
            "Parameters": {},
            "SkewedInfo": {
                "SkewedColumnNames": [],
                "SkewedColumnValues": [],
                "SkewedColumnValueLocationMaps": {},
            },
            "StoredAsSubDirectories": False,
        },
    }


def create_table(run: Run, statement: CreateTable) -> Outcome:
    """Add a table to the catalogue; its data is where it is. An Iceberg table has none yet."""
    database = statement.name.within(run.database)
    run.tables.require_database(database)
    if run.tables.find(database, statement.name.table) is not None:
        if statement.if_not_exists:
            return Outcome()
        raise already_exists("Table", statement.name.table)
    if split_uri(statement.location) is None:
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"MetaException(message:Location {statement.location} is not an S3 URI)"
        )
    check_columns([*statement.columns, *statement.partition_keys])
    if statement.properties.get("table_type", "").upper() == "ICEBERG":
        return iceberg.create_table(run, statement)
    table = table_input(
        statement.name.table,
        list(statement.columns),
        list(statement.partition_keys),
        statement.storage,
        statement.location,
        dict(statement.properties),
    )
    if statement.comment is not None:
        table["Description"] = statement.comment
    run.tables.create(database, table)
    return Outcome()


def check_columns(columns: Sequence[ColumnDefinition]) -> None:
    """Refuse columns of the same name, and types that there aren't."""
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise QueryFailed(
                f"FAILED: SemanticException [Error 10036]: Duplicate column name: {name}"
            )
    for column in columns:
        from_glue(column.type)


def drop_table(run: Run, statement: DropTable) -> Outcome:
    """Take a table out of the catalogue; its data stays where it is, unless it is Iceberg's."""
    database = statement.name.within(run.database)
    table = run.tables.find(database, statement.name.table)
    if table is None:
        if statement.if_exists:
            return Outcome()
        raise table_not_found(database, statement.name.table)
    if is_view(table):
        raise QueryFailed(
            "FAILED: SemanticException [Error 10007]: Cannot drop a view with DROP TABLE"
        )
    if is_iceberg(table):
        iceberg.drop_table(run, table)
    else:
        run.tables.delete(table)
    return Outcome()


def create_database(run: Run, statement: CreateDatabase) -> Outcome:
    """Add a database to the catalogue."""
    if run.tables.database(statement.name) is not None:
        if statement.if_not_exists:
            return Outcome()
        raise already_exists("Database", statement.name)
    database: dict[str, Any] = {"Name": statement.name, "Parameters": dict(statement.properties)}
    if statement.comment is not None:
        database["Description"] = statement.comment
    if statement.location is not None:
        database["LocationUri"] = statement.location
    run.tables.create_database(database)
    return Outcome()


def drop_database(run: Run, statement: DropDatabase) -> Outcome:
    """Take a database out of the catalogue; one that has tables only with CASCADE."""
    if run.tables.database(statement.name) is None:
        if statement.if_exists:
            return Outcome()
        raise database_not_found(statement.name)
    if not statement.cascade and run.tables.all(statement.name):
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"InvalidOperationException(message:Database {statement.name} is not empty. "
            "One or more tables exist.)"
        )
    run.tables.delete_database(statement.name)
    return Outcome()


def changeable(run: Run, name: Name) -> GlueTable:
    """The table that an ALTER TABLE is about.

    Raises:
        QueryFailed: it isn't there, or is a view or an Iceberg table.
    """
    table = run.tables.get(name, run.database)
    if is_view(table):
        raise QueryFailed(_NO_VIEW)
    if is_iceberg(table):
        raise QueryFailed(
            "NOT_SUPPORTED: This ALTER TABLE statement is not supported for Iceberg tables"
        )
    return table


def _iceberg_table(run: Run, name: Name) -> Table | None:
    """The table, if it is an Iceberg table."""
    found = run.tables.get(name, run.database)
    return run.iceberg.open(found) if is_iceberg(found) else None


def add_columns(run: Run, statement: AddColumns) -> Outcome:
    """New columns come after the others, before the partition keys."""
    if (own := _iceberg_table(run, statement.name)) is not None:
        return iceberg.add_columns(own, statement)
    table = changeable(run, statement.name)
    known = _definitions(table["StorageDescriptor"].get("Columns", []))
    keys = _definitions(table.get("PartitionKeys", []))
    check_columns([*known, *statement.columns, *keys])
    table["StorageDescriptor"]["Columns"] = glue_columns([*known, *statement.columns])
    run.tables.update(table)
    return Outcome()


def replace_columns(run: Run, statement: ReplaceColumns) -> Outcome:
    """The table has these columns and no others, besides its partition keys."""
    table = changeable(run, statement.name)
    check_columns([*statement.columns, *_definitions(table.get("PartitionKeys", []))])
    table["StorageDescriptor"]["Columns"] = glue_columns(statement.columns)
    run.tables.update(table)
    return Outcome()


def _definitions(columns: list[dict[str, str]]) -> list[ColumnDefinition]:
    return [ColumnDefinition(c["Name"], c.get("Type", "string"), c.get("Comment")) for c in columns]


def set_properties(run: Run, statement: SetTableProperties) -> Outcome:
    """Add table properties, or change them."""
    if (own := _iceberg_table(run, statement.name)) is not None:
        return iceberg.set_properties(own, statement)
    table = changeable(run, statement.name)
    table["Parameters"] = {**table.get("Parameters", {}), **statement.properties}
    run.tables.update(table)
    return Outcome()


def set_location(run: Run, statement: SetLocation) -> Outcome:
    """A table, or one of its partitions, lies elsewhere."""
    table = changeable(run, statement.name)
    if split_uri(statement.location) is None:
        raise QueryFailed(
            "FAILED: SemanticException [Error 10217]: Cannot connect to the new location: "
            f"{statement.location} is not an S3 URI"
        )
    if statement.partition is None:
        table["StorageDescriptor"]["Location"] = statement.location
        run.tables.update(table)
        return Outcome()
    wanted = [statement.partition.get(key["Name"]) for key in table.get("PartitionKeys", [])]
    for partition in run.tables.partitions(table):
        if partition["Values"] == wanted:
            partition["StorageDescriptor"]["Location"] = statement.location
            run.tables.update_partition(table, partition)
            return Outcome()
    raise QueryFailed(
        f"FAILED: SemanticException [Error 10006]: Partition not found {dict(statement.partition)}"
    )
