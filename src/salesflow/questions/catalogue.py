"""What can be asked about: the tables and views of the lake, and the queries that come with it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_glue.type_defs import ColumnOutputTypeDef

_MAX_DESCRIBED: Final = 50
"""Named queries that Athena describes in one request."""


@dataclass(frozen=True)
class Column:
    """A column as Athena sees it; one that partitions its table costs less to filter by."""

    name: str
    type: str
    partitions: bool


@dataclass(frozen=True)
class Table:
    """A table or a view; `description` is the catalogue's, if it has one."""

    name: str
    is_view: bool
    description: str | None
    columns: tuple[Column, ...]


@dataclass(frozen=True)
class Example:
    """A named query of the workgroup."""

    name: str
    description: str
    sql: str


def tables(client: GlueClient, database: str) -> list[Table]:
    """The tables and views of a database, by name."""
    pages = client.get_paginator("get_tables").paginate(DatabaseName=database)
    found = []
    for page in pages:
        for table in page["TableList"]:
            columns = [
                Column(column["Name"], column.get("Type", ""), partitions=partitions)
                for described, partitions in (
                    (table.get("StorageDescriptor", {}).get("Columns", []), False),
                    (table.get("PartitionKeys", []), True),
                )
                for column in described
                if _is_current(column)
            ]
            found.append(
                Table(
                    table["Name"],
                    table.get("TableType") == "VIRTUAL_VIEW",
                    table.get("Description") or None,
                    tuple(columns),
                )
            )
    return sorted(found, key=lambda table: table.name)


def examples(client: AthenaClient, workgroup: str) -> list[Example]:
    """The named queries of a workgroup, by name."""
    pages = client.get_paginator("list_named_queries").paginate(WorkGroup=workgroup)
    ids = [query_id for page in pages for query_id in page.get("NamedQueryIds", [])]
    found = [
        Example(query["Name"], query.get("Description", ""), query["QueryString"])
        for some in _batches(ids)
        for query in client.batch_get_named_query(NamedQueryIds=some).get("NamedQueries", [])
    ]
    return sorted(found, key=lambda example: example.name)


def _batches(ids: list[str]) -> list[list[str]]:
    return [ids[first : first + _MAX_DESCRIBED] for first in range(0, len(ids), _MAX_DESCRIBED)]


def _is_current(column: ColumnOutputTypeDef) -> bool:
    """Glue keeps the columns that an Iceberg table once had."""
    return column.get("Parameters", {}).get("iceberg.field.current", "true") != "false"
