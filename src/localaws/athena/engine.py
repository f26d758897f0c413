"""Runs Athena SQL on DuckDB, over the files of exactly the partitions that a query needs."""

from __future__ import annotations

import os
import shutil
import threading
import uuid
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope, traverse_scope

from localaws.athena import duck
from localaws.athena.binding import BoundQuery, bind
from localaws.athena.catalog import Catalog
from localaws.athena.dialect import bind_parameters, parsed
from localaws.athena.failures import (
    QueryCancelled,
    QueryFailed,
    ScanLimitExceeded,
)
from localaws.athena.iceberg.lake_catalog import IcebergTable, LakeCatalog
from localaws.athena.iceberg.metadata_tables import MetadataScan, MetadataTable
from localaws.athena.iceberg.planning import plan_iceberg_scan
from localaws.athena.iceberg.tables import IcebergTables
from localaws.athena.iceberg.time_travel import Version, version_of
from localaws.athena.objects import ObjectStore
from localaws.athena.projection import is_projected, project
from localaws.athena.pruning import find_conditions, prune
from localaws.athena.scan import Scan, plan_scan
from localaws.athena.translation import translate
from localaws.athena.types import Column
from localaws.athena.work import QueryResult, Work

__all__ = [
    "NOT_EMULATED",
    "Column",
    "Engine",
    "QueryCancelled",
    "QueryFailed",
    "QueryResult",
    "ScanLimitExceeded",
]

#: The SQL that isn't emulated, for docs/local-aws.md.
NOT_EMULATED: tuple[str, ...] = (
    "ORC, Avro, Ion, Grok and RegEx files are refused; JSON, Parquet, OpenCSV and LazySimple text "
    "are read.",
    "TABLESAMPLE, MATCH_RECOGNIZE, WITH RECURSIVE and WITH TIES are refused.",
    "Functions that the local Athena doesn't know are refused by name; among them are the "
    "geospatial, machine learning, HyperLogLog and URL functions.",
    "Formats, units, JSON paths and replacements of regexp_replace must be literals.",
    "A timestamp AT TIME ZONE other than UTC shows the right local time, but has no zone from "
    "there on.",
    "Timestamps keep microseconds; on Athena only those of Iceberg tables have more than "
    "milliseconds.",
    "approx_distinct and approx_percentile are exact; checksum has other values than Trino's.",
    "Regular expressions are RE2's, which has no lookaround and no backreferences.",
    "information_schema is refused; SHOW and DESCRIBE take its place.",
    "Partition projection knows enum, integer and date, by seconds up to weeks; injected is "
    "refused.",
    "Timestamps in JSON are texts; as numbers they are HIVE_BAD_DATA.",
    "Partitions in another format than their table's are refused.",
    "A query with LIMIT is counted as if it read all objects of its partitions.",
)
_ALIAS = exp.TableAlias(this=exp.to_identifier("q"))
#: Objects that a plan names.
_SHOWN = 100


class Engine:
    """Runs the queries; safe to be called from several threads at once.

    Args:
        catalog: where tables, partitions and views are looked up.
        s3: a boto3 client.
        iceberg: where Iceberg tables are opened.
        scratch: a folder of this engine's own, for local copies of objects.
        capacity: how many bytes of copies are kept from query to query.
        threads: how many threads all queries share; as many as there are processors, and four
            at most, if not given.
        memory: what they may use together, as DuckDB writes it.
    """

    def __init__(
        self,
        catalog: Catalog,
        s3: Any,
        iceberg: IcebergTables,
        scratch: Path,
        *,
        capacity: int = 2 << 30,
        threads: int | None = None,
        memory: str = "2GB",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._catalog = LakeCatalog(catalog, iceberg)
        self.iceberg = iceberg
        self.store = ObjectStore(s3, scratch / "objects", capacity)
        self._folder = scratch / "queries"
        shutil.rmtree(self._folder, ignore_errors=True)
        self._instance = duck.open_instance(
            scratch, threads=threads or min(4, os.cpu_count() or 1), memory=memory
        )
        self._types: dict[str, str] = {}
        self._clock = clock

    def begin(self, cancelled: threading.Event | None) -> Work:
        """Begin a query's work; whoever asks for it must close it."""
        connection = duck.connect(self._instance)
        return Work(connection, self._folder / uuid.uuid4().hex, cancelled, self._clock())

    def select(
        self,
        statement: str,
        database: str,
        *,
        parameters: Sequence[str] = (),
        scan_limit: int | None = None,
        cancelled: threading.Event | None = None,
    ) -> QueryResult:
        """Run a query; its rows are read while it still works.

        Args:
            statement: one SELECT, WITH or VALUES statement in Athena's SQL.
            database: what table names without one mean.
            parameters: for the question marks, as SQL literals.
            scan_limit: bytes that it may read at most.
            cancelled: set it, and the query stops at the next occasion.

        Raises:
            ScanLimitExceeded: before anything is read.
            QueryFailed: with Athena's message.
        """
        work = self.begin(cancelled)
        try:
            query, tree = self.prepare(statement, database, parameters, work)
            scanned = self.read(query, tree, work, scan_limit)
            return work.run(tree, query.names, scanned)
        except BaseException:
            work.close()
            raise

    def explain(self, statement: str, database: str) -> str:
        """The plan of a query as text: DuckDB's, under what is read of each table."""
        work = self.begin(None)
        try:
            query, tree = self.prepare(statement, database, (), work)
            scans = self._plan(query, tree, work)
            lines = [line for scan in scans.values() for line in _describe(scan)]
            work.stand_in(query.scans)
            rows = work.execute(f"EXPLAIN {duck.to_sql(tree)}").fetchall()
            return "\n".join([*lines, *(str(row[1]) for row in rows)])
        finally:
            work.close()

    def describe(
        self,
        statement: str,
        database: str,
        *,
        parameters: Sequence[str] = (),
    ) -> QueryResult:
        """The columns of a query's result, and no rows: nothing is listed or read for it."""
        work = self.begin(None)
        try:
            query, tree = self.prepare(statement, database, parameters, work)
            work.stand_in(query.scans)
            nothing = exp.select("*").from_(exp.Subquery(this=tree, alias=_ALIAS)).limit(0)
            return work.run(nothing, query.names, 0)
        except BaseException:
            work.close()
            raise

    def prepare(
        self,
        statement: exp.Expr | str,
        database: str,
        parameters: Sequence[str],
        work: Work,
    ) -> tuple[BoundQuery, exp.Expr]:
        """Bind a query, given as text or as `dialect.parse` gives it, and translate it."""
        if isinstance(statement, str):
            statement = parsed(bind_parameters(statement, parameters))

        def version(node: exp.Version) -> Version:
            return version_of(node, lambda asked: self._constant(asked, work), work.now)

        query = bind(statement, database, self._catalog, version)
        return query, translate(query, work.connection, self._types, work.now)

    def _constant(self, expression: exp.Expr, work: Work) -> tuple[str, Any]:
        """The type and value of an expression without columns; a moment in milliseconds."""
        asked = exp.select(exp.alias_(expression.copy(), "value"))
        _, tree = self.prepare(asked, "", (), work)
        kind = str(tree.meta["duckdb_types"][0])
        value = '"value"'
        if kind.startswith(("TIMESTAMP", "DATE")):
            value = "epoch_ms(CAST(value AS TIMESTAMP WITH TIME ZONE))"
        sql = f"SELECT {value} FROM ({duck.to_sql(tree)})"  # noqa: S608 - a translated query
        ((found,),) = work.execute(sql).fetchall()
        return kind, found

    def read(
        self,
        query: BoundQuery,
        tree: exp.Expr,
        work: Work,
        scan_limit: int | None,
        *,
        besides: Collection[str] = (),
    ) -> int:
        """Have the tables of a query at hand, as views of its connection.

        Args:
            besides: the scans that somebody else sees to.

        Returns:
            The bytes that were scanned.

        Raises:
            ScanLimitExceeded: before anything is read.
        """
        scans = self._plan(query, tree, work, besides)
        _check_limit(scans.values(), scan_limit)
        return self._fetch(scans, work)

    def _plan(
        self, query: BoundQuery, tree: exp.Expr, work: Work, besides: Collection[str] = ()
    ) -> dict[str, Scan]:
        conditions = find_conditions(tree, query.scans)
        needed = _needed_columns(tree)
        scans: dict[str, Scan] = {}
        for name, table in query.scans.items():
            work.check()
            if name in besides:
                continue
            columns, condition = needed.get(name, frozenset()), conditions.get(name)
            if isinstance(table, MetadataTable):
                scans[name] = MetadataScan(table)
                continue
            if isinstance(table, IcebergTable):
                scans[name] = plan_iceberg_scan(table, columns, condition, work.connection)
                continue
            partitions = None
            if table.partition_keys:
                projected = is_projected(table)
                every = project(table, work.now) if projected else self._catalog.partitions(table)
                partitions = prune(table, list(every), condition, work.connection)
            scans[name] = plan_scan(table, partitions, columns, self.store)
        return scans

    def _fetch(self, scans: dict[str, Scan], work: Work) -> int:
        scanned = 0
        for name, scan in scans.items():
            work.check()
            local = scan.fetch(self.store, work.folder / name, work.check)
            scanned += local.scanned_bytes
            work.origins.update(local.origins)
            work.execute(f'CREATE TEMP VIEW "{name}" AS {local.sql}').fetchall()
        return scanned


def _check_limit(scans: Any, limit: int | None) -> None:
    size = sum(scan.stored_bytes for scan in scans)
    if limit is not None and size > limit:
        raise ScanLimitExceeded(
            f"Bytes scanned limit was exceeded: the query would read {size} bytes, "
            f"its limit is {limit}"
        )


def _needed_columns(tree: exp.Expr) -> dict[str, frozenset[str]]:
    """The columns that a query names, by scan."""
    found: dict[str, set[str]] = {}
    for scope in traverse_scope(tree):
        for column in scope.find_all(exp.Column):
            source: Scope | None = scope
            while source is not None and column.table not in source.sources:
                source = source.parent
            table = source.sources[column.table] if source is not None else None
            if isinstance(table, exp.Table):
                found.setdefault(table.name, set()).add(column.name)
    return {name: frozenset(columns) for name, columns in found.items()}


def _describe(scan: Scan) -> list[str]:
    objects = scan.uris
    table = f"{scan.table.database}.{scan.table.name}"
    head = f"Scan of {table}: {len(objects)} objects, {scan.stored_bytes} bytes"
    more = [f"  and {len(objects) - _SHOWN} more"] if len(objects) > _SHOWN else []
    return [head, *(f"  {uri}" for uri in objects[:_SHOWN]), *more]
