"""A query's work on DuckDB, from its beginning until its rows are read."""

from __future__ import annotations

import itertools
import shutil
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

import duckdb
import pyarrow as pa
from sqlglot import exp

from localaws.athena import duck
from localaws.athena.catalog import Table
from localaws.athena.dialect import HIDDEN_COLUMNS
from localaws.athena.failures import QueryCancelled
from localaws.athena.precision import precise_columns
from localaws.athena.types import MICROSECONDS, Column, result_column

_BATCH_ROWS = 50_000


@dataclass
class QueryResult:
    """The rows of a query, streaming.

    Attributes:
        columns: what the rows consist of.
        reader: gives the rows; raises QueryFailed where a fault is found only while reading.
            Local files are kept until it is read to its end, closed or dropped.
        scanned_bytes: what Athena would charge: the bytes of the objects read as they are
            stored, for columnar formats of the columns used.
    """

    columns: list[Column]
    reader: pa.RecordBatchReader
    scanned_bytes: int


def _precise(columns: list[Column], precise: Sequence[bool]) -> list[Column]:
    """The columns, those that are moments with microseconds so described."""
    padded = itertools.chain(precise, itertools.repeat(False))
    return [
        replace(column, precision=MICROSECONDS) if exact else column
        for column, exact in zip(columns, padded, strict=False)
    ]


class Work:
    """One query under way: its connection, its folder, and who may stop it."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        folder: Path,
        cancelled: threading.Event | None,
        now: datetime,
    ) -> None:
        self.connection = connection
        self.now = now
        self.folder = folder
        self.origins: dict[str, str] = {}
        self._cancelled = cancelled
        self._done = threading.Event()
        self._closing = threading.Lock()

    def check(self) -> None:
        """Stop here if the query was cancelled."""
        if self._cancelled is not None and self._cancelled.is_set():
            raise QueryCancelled("Query cancelled by user")

    def execute(self, sql: str) -> duckdb.DuckDBPyConnection:
        """Run DuckDB's SQL."""
        self.check()
        try:
            return self.connection.execute(sql)
        except duckdb.Error as error:
            raise duck.failure(error, self.origins) from error

    def run(self, tree: exp.Expr, names: Sequence[str], scanned: int) -> QueryResult:
        """Start the query; the result closes this work when it is read or dropped."""
        self.watch()
        self.check()
        try:
            rows = self.connection.sql(duck.to_sql(tree))
            kinds = [str(kind) for kind in rows.types]
            columns = [result_column(n, k) for n, k in zip(names, kinds, strict=True)]
            columns = _precise(columns, precise_columns(tree))
            batches = rows.to_arrow_reader(_BATCH_ROWS)
        except duckdb.Error as error:
            raise duck.failure(error, self.origins) from error
        schema = pa.schema([f.with_name(n) for f, n in zip(batches.schema, names, strict=True)])
        rows_of_result = self._rows(batches, schema)
        # Begun, it comes to its end also when it is dropped unread.
        next(rows_of_result)
        reader = pa.RecordBatchReader.from_batches(schema, rows_of_result)
        return QueryResult(columns, reader, scanned)

    def _rows(self, batches: pa.RecordBatchReader, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        try:
            yield pa.RecordBatch.from_arrays([], names=[])
            for batch in batches:
                self.check()
                yield pa.RecordBatch.from_arrays(batch.columns, schema=schema)
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            # Arrow hands on what DuckDB says as errors of its own.
            raise duck.failure(error, self.origins) from error
        finally:
            self.close()

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """The rows of a query in DuckDB's SQL."""
        self.check()
        try:
            for batch in self.connection.sql(sql).to_arrow_reader(_BATCH_ROWS):
                self.check()
                yield batch
        except (duckdb.Error, pa.ArrowException, OSError) as error:
            raise duck.failure(error, self.origins) from error

    def stand_in(self, tables: Mapping[str, Table]) -> None:
        """Put empty tables in the place of those that the query reads."""
        for name, table in tables.items():
            types = {**table.schema, **HIDDEN_COLUMNS}
            columns = ", ".join(f"{duck.quoted(column)} {kind}" for column, kind in types.items())
            self.execute(f'CREATE TEMP TABLE "{name}" ({columns})').fetchall()

    def watch(self) -> None:
        """From now on, also interrupt DuckDB when the query is cancelled."""
        if self._cancelled is not None:
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        assert self._cancelled is not None
        while not self._done.is_set():
            if self._cancelled.wait(0.1):
                with self._closing:
                    if not self._done.is_set():
                        self.connection.interrupt()
                return

    def close(self) -> None:
        """Give up the connection and the files."""
        with self._closing:
            self._done.set()
        self.connection.close()
        shutil.rmtree(self.folder, ignore_errors=True)
