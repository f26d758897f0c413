"""Reads an Iceberg table's data files, without the rows that delete files take out of them."""

# ruff: noqa: S608 - names and texts are quoted

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask

from localaws.athena.dialect import HIDDEN_COLUMNS
from localaws.athena.duck import literal, quoted
from localaws.athena.iceberg.file_rows import FILE, PLACE, bytes_read, fetch, path_list, source
from localaws.athena.iceberg.foreign_files import give_ids
from localaws.athena.iceberg.lake_catalog import IcebergTable
from localaws.athena.objects import ObjectStore
from localaws.athena.scan import LocalTable
from localaws.athena.storage import Place


@dataclass
class IcebergScan:
    """The data files that one reading of a table needs, each with its delete files."""

    table: IcebergTable
    needed: frozenset[str]
    tasks: Sequence[FileScanTask]

    @property
    def uris(self) -> list[str]:
        """Where the data files lie."""
        return [task.file.file_path for task in self.tasks]

    @property
    def stored_bytes(self) -> int:
        """The size of all files, as they are stored."""
        files = [*(task.file for task in self.tasks), *self._delete_files()]
        return sum(file.file_size_in_bytes for file in files)

    def _delete_files(self) -> list[DataFile]:
        found = {file.file_path: file for task in self.tasks for file in task.delete_files}
        return list(found.values())

    def fetch(self, store: ObjectStore, folder: Path, check: Callable[[], None]) -> LocalTable:
        """Copy the files to local ones; see `scan.Scan`."""
        files, deletes = [task.file for task in self.tasks], self._delete_files()
        paths = fetch([*files, *deletes], store, folder, check)
        give_ids(files, paths[: len(files)], self.table.metadata)
        origins = dict(zip(map(str, paths), (f.file_path for f in [*files, *deletes]), strict=True))
        schema = self.table.metadata.schema()
        scanned = bytes_read(files, schema, self.needed)
        scanned += sum(file.file_size_in_bytes for file in deletes)
        sql = self._sql(paths[: len(files)], paths[len(files) :], self._of_files(store))
        return LocalTable(sql, scanned, origins)

    def _sql(
        self,
        paths: Sequence[Path],
        deletes: Sequence[Path],
        of_files: Mapping[str, Sequence[str]],
    ) -> str:
        types = {**self.table.schema, **HIDDEN_COLUMNS, FILE: "BIGINT", PLACE: "BIGINT"}
        if not paths:
            nothing = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
            return f"SELECT {', '.join(nothing)} WHERE false"
        columns = [quoted(c.name) for c in self.table.columns if c.name in self.needed]
        for name, values in of_files.items():
            columns.append(f"CAST({_pick(values)} AS {types[name]}) AS {quoted(name)}")
        for name, where in ((FILE, "file_index"), (PLACE, "file_row_number")):
            if name in self.needed:
                columns.append(f"{where} AS {quoted(name)}")
        schema = self.table.metadata.schema()
        rows = f"SELECT {', '.join(columns) or '1 AS one'} FROM {source(schema, paths)}"
        if not deletes:
            return rows
        # A delete file names the rows that are gone by their data file and their number in it.
        deleted = f"SELECT file_path, pos FROM read_parquet({path_list(deletes)})"
        return f"{rows} WHERE ({_pick(self.uris)}, file_row_number) NOT IN ({deleted})"

    def _of_files(self, store: ObjectStore) -> dict[str, list[str]]:
        """The hidden columns that the query needs, whose values are those of a whole file."""
        values = {
            "$path": self.uris,
            "$file_size": [str(task.file.file_size_in_bytes) for task in self.tasks],
        }
        if "$file_modified_time" in self.needed:
            places = [Place.of(uri) for uri in self.uris]
            written = store.modified((place.bucket, place.key) for place in places)
            values["$file_modified_time"] = [moment.isoformat(" ") for moment in written]
        return {name: of_files for name, of_files in values.items() if name in self.needed}


def _pick(values: Sequence[str]) -> str:
    """The value of a row's file."""
    if len(set(values)) == 1:
        return literal(values[0])
    texts = ", ".join(map(literal, values))
    return f"list_extract([{texts}], CAST(file_index AS INTEGER) + 1)"
