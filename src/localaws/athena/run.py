"""What a statement is run with, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa

from localaws.athena.engine import Column, Engine, QueryResult
from localaws.athena.executions import Execution
from localaws.athena.failures import STOPPED, QueryCancelled, ScanLimitExceeded
from localaws.athena.glue_tables import GlueTables
from localaws.athena.iceberg.tables import IcebergTables


@dataclass(frozen=True)
class Run:
    """One running query.

    Attributes:
        parameters: for the statement's question marks, as SQL.
    """

    execution: Execution
    parameters: Sequence[str]
    engine: Engine
    tables: GlueTables
    s3: Any
    _readers: list[pa.RecordBatchReader] = field(default_factory=list)
    _began: float = field(default_factory=time.monotonic)

    @property
    def now(self) -> datetime:
        """The time: the clock that the execution was started by has gone on since."""
        began = self.execution.started or self.execution.submitted
        return began + timedelta(seconds=time.monotonic() - self._began)

    @property
    def iceberg(self) -> IcebergTables:
        """Where Iceberg tables are opened, made and committed to."""
        return self.engine.iceberg

    @property
    def database(self) -> str:
        """The database that unqualified names mean."""
        return self.execution.database

    def check(self) -> None:
        """Go no further if the query has been stopped.

        Raises:
            QueryCancelled: it has.
        """
        if self.execution.cancelled.is_set():
            raise QueryCancelled(STOPPED)

    def decide(self) -> None:
        """Come to where the query can't be stopped any more: its effects are about to be seen.

        Raises:
            QueryCancelled: it has been stopped before.
        """
        if not self.execution.decide():
            raise QueryCancelled(STOPPED)

    def count_scanned(self, size: int) -> None:
        """Count bytes that are about to be read.

        Raises:
            ScanLimitExceeded: that is more than the query may read.
        """
        self.execution.scanned_bytes += size
        read, limit = self.execution.scanned_bytes, self.execution.scan_limit
        if limit is not None and read > limit:
            raise ScanLimitExceeded(
                f"Bytes scanned limit was exceeded: the query would read {read} bytes, "
                f"its limit is {limit}"
            )

    def shape(self, query: str) -> QueryResult:
        """A query's columns, without its rows; nothing counts as scanned."""
        result = self._started(query, None)
        empty = pa.RecordBatchReader.from_batches(result.reader.schema, [])
        return QueryResult(result.columns, empty, 0)

    def select(self, query: str) -> QueryResult:
        """Run a query of this statement; what it scans is this statement's."""
        result = self._started(query, self.execution.scan_limit)
        self.execution.scanned_bytes += result.scanned_bytes
        reader = pa.RecordBatchReader.from_batches(
            result.reader.schema, self._until_stopped(result.reader)
        )
        return QueryResult(result.columns, reader, result.scanned_bytes)

    def _started(self, query: str, scan_limit: int | None) -> QueryResult:
        result = self.engine.select(
            query,
            self.database,
            parameters=self.parameters,
            scan_limit=scan_limit,
            cancelled=self.execution.cancelled,
        )
        self._readers.append(result.reader)
        return result

    def close(self) -> None:
        """Let go of queries that were not read to their end."""
        for reader in self._readers:
            reader.close()

    def _until_stopped(self, reader: pa.RecordBatchReader) -> Iterator[pa.RecordBatch]:
        for batch in reader:
            self.check()
            yield batch


@dataclass
class Outcome:
    """What a statement came to.

    Attributes:
        columns: of the result; without any there is no metadata file.
        text: what lies in the text result; None if the statement wrote its result itself.
        changed: what was done, and to how many rows.
        files: URIs of the data files written, for the manifest.
        rows: in the result.
        output_bytes: written as the result.
    """

    columns: list[Column] = field(default_factory=list)
    text: str | None = ""
    changed: tuple[str, int] | None = None
    files: list[str] = field(default_factory=list)
    rows: int = 0
    output_bytes: int = 0


def shown(lines: Sequence[str], *columns: str, kind: str = "string") -> Outcome:
    """The outcome of a statement that shows something: one value a line."""
    return Outcome([Column(name, kind) for name in columns], "\n".join(lines), rows=len(lines))
