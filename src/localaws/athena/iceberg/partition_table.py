"""The table ``"orders$partitions"``: what an Iceberg table's partitions hold."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import pyarrow as pa
from pyiceberg.conversions import from_bytes
from pyiceberg.io.pyarrow import schema_to_pyarrow
from pyiceberg.manifest import DataFile, DataFileContent
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.types import NestedField, PrimitiveType

from localaws.athena.iceberg.lake_io import manifests_of


def partitions(table: Table) -> pa.Table:
    """One row for each partition that has files, of those that are partitioned as the table is.

    Its columns: the partition's values, how many rows, files and bytes it has, and of each other
    column the bounds of its values and how many of them are NULL or not a number.
    """
    schema, spec = table.schema(), table.spec()
    of_partition = list(spec.partition_type(schema).fields)
    keys = {part.source_id for part in spec.fields}
    measured = [
        field
        for field in schema.fields
        if isinstance(field.field_type, PrimitiveType) and field.field_id not in keys
    ]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for file in _data_files(table):
        values = tuple(file.partition[index] for index in range(len(of_partition)))
        named = zip((field.name for field in of_partition), values, strict=True)
        row = rows.setdefault(values, _nothing(dict(named)))
        row["record_count"] += file.record_count
        row["file_count"] += 1
        row["total_size"] += file.file_size_in_bytes
        for field in measured:
            row["data"][field.name] = _widened(row["data"].get(field.name), field, file)
    return pa.Table.from_pylist(list(rows.values()), schema=_schema(of_partition, measured))


def _nothing(partition: Mapping[str, Any]) -> dict[str, Any]:
    counts = {"record_count": 0, "file_count": 0, "total_size": 0}
    return {"partition": partition, **counts, "data": {}}


def _data_files(table: Table) -> list[DataFile]:
    return [
        entry.data_file
        for manifest in manifests_of(table.current_snapshot(), table.io)
        if manifest.partition_spec_id == table.spec().spec_id
        for entry in manifest.fetch_manifest_entry(table.io)
        if entry.data_file.content == DataFileContent.DATA
    ]


def _schema(of_partition: list[NestedField], measured: list[NestedField]) -> pa.Schema:
    counts = {"null_count": pa.int64(), "nan_count": pa.int64()}
    data = {
        field.name: pa.struct({"min": field.type, "max": field.type, **counts})
        for field in schema_to_pyarrow(Schema(*measured), include_field_ids=False)
    }
    columns = {
        "partition": pa.struct(schema_to_pyarrow(Schema(*of_partition), include_field_ids=False)),
        "record_count": pa.int64(),
        "file_count": pa.int64(),
        "total_size": pa.int64(),
        "data": pa.struct(data),
    }
    # What has no fields is no column.
    return pa.schema({k: v for k, v in columns.items() if not pa.types.is_struct(v) or len(v)})


def _widened(known: dict[str, Any] | None, field: NestedField, file: DataFile) -> dict[str, Any]:
    """What is known of a column's values, with those of one more file."""
    kind, number = field.field_type, field.field_id
    assert isinstance(kind, PrimitiveType)
    lower, upper = (
        from_bytes(kind, bounds[number]) if bounds and number in bounds else None
        for bounds in (file.lower_bounds, file.upper_bounds)
    )
    found = {
        "min": lower,
        "max": upper,
        "null_count": (file.null_value_counts or {}).get(number),
        "nan_count": (file.nan_value_counts or {}).get(number),
    }
    if known is None:
        return found
    choices = {"min": min, "max": max, "null_count": operator.add, "nan_count": operator.add}
    return {key: _chosen(choose, known[key], found[key]) for key, choose in choices.items()}


def _chosen(choose: Any, one: Any, other: Any) -> Any:
    if one is None or other is None:
        return one if other is None else other
    return choose(one, other)
