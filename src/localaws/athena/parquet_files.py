"""What the footers of Parquet files say: their columns, and how many bytes each of them takes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import types as kinds

from localaws.athena.catalog import Table
from localaws.athena.failures import QueryFailed
from localaws.athena.types import decimal_shape, is_integer

#: The footer's own length and the magic number, behind it.
_TRAILER = 8


class ParquetFiles:
    """The Parquet files of a table.

    Attributes:
        columns: the columns that there are in any of them, as they are spelled there.
        scanned_bytes: the footers and the column chunks that are needed.
    """

    def __init__(self, table: Table, needed: frozenset[str]) -> None:
        self.columns: dict[str, None] = {}
        self.scanned_bytes = 0
        self._needed = needed
        self._declared = {column.name: column for column in table.columns}

    def add(self, path: Path, uri: str) -> None:
        """Take in a file.

        Raises:
            QueryFailed: if a column that is needed is of another type than the table's.
        """
        try:
            with pq.ParquetFile(path) as file:
                for field in file.schema_arrow:
                    self._check(field, uri)
                    self.columns[field.name] = None
                self._count(file.metadata)
        except pa.ArrowInvalid as error:
            raise QueryFailed(f"HIVE_BAD_DATA: Not valid Parquet file: {uri}") from error

    def _check(self, field: pa.Field, uri: str) -> None:
        column = self._declared.get(field.name.lower())
        if column is None or column.name not in self._needed:
            return
        if not _fits(field.type, column.duckdb_type):
            raise QueryFailed(
                f"HIVE_BAD_DATA: Malformed Parquet file. Field {column.name}'s type {field.type} "
                f"in parquet file {uri} is incompatible with type {column.type} defined in table "
                "schema"
            )

    def _count(self, footer: pq.FileMetaData) -> None:
        self.scanned_bytes += footer.serialized_size + _TRAILER
        for group in map(footer.row_group, range(footer.num_row_groups)):
            for chunk in map(group.column, range(group.num_columns)):
                if chunk.path_in_schema.partition(".")[0].lower() in self._needed:
                    self.scanned_bytes += chunk.total_compressed_size


def _fits(found: pa.DataType, declared: str) -> bool:
    """Whether Athena reads a Parquet type as a column's type."""
    if declared.endswith("]"):
        return bool(kinds.is_list(found) or kinds.is_large_list(found))
    if declared.startswith("STRUCT"):
        return bool(kinds.is_struct(found))
    if declared.startswith("MAP"):
        return bool(kinds.is_map(found))
    if declared in ("VARCHAR", "BLOB"):
        texts = kinds.is_string, kinds.is_large_string, kinds.is_binary, kinds.is_large_binary
        return any(test(found) for test in (*texts, kinds.is_dictionary))
    if is_integer(declared):
        return bool(kinds.is_integer(found))
    if declared in ("DOUBLE", "FLOAT"):
        return bool(kinds.is_floating(found))
    if decimal_shape(declared):
        return bool(kinds.is_decimal(found) or kinds.is_integer(found))
    if declared == "DATE":
        return bool(kinds.is_date(found))
    if declared.startswith("TIMESTAMP"):
        return bool(kinds.is_timestamp(found))
    return bool(kinds.is_boolean(found))
