"""The rows of an Iceberg table's data files, each with its file and its place in it."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path

from pyiceberg.manifest import DataFile
from pyiceberg.schema import Schema

from localaws.athena.duck import literal, quoted
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.objects import ObjectStore, StoredObject, Variant
from localaws.athena.storage import Place
from localaws.athena.types import from_glue

#: The number of a row's file in the list, and of the row in its file.
FILE, PLACE = "$file", "$place"
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def fetch(
    files: Sequence[DataFile], store: ObjectStore, folder: Path, check: Callable[[], None]
) -> list[Path]:
    """Copy files to local ones, below a folder that is made here."""
    folder.mkdir(parents=True)
    paths = [folder / f"{number}.parquet" for number in range(len(files))]

    def link(number: int, copy: Path) -> None:
        check()
        os.link(copy, paths[number])

    store.copies([_stored(file) for file in files], Variant.RAW, link)
    return paths


def _stored(file: DataFile) -> StoredObject:
    # A data file never changes, so its name stands for its content.
    place = Place.of(file.file_path)
    return StoredObject(place.bucket, place.key, "", file.file_size_in_bytes, _LONG_AGO)


def rows_of(schema: Schema, columns: Collection[str], paths: Sequence[Path]) -> str:
    """A query of DuckDB's that gives rows of files: some columns, and where each row is from."""
    types = {field.name: from_glue(glue_type(field.field_type)) for field in schema.fields}
    if not paths:
        nothing = [f"CAST(NULL AS {types[name]}) AS {quoted(name)}" for name in columns]
        nothing += [f"0 AS {quoted(FILE)}", f"0 AS {quoted(PLACE)}"]
        return f"SELECT {', '.join(nothing)} WHERE false"
    fields = ", ".join(
        f"{field.field_id}: {{name: {literal(field.name)}, type: {literal(types[field.name])}, "
        "default_value: NULL}"
        for field in schema.fields
    )
    shown = [quoted(field.name) for field in schema.fields if field.name in columns]
    shown += [f"file_index AS {quoted(FILE)}", f"file_row_number AS {quoted(PLACE)}"]
    names = ", ".join(literal(str(path)) for path in paths)
    source = f"read_parquet([{names}], schema = MAP {{{fields}}})"
    return f"SELECT {', '.join(shown)} FROM {source}"  # noqa: S608 - quoted


def column_bytes(file: DataFile, schema: Schema, columns: Collection[str]) -> int:
    """What is read of a file for some of its columns."""
    sizes = file.column_sizes
    if not sizes:
        return file.file_size_in_bytes
    names = {field_id: name.partition(".")[0] for field_id, name in schema._lazy_id_to_name.items()}
    return sum(size for field_id, size in sizes.items() if names.get(field_id) in columns)
