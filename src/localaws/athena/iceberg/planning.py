"""Picks the data files of an Iceberg table's snapshot that a query needs."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Any

import duckdb
from pyiceberg.manifest import DataFileContent, ManifestFile
from pyiceberg.table import FileScanTask, ManifestGroupPlanner
from pyiceberg.table.delete_file_index import DeleteFileIndex
from pyiceberg.transforms import IdentityTransform
from pyiceberg.types import NestedField
from sqlglot import exp

from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.iceberg.lake_catalog import IcebergTable
from localaws.athena.iceberg.lake_io import manifests_of
from localaws.athena.iceberg.reading import IcebergScan
from localaws.athena.iceberg.row_filters import row_filter
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.pruning import possible, weaken
from localaws.athena.types import from_glue


def plan_iceberg_scan(
    table: IcebergTable,
    needed: frozenset[str],
    condition: exp.Expr | None,
    connection: duckdb.DuckDBPyConnection,
) -> IcebergScan:
    """Find the data files in which a condition can hold.

    Raises:
        QueryFailed: the metadata can't be read, or holds what isn't emulated.
    """
    if table.metadata.format_version > 2:
        raise not_emulated(f"version {table.metadata.format_version} of Iceberg's format")
    if table.snapshot is None:
        return IcebergScan(table, needed, [])
    schema = table.metadata.schema()
    planner = ManifestGroupPlanner(
        table.metadata,
        table.io,
        row_filter=row_filter(condition, schema, connection),
        case_sensitive=False,
    )
    try:
        tasks = _tasks(planner, manifests_of(table.snapshot, table.io))
    except FileNotFoundError as error:
        raise QueryFailed(
            "ICEBERG_INVALID_METADATA: Error reading the manifests of table "
            f"{table.database}.{table.name}: {error}"
        ) from error
    return IcebergScan(table, needed, prune_files(table, tasks, condition, connection))


def _tasks(planner: ManifestGroupPlanner, manifests: Sequence[ManifestFile]) -> list[FileScanTask]:
    """The data files that the planner finds, each with its delete files.

    PyIceberg's own `plan_files` also works out what is left of the filter for each file, which
    DuckDB doesn't need, and fails in it where a partition's value is NULL.
    """
    found, deletes = [], DeleteFileIndex()
    for entry in chain.from_iterable(planner.plan_manifest_entries(manifests)):
        file = entry.data_file
        if file.content == DataFileContent.DATA:
            found.append(entry)
        elif file.content == DataFileContent.POSITION_DELETES:
            deletes.add_delete_file(entry, file.partition)
        else:
            raise not_emulated("an Iceberg table with equality deletes")
    return [
        FileScanTask(
            entry.data_file,
            deletes.for_data_file(
                entry.sequence_number or 0, entry.data_file, entry.data_file.partition
            ),
        )
        for entry in found
    ]


def prune_files(
    table: IcebergTable,
    tasks: Sequence[FileScanTask],
    condition: exp.Expr | None,
    connection: duckdb.DuckDBPyConnection,
) -> list[FileScanTask]:
    """Leave out files by the values of columns that they are partitioned by as they are: of these
    any condition can be decided, not only those that PyIceberg has words for."""
    if condition is None or not tasks:
        return list(tasks)
    schema, kept = table.metadata.schema(), []
    for spec_id, spec in table.metadata.specs().items():
        of_spec = [task for task in tasks if task.file.spec_id == spec_id]
        keys = {
            index: schema.find_field(field.source_id)
            for index, field in enumerate(spec.fields)
            if isinstance(field.transform, IdentityTransform)
            and field.source_id in schema.field_ids
        }
        types = {key.name.lower(): from_glue(glue_type(key.field_type)) for key in keys.values()}
        values = [
            tuple(_text(key, task.file.partition[index]) for index, key in keys.items())
            for task in of_spec
        ]
        about = weaken(condition, frozenset(types)) if types else None
        # Many files are of one partition.
        distinct = list(dict.fromkeys(values))
        allowed = {distinct[n] for n in possible(types, distinct, about, connection)}
        kept += [task for task, of in zip(of_spec, values, strict=True) if of in allowed]
    return kept


def _text(field: NestedField, value: Any) -> str | None:
    """A partition's value as DuckDB reads it."""
    if value is None:
        return None
    return IdentityTransform().to_human_string(field.field_type, value)
