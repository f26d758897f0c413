"""Reads a table: which objects, how many bytes of them, and the SQL that DuckDB reads them with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from localaws.athena.catalog import Partition, Table
from localaws.athena.dialect import HIDDEN_COLUMNS
from localaws.athena.duck import literal, quoted
from localaws.athena.failures import QueryFailed
from localaws.athena.formats import Reading, kind_of, reading
from localaws.athena.objects import ObjectStore, StoredObject, Variant
from localaws.athena.parquet_files import ParquetFiles


class Scan(Protocol):
    """What one reading of a table needs."""

    @property
    def table(self) -> Table:
        """What is read."""

    @property
    def uris(self) -> Sequence[str]:
        """Where the data lies."""

    @property
    def stored_bytes(self) -> int:
        """The size of the objects, as they are stored."""

    def fetch(self, store: ObjectStore, folder: Path, check: Callable[[], None]) -> LocalTable:
        """Copy the objects to local files.

        Args:
            folder: for these files; made here, removed by who gave it.
            check: called between files; raises if the query is to stop.
        """


@dataclass
class HiveScan:
    """The files that one reading of a table needs, all those in some folders.

    Attributes:
        needed: the columns that the query uses.
        partitions: those that are read, None for the whole of an unpartitioned table.
        objects: what lies in each of them.
    """

    table: Table
    needed: frozenset[str]
    partitions: Sequence[Partition | None]
    objects: list[list[StoredObject]]

    @property
    def stored_bytes(self) -> int:
        """The size of the objects, as they are stored."""
        return sum(item.size for found in self.objects for item in found)

    @property
    def uris(self) -> list[str]:
        """Where the objects lie."""
        return [item.uri for found in self.objects for item in found]

    def fetch(self, store: ObjectStore, folder: Path, check: Callable[[], None]) -> LocalTable:
        """Copy the objects to local files; see `Scan`."""

        def link(number: int, copy: Path) -> None:
            check()
            os.link(copy, paths[number])

        flat = [item for found in self.objects for item in found]
        parquet = kind_of(self.table.storage) == "parquet"
        how = None if parquet else reading(self.table)
        paths = _paths(self, folder, how.suffix if how else ".parquet")
        variant = how.variant if how else Variant.RAW
        store.copies(flat, variant, link)
        scanned = self.stored_bytes
        if how is None:
            files = ParquetFiles(self.table, self.needed)
            for item, path in zip(flat, paths, strict=True):
                files.add(path, item.uri)
            scanned = files.scanned_bytes
            how = reading(self.table, list(files.columns))
        origins = {str(path): item.uri for item, path in zip(flat, paths, strict=True)}
        return LocalTable(_sql(self, how, flat, paths), scanned, origins)


def plan_scan(
    table: Table, partitions: Sequence[Partition] | None, needed: frozenset[str], store: ObjectStore
) -> HiveScan:
    """List the objects that a query needs of a table.

    Raises:
        QueryFailed: for formats that aren't emulated, and partitions whose schema doesn't fit.
    """
    kind = kind_of(table.storage)
    if partitions is None:
        return HiveScan(table, needed, [None], store.list_folders([table.storage.location]))
    for partition in partitions:
        _check_schema(table, partition)
        if partition.storage.serde and kind_of(partition.storage) != kind:
            raise QueryFailed(
                "NOT_SUPPORTED: partitions in another format than their table are not supported "
                f"by the local AWS: {_partition_name(table, partition)}"
            )
    locations = [partition.storage.location for partition in partitions]
    return HiveScan(
        table, needed, list(partitions), store.list_folders(locations) if locations else []
    )


def _partition_name(table: Table, partition: Partition) -> str:
    pairs = zip(table.partition_keys, partition.values, strict=True)
    return "/".join(f"{key.name}={value}" for key, value in pairs)


_WIDENS = {
    "TINYINT": ("SMALLINT", "INTEGER", "BIGINT"),
    "SMALLINT": ("INTEGER", "BIGINT"),
    "INTEGER": ("BIGINT",),
    "FLOAT": ("DOUBLE",),
}


def _check_schema(table: Table, partition: Partition) -> None:
    """https://docs.aws.amazon.com/athena/latest/ug/updates-and-partitions.html"""
    declared = {column.name: column for column in table.columns}
    for column in partition.storage.columns:
        of_table = declared.get(column.name)
        if of_table is None or of_table.type == column.type:
            continue
        one, other = column.duckdb_type, of_table.duckdb_type
        if one != other and other not in _WIDENS.get(one, ()):
            raise QueryFailed(
                "HIVE_PARTITION_SCHEMA_MISMATCH: There is a mismatch between the table and "
                "partition schemas. The types are incompatible and cannot be coerced. The column "
                f"'{column.name}' in table '{table.database}.{table.name}' is declared as type "
                f"'{of_table.type}', but partition '{_partition_name(table, partition)}' declared "
                f"column '{column.name}' as type '{column.type}'."
            )


@dataclass(frozen=True)
class LocalTable:
    """The rows of a scan, as local files.

    Attributes:
        sql: a query that gives them.
        scanned_bytes: what Athena counts for it.
        origins: the object that each local file is a copy of, by the file's path.
    """

    sql: str
    scanned_bytes: int
    origins: dict[str, str]


def _paths(scan: HiveScan, folder: Path, suffix: str) -> list[Path]:
    folder.mkdir(parents=True)
    count = sum(map(len, scan.objects))
    return [folder / f"{number}{suffix}" for number in range(1, count + 1)]


#: The number of a row's file; DuckDB works it out once for each of them.
_FILE_NUMBER = "CAST(regexp_extract(file_name, '([0-9]+)[.][a-z]+$', 1) AS INTEGER)"


def _sql(scan: HiveScan, how: Reading, flat: list[StoredObject], paths: Sequence[Path]) -> str:
    table = scan.table
    types = {**table.schema, **HIDDEN_COLUMNS}
    if not paths:
        nothing = (f"CAST(NULL AS {types[name]}) AS {quoted(name)}" for name in types)
        return f"SELECT {', '.join(nothing)} WHERE false"
    columns = [
        f"{how.columns[c.name]} AS {quoted(c.name)}" for c in table.columns if c.name in scan.needed
    ]
    of_files = _values_of_files(scan, flat)
    columns += [
        f"{_pick(values, types[name])} AS {quoted(name)}" for name, values in of_files.items()
    ]
    arguments = [*how.arguments, "hive_partitioning = false"]
    if any(len(set(values)) > 1 for values in of_files.values()):
        arguments.append("filename = 'file_name'")
    files = ", ".join(literal(str(path)) for path in paths)
    source = f"{how.function}([{files}], {', '.join(arguments)})"
    return f"SELECT {', '.join(columns) or '1 AS one'} FROM {source}"  # noqa: S608 - quoted


def _values_of_files(scan: HiveScan, flat: Sequence[StoredObject]) -> dict[str, list[str | None]]:
    """The columns that the query needs whose values are those of a whole file, one for each."""
    values: dict[str, list[str | None]] = {}
    for index, key in enumerate(scan.table.partition_keys):
        values[key.name] = [
            partition.values[index] if partition is not None else None
            for partition, found in zip(scan.partitions, scan.objects, strict=True)
            for _ in found
        ]
    values["$path"] = [item.uri for item in flat]
    values["$file_size"] = [str(item.size) for item in flat]
    values["$file_modified_time"] = [item.modified.isoformat(" ") for item in flat]
    return {name: of_files for name, of_files in values.items() if name in scan.needed}


def _pick(values: Sequence[str | None], kind: str) -> str:
    texts = ["NULL" if value is None else literal(value) for value in values]
    if len(set(texts)) == 1:
        return f"CAST({texts[0]} AS {kind})"
    return f"list_extract(CAST([{', '.join(texts)}] AS {kind}[]), {_FILE_NUMBER})"
