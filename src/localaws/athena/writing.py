"""Statements that write data: CREATE TABLE AS, INSERT INTO and UNLOAD.

The rows are written to files here first; only when all are written do the files go to S3, and
only when they are there does the catalogue know of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import islice

import pyarrow as pa

from localaws.athena.arrow_types import (
    arrow_type,
    coercible,
    hive_type,
    named_columns,
    trino_type,
    trino_types,
)
from localaws.athena.catalog import CATALOG_NAME
from localaws.athena.data_files import DataFile, DataFiles, Format, Values, remove
from localaws.athena.ddl import table_input
from localaws.athena.engine import QueryResult
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.glue_tables import GlueTable, is_iceberg, is_view
from localaws.athena.iceberg import create_as, inserts
from localaws.athena.results import COUNT_COLUMN
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import (
    ColumnDefinition,
    CreateTableAs,
    Insert,
    Storage,
    Unload,
)
from localaws.athena.storage import NULL_PARTITION, Place, keys_below, partition_folder
from localaws.athena.storage_formats import (
    FORMATS,
    HIVE2_JSON,
    HIVE_JSON,
    LAZY_SIMPLE,
    OPENX_JSON,
    PARQUET,
    delimited,
)

_CTAS_PROPERTIES = (
    "format",
    "external_location",
    "partitioned_by",
    "write_compression",
    "parquet_compression",
    "field_delimiter",
    "table_type",
)
_UNLOAD_PROPERTIES = ("format", "compression", "partitioned_by", "field_delimiter")
_WRITABLE = {
    PARQUET: "PARQUET",
    OPENX_JSON: "JSON",
    HIVE_JSON: "JSON",
    HIVE2_JSON: "JSON",
    LAZY_SIMPLE: "TEXTFILE",
}

Properties = Mapping[str, str | tuple[str, ...]]


def _word(properties: Properties, key: str) -> str | None:
    value = properties.get(key)
    if isinstance(value, tuple):
        raise QueryFailed(f"INVALID_TABLE_PROPERTY: {key} must be a single value")
    return value


def _partitioned_by(properties: Properties) -> list[str]:
    value = properties.get("partitioned_by", ())
    if isinstance(value, str):
        raise QueryFailed("INVALID_TABLE_PROPERTY: partitioned_by must be an ARRAY of names")
    return [name.lower() for name in value]


def _check_known(properties: Properties, known: Sequence[str]) -> None:
    for key in properties:
        if key in ("bucketed_by", "bucket_count", "compression_level", "orc_compression"):
            raise not_emulated(f"the property {key}")
        if key not in known:
            raise QueryFailed(
                f"INVALID_TABLE_PROPERTY: line 1:1: Catalog '{CATALOG_NAME}' table property "
                f"'{key}' does not exist"
            )


def _empty_folder(run: Run, location: str, what: str) -> Place:
    """The folder to write to, in which nothing may be."""
    try:
        folder = Place.of(location).folder
    except ValueError as error:
        raise QueryFailed(f"INVALID_TABLE_PROPERTY: {error}") from error
    if next(islice(keys_below(run.s3, folder), 1), None) is not None:
        raise QueryFailed(
            f"HIVE_PATH_ALREADY_EXISTS: Target directory for {what} already exists: "
            f"{folder.uri}. You may need to manually clean the data at location '{folder.uri}' "
            "before retrying. Athena will not delete data in your account."
        )
    return folder


def _check_partition_columns(names: Sequence[str], keys: Sequence[str]) -> None:
    for key in keys:
        if key not in names:
            raise QueryFailed(f"COLUMN_NOT_FOUND: Partition column {key} is not in the query")
    if keys and list(names[-len(keys) :]) != list(keys):
        raise QueryFailed(
            "HIVE_COLUMN_ORDER_MISMATCH: Partition keys must be the last columns in the table and "
            f"in the same order as the table properties: [{', '.join(keys)}]"
        )
    if keys and len(keys) == len(names):
        raise QueryFailed("INVALID_TABLE_PROPERTY: Table contains only partition columns")


def _check_precision(result: QueryResult) -> None:
    """Hive's timestamps have milliseconds, those of Iceberg tables more than that."""
    for column in result.columns:
        if column.has_microseconds:
            raise QueryFailed(
                "NOT_SUPPORTED: Incorrect timestamp precision for timestamp(6); the configured "
                f"precision is MILLISECONDS; column name: {column.name}"
            )


def create_table_as(run: Run, statement: CreateTableAs) -> Outcome:
    """CTAS: by default Parquet, below the workgroup's output location."""
    properties = statement.properties
    iceberg = (_word(properties, "table_type") or "HIVE").upper() == "ICEBERG"
    if not iceberg:
        _check_known(properties, _CTAS_PROPERTIES)
    database, name = statement.name.within(run.database), statement.name.table
    if run.tables.database(database) is None:
        raise QueryFailed(f"SCHEMA_NOT_FOUND: line 1:1: Schema '{database}' does not exist")
    if run.tables.find(database, name) is not None:
        if statement.if_not_exists:
            return Outcome([COUNT_COLUMN], None, ("CREATE TABLE", 0))
        raise QueryFailed(
            "TABLE_ALREADY_EXISTS: line 1:1: Destination table "
            f"'{CATALOG_NAME}.{database}.{name}' already exists"
        )
    if iceberg:
        return create_as.create_table_as(run, statement)
    codec = _word(properties, "write_compression") or _word(properties, "parquet_compression")
    kind = Format.checked(
        _word(properties, "format") or "PARQUET", codec, _word(properties, "field_delimiter")
    )
    location = _word(properties, "external_location") or run.execution.output.uri
    folder = _empty_folder(run, location, f"table '{database}.{name}'")
    query = statement.query
    result = run.select(query) if statement.with_data else run.shape(query)
    _check_precision(result)
    names = [column.name.lower() for column in named_columns(result)]
    keys = _partitioned_by(properties)
    _check_partition_columns(names, keys)
    columns = [
        ColumnDefinition(column, hive_type(field.type))
        for column, field in zip(names, result.reader.schema, strict=True)
    ]
    schema = pa.schema(
        [field.with_name(column) for column, field in zip(names, result.reader.schema, strict=True)]
    )
    files, rows = _written(run, result, schema, keys, kind, folder)
    table = table_input(
        name,
        columns[: len(columns) - len(keys)],
        columns[len(columns) - len(keys) :],
        _storage(kind),
        folder.uri,
        {"classification": kind.name.lower(), "trino_query_id": run.execution.engine_id},
    )
    try:
        run.tables.create(database, table)
        if keys:
            created = {**table, "DatabaseName": database}
            run.tables.add_partitions(created, _folders(files, keys, folder))
    except BaseException:
        remove(run.s3, files)
        raise
    return Outcome([COUNT_COLUMN], None, ("CREATE TABLE", rows), [file.place.uri for file in files])


def _storage(kind: Format) -> Storage:
    stored = FORMATS[kind.name]
    if kind.name != "TEXTFILE":
        return stored
    parameters = delimited(kind.delimiter)
    return Storage(stored.serde, stored.input_format, stored.output_format, parameters)


def _folders(files: Sequence[DataFile], keys: list[str], base: Place) -> dict[tuple[str, ...], str]:
    """The partitions of files: their values and folders."""
    return {
        tuple(NULL_PARTITION if value is None else value for value in file.partition): (
            base + partition_folder(keys, list(file.partition))
        ).uri
        for file in files
    }


def _written(
    run: Run,
    result: QueryResult,
    schema: pa.Schema,
    keys: Sequence[str],
    kind: Format,
    base: Place,
    places: dict[Values, Place] | None = None,
) -> tuple[list[DataFile], int]:
    """Write a query's rows into files in S3; returns the files and the number of rows."""
    with DataFiles(schema, keys, kind, base, run.execution.engine_id, places) as files:
        for batch in result.reader:
            files.write(pa.record_batch(batch.columns, schema=schema))
        run.check()
        uploaded, rows = files.upload(run.s3), files.rows
    if run.execution.cancelled.is_set():
        remove(run.s3, uploaded)
        run.check()
    return uploaded, rows


def insert(run: Run, statement: Insert) -> Outcome:
    """INSERT INTO: the query's columns go by position to the named ones, or to all."""
    database, name = statement.name.within(run.database), statement.name.table
    table = run.tables.find(database, name)
    if table is None:
        raise QueryFailed(
            f"TABLE_NOT_FOUND: line 1:1: Table '{CATALOG_NAME}.{database}.{name}' does not exist"
        )
    if is_iceberg(table):
        return inserts.insert(run, statement, table)
    kind = _insertable(table)
    keys = [str(key["Name"]) for key in table.get("PartitionKeys", [])]
    described = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", [])]
    types = {column["Name"]: arrow_type(column["Type"]) for column in described}
    wanted = list(statement.columns) or list(types)
    for column in wanted:
        if column not in types:
            raise QueryFailed(
                "COLUMN_NOT_FOUND: line 1:1: Insert column name does not exist in target table: "
                f"{column}"
            )
    result = run.select(statement.query)
    given = [field.type for field in result.reader.schema]
    fits = len(given) == len(wanted) and all(
        coercible(kind_given, types[column])
        for kind_given, column in zip(given, wanted, strict=True)
    )
    if not fits or any(column.has_microseconds for column in result.columns):
        into = ", ".join(trino_type(types[column]) for column in wanted)
        raise QueryFailed(
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: "
            f"Table: [{into}], Query: [{', '.join(trino_types(result))}]"
        )
    schema = pa.schema([pa.field(column, kind) for column, kind in types.items()])
    arranged = pa.RecordBatchReader.from_batches(
        schema, (_arranged(batch, wanted, schema) for batch in result.reader)
    )
    known = {tuple(p["Values"]): p for p in run.tables.partitions(table)} if keys else {}
    places: dict[Values, Place] = {
        tuple(None if value == NULL_PARTITION else value for value in values): Place.of(
            partition["StorageDescriptor"]["Location"]
        ).folder
        for values, partition in known.items()
    }
    base = Place.of(table["StorageDescriptor"]["Location"]).folder
    changed = QueryResult(result.columns, arranged, 0)
    files, rows = _written(run, changed, schema, keys, kind, base, places)
    try:
        new = {v: uri for v, uri in _folders(files, keys, base).items() if v not in known}
        run.tables.add_partitions(table, new if keys else {})
    except BaseException:
        remove(run.s3, files)
        raise
    return Outcome([COUNT_COLUMN], None, ("INSERT", rows), [file.place.uri for file in files])


def _insertable(table: GlueTable) -> Format:
    """How rows are added to a table."""
    if is_view(table):
        raise QueryFailed("NOT_SUPPORTED: Inserting into views is not supported")
    serde = table["StorageDescriptor"].get("SerdeInfo", {})
    library = serde.get("SerializationLibrary", "")
    if library not in _WRITABLE:
        raise QueryFailed(f"NOT_SUPPORTED: INSERT INTO a table with the SerDe {library}")
    properties = table.get("Parameters", {})
    codec = properties.get("write.compression") or properties.get("parquet.compression")
    parameters = serde.get("Parameters", {})
    delimiter = parameters.get("field.delim")
    return Format.checked(_WRITABLE[library], codec, delimiter)


def _arranged(batch: pa.RecordBatch, given: Sequence[str], schema: pa.Schema) -> pa.RecordBatch:
    """A batch in the table's order and types; columns that weren't given are NULL."""
    by_name = dict(zip(given, batch.columns, strict=True))
    columns = [
        by_name[field.name].cast(field.type)
        if field.name in by_name
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.record_batch(columns, schema=schema)


def unload(run: Run, statement: Unload) -> Outcome:
    """UNLOAD: files without a table."""
    properties = statement.properties
    _check_known(properties, _UNLOAD_PROPERTIES)
    kind = Format.checked(
        _word(properties, "format") or "",
        _word(properties, "compression"),
        _word(properties, "field_delimiter"),
    )
    folder = _empty_folder(run, statement.location, "UNLOAD")
    result = run.select(statement.query)
    _check_precision(result)
    names = [column.name for column in result.columns]
    keys = _partitioned_by(properties)
    _check_partition_columns([name.lower() for name in names], keys)
    schema = pa.schema(
        [field.with_name(name) for name, field in zip(names, result.reader.schema, strict=True)]
    )
    files, rows = _written(run, result, schema, keys, kind, folder)
    return Outcome([COUNT_COLUMN], None, ("UNLOAD", rows), [file.place.uri for file in files])
