"""Runs Athena SQL on DuckDB, over the files of exactly the partitions that a query needs."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
from sqlglot import exp

from localaws.athena.catalog import Catalog


class QueryFailed(Exception):
    """A query that fails, with the message as Athena words it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


class ScanLimitExceeded(QueryFailed):
    """A query that would read more than its workgroup's BytesScannedCutoffPerQuery."""


@dataclass(frozen=True)
class Column:
    """A column of a result: its name and Athena's name of its type, as ResultSetMetadata has it."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0
    nullable: str = "UNKNOWN"


@dataclass
class QueryResult:
    """The rows of a query, streaming.

    Attributes:
        columns: what the rows consist of.
        reader: gives the rows; raises QueryFailed where a fault is found only while reading.
        scanned_bytes: what Athena would charge: the bytes of the objects read as they are
            stored, for columnar formats of the columns used.
    """

    columns: list[Column]
    reader: pa.RecordBatchReader
    scanned_bytes: int


class Engine:
    """Runs the queries; safe to be called from several threads at once.

    Args:
        catalog: where tables, partitions and views are looked up.
        s3: a boto3 client.
        scratch: a folder for local copies of objects; bounded in size.
    """

    def __init__(self, catalog: Catalog, s3: Any, scratch: Path) -> None:
        self.catalog = catalog
        self.s3 = s3
        self.scratch = scratch

    def select(
        self,
        statement: exp.Expression | str,
        database: str,
        *,
        parameters: Sequence[str] = (),
        scan_limit: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> QueryResult:
        """Run a query."""
        raise QueryFailed("not there yet")

    def explain(self, statement: exp.Expression | str, database: str) -> str:
        """The plan of a query, as text."""
        raise QueryFailed("not there yet")
