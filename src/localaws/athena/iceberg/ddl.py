"""DDL on Iceberg tables: their schema and properties change by commits, as their rows do.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-managing-tables.html
"""

from __future__ import annotations

from collections.abc import Iterator

from pyiceberg.exceptions import ValidationError
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table
from pyiceberg.types import NestedField

from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTable, is_iceberg, is_view
from localaws.athena.iceberg import properties as athena_properties
from localaws.athena.iceberg.schemas import glue_type, iceberg_type, schema_of, spec_of
from localaws.athena.iceberg.statements import ChangeColumn, DropColumn, UnsetTableProperties
from localaws.athena.iceberg.tables import committing
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import (
    AddColumns,
    CreateTable,
    SetTableProperties,
)
from localaws.athena.storage import Place, delete
from localaws.athena.tokens import Name


def create_table(run: Run, statement: CreateTable) -> Outcome:
    """An empty table: its first metadata file, and the entry in Glue that points to it."""
    schema = schema_of(statement.columns)
    properties = athena_properties.of_new_table(statement.properties)
    if statement.comment is not None:
        properties[athena_properties.COMMENT] = statement.comment
    run.iceberg.create(
        statement.name.within(run.database),
        statement.name.table,
        schema,
        statement.location,
        spec=spec_of(schema, statement.transforms),
        properties=properties,
    )
    return Outcome()


def drop_table(run: Run, found: GlueTable) -> None:
    """Take a table out of the catalogue, then delete all files that its snapshots know."""
    table = run.iceberg.open(found)
    files = [Place.of(uri) for uri in dict.fromkeys(_files(table))]
    run.tables.delete(found)
    for bucket in {place.bucket for place in files}:
        delete(run.s3, [place for place in files if place.bucket == bucket])


def _files(table: Table) -> Iterator[str]:
    io, metadata = table.io, table.metadata
    yield table.metadata_location
    yield from (entry.metadata_file for entry in metadata.metadata_log)
    yield from (statistics.statistics_path for statistics in metadata.statistics)
    manifests: dict[str, ManifestFile] = {}
    for snapshot in metadata.snapshots:
        yield snapshot.manifest_list
        manifests |= {manifest.manifest_path: manifest for manifest in snapshot.manifests(io)}
    for path, manifest in manifests.items():
        yield path
        for entry in manifest.fetch_manifest_entry(io, discard_deleted=False):
            yield entry.data_file.file_path


def changeable(run: Run, name: Name) -> Table:
    """The Iceberg table that an ALTER TABLE is about.

    Raises:
        QueryFailed: it isn't there, or is another kind of table.
    """
    found = run.tables.get(name, run.database)
    if is_view(found) or not is_iceberg(found):
        raise QueryFailed(
            "NOT_SUPPORTED: This ALTER TABLE statement is only supported for Iceberg tables"
        )
    return run.iceberg.open(found)


def add_columns(table: Table, statement: AddColumns) -> Outcome:
    """New columns come last; the rows that are there have NULL in them."""
    known = {field.name for field in table.schema().fields}
    with committing(*table.name()), table.update_schema() as update:
        for column in statement.columns:
            if column.name in known:
                raise _duplicate(column.name)
            known.add(column.name)
            update.add_column(column.name, iceberg_type(column.type), column.comment)
    return Outcome()


def _duplicate(name: str) -> QueryFailed:
    return QueryFailed(f"FAILED: SemanticException [Error 10036]: Duplicate column name: {name}")


def change_column(run: Run, statement: ChangeColumn) -> Outcome:
    """Rename a column, widen its type, move it: the files stay as they are."""
    table = changeable(run, statement.name)
    old, new = _field(table, statement.column), statement.new
    if new.name != statement.column and new.name in table.schema().column_names:
        raise _duplicate(new.name)
    wanted = iceberg_type(new.type)
    try:
        with committing(*table.name()), table.update_schema() as update:
            if glue_type(old.field_type) != glue_type(wanted):
                update.update_column(statement.column, field_type=wanted)
            if new.comment is not None:
                update.update_column(statement.column, doc=new.comment)
            if statement.after == "":
                update.move_first(statement.column)
            elif statement.after is not None:
                _field(table, statement.after)
                update.move_after(statement.column, statement.after)
            if new.name != statement.column:
                update.rename_column(statement.column, new.name)
    except ValidationError as error:
        raise QueryFailed(f"NOT_SUPPORTED: {error}") from error
    return Outcome()


def drop_column(run: Run, statement: DropColumn) -> Outcome:
    """The column is no longer shown; the files keep it."""
    table = changeable(run, statement.name)
    field = _field(table, statement.column)
    if any(part.source_id == field.field_id for part in table.spec().fields):
        raise QueryFailed(f"NOT_SUPPORTED: Cannot drop partition field: {statement.column}")
    with committing(*table.name()), table.update_schema() as update:
        update.delete_column(statement.column)
    return Outcome()


def _field(table: Table, name: str) -> NestedField:
    found = next((field for field in table.schema().fields if field.name == name), None)
    if found is None:
        raise QueryFailed(
            f"FAILED: SemanticException [Error 10002]: Invalid column reference {name}"
        )
    return found


def set_properties(table: Table, statement: SetTableProperties) -> Outcome:
    """Add properties, or change them; only those that Athena knows."""
    changed = athena_properties.to_iceberg(statement.properties)
    with committing(*table.name()), table.transaction() as transaction:
        transaction.set_properties(changed)
    return Outcome()


def unset_properties(run: Run, statement: UnsetTableProperties) -> Outcome:
    """Remove properties; what isn't there is no error."""
    table = changeable(run, statement.name)
    keys = [athena_properties.iceberg_key(key) for key in statement.keys]
    with committing(*table.name()), table.transaction() as transaction:
        transaction.remove_properties(*keys)
    return Outcome()
