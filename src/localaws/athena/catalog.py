"""What queries need of the Glue Data Catalog: tables, partitions and views."""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

from localaws.athena.failures import QueryFailed
from localaws.athena.types import from_glue

#: How Athena's messages call the catalogue.
CATALOG_NAME = "awsdatacatalog"
_VIEW_PREFIX, _VIEW_SUFFIX = "/* Presto View: ", " */"


@dataclass(frozen=True)
class TableColumn:
    """A column of the catalogue; the name in lower case, the type as Glue spells it."""

    name: str
    type: str

    @property
    def duckdb_type(self) -> str:
        """The type as DuckDB spells it."""
        return from_glue(self.type)


@dataclass(frozen=True)
class View:
    """A view as Athena stores it: its query, and the database that unqualified names mean."""

    sql: str
    database: str


@dataclass(frozen=True)
class Storage:
    """A StorageDescriptor: where rows lie, and how they are written there."""

    location: str
    columns: tuple[TableColumn, ...] = ()
    input_format: str = ""
    serde: str = ""
    serde_parameters: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Partition:
    """A partition: the values of the partition keys, None where it is Hive's default partition."""

    values: tuple[str | None, ...]
    storage: Storage


@dataclass(frozen=True)
class Table:
    """A table or a view of the catalogue."""

    database: str
    name: str
    storage: Storage
    partition_keys: tuple[TableColumn, ...] = ()
    parameters: dict[str, str] = field(default_factory=dict)
    view: View | None = None

    @property
    def columns(self) -> tuple[TableColumn, ...]:
        """The columns in the files, without the partition keys."""
        return self.storage.columns

    @property
    def iceberg(self) -> bool:
        """Whether the table is an Iceberg table, whose files its own metadata lists."""
        return self.parameters.get("table_type", "").upper() == "ICEBERG"

    @property
    def precise(self) -> frozenset[str]:
        """The columns whose moments have microseconds, which Hive's have not."""
        return frozenset()

    @property
    def prunable(self) -> frozenset[str]:
        """The columns whose conditions decide which files are read."""
        return frozenset(key.name for key in self.partition_keys)

    @property
    def schema(self) -> dict[str, str]:
        """DuckDB's types by column, partition keys last, as ``SELECT *`` orders them."""
        return {c.name: c.duckdb_type for c in (*self.columns, *self.partition_keys)}


class Catalog:
    """The catalogue, read through a boto3 Glue client; nothing is remembered between calls."""

    def __init__(self, glue: Any) -> None:
        self._glue = glue

    def table(self, database: str, name: str) -> Table | None:
        """A table or view, None if there is none; names are case-insensitive."""
        try:
            answer = self._glue.get_table(DatabaseName=database.lower(), Name=name.lower())
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return None
            raise
        found = answer["Table"]
        view = None
        if found.get("TableType") == "VIRTUAL_VIEW":
            view = _view(found)
        return Table(
            database=database.lower(),
            name=name.lower(),
            storage=_storage(found.get("StorageDescriptor", {})),
            partition_keys=_columns(found.get("PartitionKeys", ())),
            parameters=dict(found.get("Parameters", {})),
            view=view,
        )

    def has_database(self, name: str) -> bool:
        """Whether there is a database of this name."""
        try:
            self._glue.get_database(Name=name.lower())
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return False
            raise
        return True

    def partitions(self, table: Table) -> Iterator[Partition]:
        """All partitions of a table, in the catalogue's order."""
        pages = self._glue.get_paginator("get_partitions").paginate(
            DatabaseName=table.database, TableName=table.name
        )
        for page in pages:
            for found in page["Partitions"]:
                values = tuple(
                    None if value == "__HIVE_DEFAULT_PARTITION__" else value
                    for value in found["Values"]
                )
                yield Partition(values, _storage(found.get("StorageDescriptor", {})))


def view_text(sql: str, database: str, columns: list[tuple[str, str]]) -> str:
    """A view's ViewOriginalText: Athena's JSON in base64, within a comment.

    Args:
        columns: name and Trino type of each column of the view.
    """
    view = {
        "originalSql": sql,
        "catalog": CATALOG_NAME,
        "schema": database,
        "columns": [{"name": name, "type": kind} for name, kind in columns],
    }
    encoded = base64.b64encode(json.dumps(view).encode()).decode()
    return f"{_VIEW_PREFIX}{encoded}{_VIEW_SUFFIX}"


def _view(found: dict[str, Any]) -> View:
    text = str(found.get("ViewOriginalText", ""))
    name = f"{CATALOG_NAME}.{found['DatabaseName']}.{found['Name']}"
    if not (text.startswith(_VIEW_PREFIX) and text.endswith(_VIEW_SUFFIX)):
        raise QueryFailed(f"NOT_SUPPORTED: Hive views are not supported: '{name}'")
    try:
        content = base64.b64decode(text[len(_VIEW_PREFIX) : -len(_VIEW_SUFFIX)], validate=True)
        view = json.loads(content)
        return View(view["originalSql"], view.get("schema", found["DatabaseName"]))
    except (binascii.Error, ValueError, KeyError) as error:
        raise QueryFailed(f"INVALID_VIEW: Invalid view JSON: '{name}': {error}") from error


def _storage(descriptor: dict[str, Any]) -> Storage:
    serde = descriptor.get("SerdeInfo", {})
    return Storage(
        location=descriptor.get("Location", ""),
        columns=_columns(descriptor.get("Columns", ())),
        input_format=descriptor.get("InputFormat", ""),
        serde=serde.get("SerializationLibrary", ""),
        serde_parameters=dict(serde.get("Parameters", {})),
    )


def _columns(found: Any) -> tuple[TableColumn, ...]:
    return tuple(TableColumn(c["Name"].lower(), c.get("Type", "string")) for c in found)
