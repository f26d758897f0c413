"""The catalogue as queries see it: an Iceberg table has the columns of its snapshot."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from pyiceberg.io import FileIO
from pyiceberg.table import Table as PyIcebergTable
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.snapshots import Snapshot

from localaws.athena.catalog import Catalog, Partition, Storage, Table, TableColumn
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.iceberg.tables import IcebergTables


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
    def prunable(self) -> frozenset[str]:
        """Every column: each data file tells in which bounds its values are."""
        return frozenset(column.name for column in self.columns)


class LakeCatalog:
    """Looks tables up for the queries of the local Athena."""

    def __init__(self, catalog: Catalog, iceberg: IcebergTables) -> None:
        self._catalog = catalog
        self._iceberg = iceberg

    def table(self, database: str, name: str) -> Table | None:
        """A table or view, None if there is none; names are case-insensitive."""
        found = self._catalog.table(database, name)
        if found is None or not found.iceberg:
            return found
        opened = self._iceberg.at(found.database, found.name, found.parameters)
        return at_snapshot(opened, opened.current_snapshot())

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
