"""Iceberg tables to write to, and PyIceberg itself to read them with."""

from __future__ import annotations

from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC, PartitionField, PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.table import Table
from pyiceberg.transforms import parse_transform
from pyiceberg.types import NestedField, PrimitiveType

from athena_queries import BUCKET, DATABASE, Athena
from localaws.athena.iceberg.tables import IcebergTables, catalog_properties

#: An order, as most of these tests have it.
ORDERS = {
    "id": "string",
    "day": "date",
    "quantity": "int",
    "price": "decimal(18,4)",
    "status": "string",
}


def create(
    athena: Athena,
    name: str = "orders",
    columns: dict[str, str] | None = None,
    *,
    partitioned_by: dict[str, str] | None = None,
    properties: dict[str, str] | None = None,
) -> Table:
    """Make an empty table.

    Args:
        columns: Iceberg's type by name.
        partitioned_by: the transform of each column that the rows are partitioned by.
    """
    kinds = ORDERS if columns is None else columns
    fields = [
        NestedField(number, column, PrimitiveType.model_validate(kind), required=False)
        for number, (column, kind) in enumerate(kinds.items(), 1)
    ]
    schema = Schema(*fields)
    spec = PartitionSpec(
        *(
            PartitionField(
                schema.find_field(column).field_id,
                1000 + number,
                parse_transform(transform),
                column if transform == "identity" else f"{column}_{transform.partition('[')[0]}",
            )
            for number, (column, transform) in enumerate((partitioned_by or {}).items())
        )
    )
    return IcebergTables(athena.local_aws.aws).create(
        DATABASE,
        name,
        schema,
        f"s3://{BUCKET}/tables/{name}",
        spec=spec if spec.fields else UNPARTITIONED_PARTITION_SPEC,
        properties=properties or {},
    )


def opened(athena: Athena, name: str = "orders") -> Table:
    """The table as PyIceberg finds it, with nothing of the local Athena's in between."""
    catalog = GlueCatalog("direct", **catalog_properties(athena.local_aws.aws))
    return catalog.load_table((DATABASE, name))


def rows(athena: Athena, name: str = "orders") -> list[tuple[Any, ...]]:
    """What PyIceberg reads, sorted."""
    found = opened(athena, name).scan().to_arrow().to_pylist()
    return sorted((tuple(row.values()) for row in found), key=repr)


def operations(athena: Athena, name: str = "orders") -> list[str]:
    """What each snapshot of a table did, the first one first."""
    snapshots = opened(athena, name).metadata.snapshots
    return [str(s.summary.operation.value) for s in snapshots if s.summary is not None]


def files(athena: Athena, name: str = "orders") -> list[str]:
    """The data files of a table's present snapshot, sorted."""
    return sorted(task.file.file_path for task in opened(athena, name).scan().plan_files())
