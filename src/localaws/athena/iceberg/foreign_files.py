"""Parquet files that were added to an Iceberg table as they were, without the columns' ids.

https://iceberg.apache.org/spec/#column-projection: such columns are found by the names that the
table's name mapping has for them, and a column that a file lacks, because it was the folder's
name, has the partition's value.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import pyarrow_to_schema, schema_to_pyarrow
from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.name_mapping import NameMapping
from pyiceberg.transforms import IdentityTransform

from localaws.athena.failures import not_emulated

_FIELD_ID = b"PARQUET:field_id"


def give_ids(files: Sequence[DataFile], paths: Sequence[Path], metadata: TableMetadata) -> None:
    """Write the local copies of such files anew, with ids.

    Raises:
        QueryFailed: for nested columns that the name mapping doesn't know.
    """
    mapping = metadata.name_mapping()
    if mapping is None:
        return
    for file, path in zip(files, paths, strict=True):
        with pq.ParquetFile(path) as found:
            if any(_FIELD_ID in (field.metadata or {}) for field in found.schema_arrow):
                continue
            schema = _identified(found.schema_arrow, mapping, file.file_path)
            _rewrite(found, path, schema, _of_partition(file, metadata, schema))


def _identified(found: pa.Schema, mapping: NameMapping, uri: str) -> Schema:
    """The columns that the mapping knows, with their ids."""
    names = {name for field in mapping for name in field.names}
    known = pa.schema([field for field in found if field.name in names])
    try:
        return pyarrow_to_schema(known, mapping)
    except ValueError as error:
        raise not_emulated(f"the file {uri}: {error}") from error


def _of_partition(
    file: DataFile, metadata: TableMetadata, schema: Schema
) -> Mapping[pa.Field, Any]:
    """The columns that only the partition tells, and their values."""
    of_table = metadata.schema()
    return {
        schema_to_pyarrow(Schema(of_table.find_field(part.source_id))).field(0): value
        for part, value in (
            (part, file.partition[index])
            for index, part in enumerate(metadata.specs()[file.spec_id].fields)
        )
        if isinstance(part.transform, IdentityTransform)
        and part.source_id in of_table.field_ids
        and part.source_id not in schema.field_ids
    }


def _rewrite(
    found: pq.ParquetFile, path: Path, schema: Schema, constants: Mapping[pa.Field, Any]
) -> None:
    stored = schema_to_pyarrow(schema)
    written = pa.schema([*stored, *constants])
    partial = path.with_suffix(".part")
    with pq.ParquetWriter(partial, written) as out:
        for batch in found.iter_batches(columns=stored.names):
            values = [batch[field.name].cast(field.type) for field in stored]
            values += [
                pa.array([value] * batch.num_rows, field.type) for field, value in constants.items()
            ]
            out.write_batch(pa.record_batch(values, schema=written))
    # The copy itself is kept for other queries: only its link here is replaced.
    partial.replace(path)
