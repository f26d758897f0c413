"""The rows of an Iceberg table's data files, each with its file and its place in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyiceberg.manifest import DataFile, FileFormat
from pyiceberg.schema import Schema

from localaws.athena.duck import literal
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.objects import ObjectStore, StoredObject, Variant
from localaws.athena.storage import Place
from localaws.athena.types import from_glue

#: Names for the number of a row's file among those that are read, and of the row in its file.
FILE, PLACE = "$file", "$place"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def fetch(
    files: Sequence[DataFile], store: ObjectStore, folder: Path, check: Callable[[], None]
) -> list[Path]:
    """Copy files to local ones, below a folder that is made here.

    Raises:
        QueryFailed: one of them isn't there, or isn't Parquet.
    """
    for file in files:
        if file.file_format != FileFormat.PARQUET:
            raise not_emulated(f"{file.file_format.name} files of an Iceberg table")
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.parquet" for number in range(len(files))]

    def link(number: int, copy: Path) -> None:
        check()
        os.link(copy, paths[number])

    try:
        store.copies([_stored(file) for file in files], Variant.RAW, link)
    except QueryFailed as error:
        kind, _, reason = error.message.partition(": ")
        if kind != "HIVE_CANNOT_OPEN_SPLIT":
            raise
        message = f"ICEBERG_CANNOT_OPEN_SPLIT: Error opening Iceberg split {reason}"
        raise QueryFailed(message) from error
    return paths


def _stored(file: DataFile) -> StoredObject:
    # A data file never changes, so its name stands for its content.
    place = Place.of(file.file_path)
    return StoredObject(place.bucket, place.key, "", file.file_size_in_bytes, _LONG_AGO)


def source(schema: Schema, paths: Sequence[Path]) -> str:
    """DuckDB's call that reads data files: columns are found by their ids, so that those that a
    file doesn't have are NULL, and those that were renamed or made wider fit."""
    fields = ", ".join(
        f"{field.field_id}: {{name: {literal(field.name.lower())}, "
        f"type: {literal(from_glue(glue_type(field.field_type)))}, default_value: NULL}}"
        for field in schema.fields
    )
    return f"read_parquet({path_list(paths)}, schema = MAP {{{fields}}})"


def path_list(paths: Sequence[Path]) -> str:
    """Paths as DuckDB's functions take them."""
    return f"[{', '.join(literal(str(path)) for path in paths)}]"


def bytes_read(files: Iterable[DataFile], schema: Schema, columns: Collection[str]) -> int:
    """What is read of files for some of their columns."""
    # A nested column is stored as several, each with an id of its own.
    wanted = {
        number
        for number in schema.field_ids
        if (schema.find_column_name(number) or "").partition(".")[0].lower() in columns
    }
    return sum(
        sum(size for number, size in file.column_sizes.items() if number in wanted)
        if file.column_sizes
        else file.file_size_in_bytes
        for file in files
    )
