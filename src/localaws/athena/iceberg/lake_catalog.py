"""The catalogue as queries see it: an Iceberg table has the columns of its snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyiceberg.io import FileIO
from pyiceberg.table import Table as PyIcebergTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from localaws.athena.catalog import Catalog, Partition, Storage, Table, TableColumn
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.iceberg.metadata_tables import metadata_table
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.iceberg.tables import IcebergTables
from localaws.athena.iceberg.time_travel import Version


@dataclass(frozen=True, kw_only=True)
class IcebergTable(Table):
    """An Iceberg table as one of its snapshots has it.

    Attributes:
        metadata: whose current schema is that of the snapshot.
        snapshot: None for a table to which nothing was written yet.
        io: reads its files.
    """

    metadata: TableMetadata
    snapshot: Snapshot | None
    io: FileIO

    @property
    def precise(self) -> frozenset[str]:
        """All moments of Iceberg's have microseconds."""
        return frozenset(c.name for c in self.columns if c.duckdb_type.startswith("TIMESTAMP"))

    @property
    def prunable(self) -> frozenset[str]:
        """Every column: each data file tells in which bounds its values are."""
        return frozenset(column.name for column in self.columns)


class LakeCatalog:
    """Looks tables up for the queries of the local Athena."""

    def __init__(self, catalog: Catalog, iceberg: IcebergTables) -> None:
        self._catalog = catalog
        self._iceberg = iceberg

    def table(self, database: str, name: str, version: Version | None = None) -> Table | None:
        """A table or view, None if there is none; names are case-insensitive.

        Args:
            name: such as ``orders$files`` for a table about an Iceberg table.
            version: which state of an Iceberg table is meant, if not the present one.

        Raises:
            QueryFailed: there is no such version, or an Iceberg table's metadata can't be read.
        """
        plain, _, kind = name.lower().partition("$")
        found = self._catalog.table(database, plain)
        if found is None or not found.iceberg:
            if found is not None and version is not None:
                raise QueryFailed("NOT_SUPPORTED: This connector does not support versioned tables")
            return None if kind else found
        opened = self._iceberg.at(found.database, found.name, found.parameters)
        if kind:
            if version is not None:
                raise not_emulated("time travel in a table about a table")
            return metadata_table(opened, kind)
        snapshot = opened.current_snapshot() if version is None else version.of(opened)
        return at_snapshot(opened, snapshot)

    def has_database(self, name: str) -> bool:
        """Whether there is a database of this name."""
        return self._catalog.has_database(name)

    def partitions(self, table: Table) -> Iterator[Partition]:
        """All partitions of a table that isn't Iceberg's, in the catalogue's order."""
        return self._catalog.partitions(table)


def at_snapshot(opened: PyIcebergTable, snapshot: Snapshot | None) -> IcebergTable:
    """A table as one of its snapshots has it; of the current one, with the current schema."""
    metadata = opened.metadata
    current = snapshot is None or snapshot.snapshot_id == metadata.current_snapshot_id
    if snapshot is not None and snapshot.schema_id is not None and not current:
        metadata = metadata.model_copy(update={"current_schema_id": snapshot.schema_id})
    database, name = opened.name()
    columns = tuple(
        TableColumn(field.name.lower(), glue_type(field.field_type))
        for field in metadata.schema().fields
    )
    return IcebergTable(
        database=database,
        name=name,
        storage=Storage(metadata.location, columns),
        parameters={"table_type": "ICEBERG"},
        metadata=metadata,
        snapshot=snapshot,
        io=opened.io,
    )
