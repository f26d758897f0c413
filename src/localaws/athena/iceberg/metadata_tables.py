"""The tables about an Iceberg table, such as ``"orders$snapshots"``.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-table-metadata.html names them, and
https://trino.io/docs/current/connector/iceberg.html#metadata-tables their columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.conversions import from_bytes
from pyiceberg.manifest import DataFile, ManifestFile
from pyiceberg.table import Table as PyIcebergTable
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import PrimitiveType

from localaws.athena.arrow_types import hive_type
from localaws.athena.catalog import Storage, Table, TableColumn
from localaws.athena.dialect import HIDDEN_COLUMNS
from localaws.athena.duck import literal, quoted
from localaws.athena.iceberg.lake_io import manifests_of
from localaws.athena.iceberg.partition_table import partitions
from localaws.athena.objects import ObjectStore
from localaws.athena.scan import LocalTable

Rows = list[dict[str, Any]]
_MOMENT = pa.timestamp("ms", "UTC")
_BY_COLUMN = pa.map_(pa.int32(), pa.int64())
_BOUNDS = pa.map_(pa.int32(), pa.string())
_SUMMARY = pa.struct(
    {
        "contains_null": pa.bool_(),
        "contains_nan": pa.bool_(),
        "lower_bound": pa.string(),
        "upper_bound": pa.string(),
    }
)
_SCHEMAS: Mapping[str, pa.Schema] = {
    "history": pa.schema(
        {
            "made_current_at": _MOMENT,
            "snapshot_id": pa.int64(),
            "parent_id": pa.int64(),
            "is_current_ancestor": pa.bool_(),
        }
    ),
    "snapshots": pa.schema(
        {
            "committed_at": _MOMENT,
            "snapshot_id": pa.int64(),
            "parent_id": pa.int64(),
            "operation": pa.string(),
            "manifest_list": pa.string(),
            "summary": pa.map_(pa.string(), pa.string()),
        }
    ),
    "refs": pa.schema(
        {
            "name": pa.string(),
            "type": pa.string(),
            "snapshot_id": pa.int64(),
            "max_reference_age_in_ms": pa.int64(),
            "min_snapshots_to_keep": pa.int32(),
            "max_snapshot_age_in_ms": pa.int64(),
        }
    ),
    "manifests": pa.schema(
        {
            "path": pa.string(),
            "length": pa.int64(),
            "partition_spec_id": pa.int32(),
            "added_snapshot_id": pa.int64(),
            "added_data_files_count": pa.int32(),
            "added_rows_count": pa.int64(),
            "existing_data_files_count": pa.int32(),
            "existing_rows_count": pa.int64(),
            "deleted_data_files_count": pa.int32(),
            "deleted_rows_count": pa.int64(),
            "partition_summaries": pa.list_(_SUMMARY),
        }
    ),
    "files": pa.schema(
        {
            "content": pa.int32(),
            "file_path": pa.string(),
            "file_format": pa.string(),
            "record_count": pa.int64(),
            "file_size_in_bytes": pa.int64(),
            "column_sizes": _BY_COLUMN,
            "value_counts": _BY_COLUMN,
            "null_value_counts": _BY_COLUMN,
            "nan_value_counts": _BY_COLUMN,
            "lower_bounds": _BOUNDS,
            "upper_bounds": _BOUNDS,
            "key_metadata": pa.binary(),
            "split_offsets": pa.list_(pa.int64()),
            "equality_ids": pa.list_(pa.int32()),
        }
    ),
}


@dataclass(frozen=True, kw_only=True)
class MetadataTable(Table):
    """A table about an Iceberg table; `read` gives its rows."""

    read: Callable[[], pa.Table]


def metadata_table(table: PyIcebergTable, kind: str) -> MetadataTable | None:
    """The table of this kind about a table; None if there is no such kind."""
    if kind == "partitions":
        found = partitions(table)
        return _described(table, kind, found.schema, lambda: found)
    if kind not in _SCHEMAS:
        return None
    schema = _SCHEMAS[kind]
    return _described(
        table, kind, schema, lambda: pa.Table.from_pylist(_ROWS[kind](table), schema=schema)
    )


def _described(
    table: PyIcebergTable, kind: str, schema: pa.Schema, read: Callable[[], pa.Table]
) -> MetadataTable:
    database, name = table.name()
    columns = tuple(
        TableColumn(
            field.name,
            "timestamp with time zone" if field.type == _MOMENT else hive_type(field.type),
        )
        for field in schema
    )
    return MetadataTable(
        database=database, name=f"{name}${kind}", storage=Storage("", columns), read=read
    )


def _manifests(table: PyIcebergTable) -> Rows:
    summaries = {
        row["path"]: row["partition_summaries"] for row in table.inspect.manifests().to_pylist()
    }
    return [
        {
            "path": manifest.manifest_path,
            "length": manifest.manifest_length,
            "partition_spec_id": manifest.partition_spec_id,
            "added_snapshot_id": manifest.added_snapshot_id,
            "added_data_files_count": manifest.added_files_count,
            "added_rows_count": manifest.added_rows_count,
            "existing_data_files_count": manifest.existing_files_count,
            "existing_rows_count": manifest.existing_rows_count,
            "deleted_data_files_count": manifest.deleted_files_count,
            "deleted_rows_count": manifest.deleted_rows_count,
            "partition_summaries": summaries[manifest.manifest_path],
        }
        for manifest in _current_manifests(table)
    ]


def _current_manifests(table: PyIcebergTable) -> Sequence[ManifestFile]:
    return manifests_of(table.current_snapshot(), table.io)


def _files(table: PyIcebergTable) -> Rows:
    return [
        {
            "content": file.content.value,
            "file_path": file.file_path,
            "file_format": file.file_format.name,
            "record_count": file.record_count,
            "file_size_in_bytes": file.file_size_in_bytes,
            "column_sizes": _pairs(file.column_sizes),
            "value_counts": _pairs(file.value_counts),
            "null_value_counts": _pairs(file.null_value_counts),
            "nan_value_counts": _pairs(file.nan_value_counts),
            "lower_bounds": _pairs(_bounds(table, file.lower_bounds)),
            "upper_bounds": _pairs(_bounds(table, file.upper_bounds)),
            "key_metadata": file.key_metadata,
            "split_offsets": file.split_offsets,
            "equality_ids": file.equality_ids,
        }
        for file in _current_files(table)
    ]


def _current_files(table: PyIcebergTable) -> Iterator[DataFile]:
    for manifest in _current_manifests(table):
        for entry in manifest.fetch_manifest_entry(table.io):
            yield entry.data_file


def _pairs(values: Mapping[int, Any] | None) -> list[tuple[int, Any]] | None:
    return None if values is None else list(values.items())


def _bounds(
    table: PyIcebergTable, bounds: Mapping[int, bytes] | None
) -> dict[int, str | None] | None:
    """The bounds as texts, by the ids of the columns."""
    if bounds is None:
        return None
    shown: dict[int, str | None] = {}
    for number, bound in bounds.items():
        # A column that was dropped, or one that delete files have, isn't the table's.
        if number in table.schema().field_ids:
            kind = table.schema().find_type(number)
            if isinstance(kind, PrimitiveType):
                value: Any = from_bytes(kind, bound)
                shown[number] = IdentityTransform().to_human_string(kind, value)
    return shown


_ROWS: Mapping[str, Callable[[PyIcebergTable], Rows]] = {
    "history": lambda table: list(table.inspect.history().to_pylist()),
    "snapshots": lambda table: list(table.inspect.snapshots().to_pylist()),
    "refs": lambda table: list(table.inspect.refs().to_pylist()),
    "manifests": _manifests,
    "files": _files,
}


@dataclass(frozen=True)
class MetadataScan:
    """Reads a table about a table; it counts as nothing scanned."""

    table: MetadataTable
    uris: Sequence[str] = ()
    stored_bytes: int = 0

    def fetch(self, store: ObjectStore, folder: Path, check: Callable[[], None]) -> LocalTable:
        """Write the rows to a local file; see `scan.Scan`."""
        del store
        check()
        folder.mkdir(parents=True)
        path = folder / "rows.parquet"
        pq.write_table(self.table.read(), path)
        hidden = ", ".join(f"CAST(NULL AS {t}) AS {quoted(n)}" for n, t in HIDDEN_COLUMNS.items())
        sql = f"SELECT *, {hidden} FROM read_parquet({literal(str(path))})"  # noqa: S608 - quoted
        return LocalTable(sql, 0, {})
