"""CREATE TABLE AS of an Iceberg table.

https://docs.aws.amazon.com/athena/latest/ug/create-table-as.html
"""

from __future__ import annotations

from itertools import islice

from localaws.athena.arrow_types import hive_type, named_columns
from localaws.athena.catalog import CATALOG_NAME
from localaws.athena.failures import QueryFailed
from localaws.athena.hive_clauses import read_transform
from localaws.athena.iceberg import properties as athena_properties
from localaws.athena.iceberg.ddl import drop_table
from localaws.athena.iceberg.inserts import append
from localaws.athena.iceberg.schemas import schema_of, spec_of
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import ColumnDefinition, CreateTableAs, PartitionTransform
from localaws.athena.storage import Place, keys_below
from localaws.athena.tokens import MalformedQuery

_OWN = ("table_type", "is_external", "location", "partitioning")


def create_table_as(run: Run, statement: CreateTableAs) -> Outcome:
    """A table with the columns and the rows of a query; without all rows there is no table."""
    given = {key: value for key, value in statement.properties.items() if key not in _OWN}
    for key, value in given.items():
        if key not in athena_properties.NAMES or not isinstance(value, str):
            raise QueryFailed(
                f"INVALID_TABLE_PROPERTY: line 1:1: Catalog '{CATALOG_NAME}' table property "
                f"'{key}' does not exist"
            )
    properties = athena_properties.of_new_table({k: str(v) for k, v in given.items()})
    if statement.properties.get("is_external") != "false":
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY: Iceberg tables are not external: set is_external = false"
        )
    transforms = _partitioning(statement)
    location = _empty_location(run, statement)
    query = statement.query
    result = run.select(query) if statement.with_data else run.shape(query)
    names = [column.name.lower() for column in named_columns(result)]
    schema = schema_of(
        [
            ColumnDefinition(name, hive_type(field.type))
            for name, field in zip(names, result.reader.schema, strict=True)
        ]
    )
    database, name = statement.name.within(run.database), statement.name.table
    spec = spec_of(schema, transforms)
    table = run.iceberg.create(database, name, schema, location, spec=spec, properties=properties)
    try:
        return append(run, table, result, names, "CREATE TABLE")
    except BaseException:
        found = run.tables.find(database, name)
        if found is not None:
            drop_table(run, found)
        raise


def _partitioning(statement: CreateTableAs) -> list[PartitionTransform]:
    """The property ``partitioning = ARRAY['category', 'bucket(16, id)']``."""
    written = statement.properties.get("partitioning", ())
    if isinstance(written, str):
        raise QueryFailed("INVALID_TABLE_PROPERTY: partitioning must be an ARRAY of transforms")
    try:
        return [read_transform(text) for text in written]
    except MalformedQuery as error:
        raise QueryFailed(
            f"INVALID_TABLE_PROPERTY: Unable to parse partitioning value: {error}"
        ) from error


def _empty_location(run: Run, statement: CreateTableAs) -> str:
    location = statement.properties.get("location")
    if not isinstance(location, str):
        raise QueryFailed(
            "INVALID_TABLE_PROPERTY: The location property must be set for Iceberg tables"
        )
    try:
        folder = Place.of(location).folder
    except ValueError as error:
        raise QueryFailed(f"INVALID_TABLE_PROPERTY: {error}") from error
    if next(islice(keys_below(run.s3, folder), 1), None) is not None:
        raise QueryFailed(
            f"ICEBERG_FILESYSTEM_ERROR: Cannot create a table on a non-empty location: {location}"
        )
    return location
