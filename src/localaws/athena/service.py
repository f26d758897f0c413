"""The local Athena."""

from __future__ import annotations

import atexit
import importlib
import tempfile
import threading
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from localaws.athena.catalog import Catalog
from localaws.athena.executions import RETENTION
from localaws.athena.glue_tables import GlueTables
from localaws.athena.query_api import QueryApi
from localaws.athena.resources import NamedQueryType, WorkGroupType
from localaws.athena.settings_api import CatalogApi, KeptQueryApi, WorkGroupApi
from localaws.athena.state import State
from localaws.service import Aws, Operation, Params, ResourceType, Service

if TYPE_CHECKING:
    from localaws.athena.engine import Engine

#: What AWS has and this service has not; docs/local-aws.md lists it.
NOT_EMULATED = (
    "Spark: sessions, calculations, notebooks and capacity reservations",
    "Data catalogues other than AwsDataCatalog, and federated queries",
    "Iceberg tables: ORC and Avro files, equality deletes, version 3 of the format, statistics",
    "Delete files are read, but not written: UPDATE, DELETE and MERGE of Iceberg tables write the "
    "files with such rows anew; OPTIMIZE counts optimize_rewrite_data_file_threshold by partition",
    "ORC, Avro and bucketed tables as the target of CTAS, INSERT and UNLOAD",
    "ALTER TABLE … RENAME; EXPLAIN ANALYZE, and EXPLAIN other than as text",
    "Managed query results, client-side encryption, S3 Access Grants and Identity Center",
    "The quota of active queries: 4 run at once, the others are queued",
    "The stages of GetQueryRuntimeStatistics, and CloudWatch metrics of queries",
    "The encrypted .metadata files of SHOW statements: ours are readable, as those of queries are",
)


class AthenaService(Service):
    """Workgroups, named queries and query executions; queries run in threads of their own."""

    name: ClassVar[str] = "athena"
    error_codes: ClassVar[Mapping[str, str]] = {"ValidationException": "InvalidRequestException"}
    saved_at_once: ClassVar[bool] = True

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self._state = State(aws, self.lock)
        self._scratch = tempfile.TemporaryDirectory(prefix="localaws-athena-")
        self._tools_lock = threading.Lock()
        self._tools: tuple[Engine, GlueTables, Any] | None = None
        self._queries = QueryApi(self._state, self._query_tools, self.wake)
        self._runner = self._queries.runner
        # DuckDB must not be in the middle of a query when the interpreter goes away.
        atexit.register(self._runner.stop_all)

    def _query_tools(self) -> tuple[Engine, GlueTables, Any]:
        """The engine and the clients, made when the first query runs."""
        from localaws.athena.engine import Engine
        from localaws.athena.iceberg.tables import IcebergTables

        with self._tools_lock:
            if self._tools is None:
                glue, s3 = self.aws.client("glue"), self.aws.client("s3")
                iceberg = IcebergTables(self.aws)
                engine = Engine(Catalog(glue), s3, iceberg, Path(self._scratch.name))
                self._tools = (engine, GlueTables(glue), s3)
            return self._tools

    def operations(self) -> Mapping[str, Operation]:
        """The API."""
        return {
            **self._queries.operations(),
            **WorkGroupApi(self._state).operations(),
            **KeptQueryApi(self._state).operations(),
            **CatalogApi(self._state).operations(),
        }

    def resource_types(self) -> list[ResourceType]:
        """Workgroups and named queries."""
        return [WorkGroupType(self._state), NamedQueryType(self._state)]

    def step(self, now: datetime) -> bool:
        """Start the queries that are queued; drop those whose time has passed."""
        # What runs them takes seconds to import, for which nobody waits yet.
        importlib.import_module("localaws.athena.dispatch")
        with self.lock:
            self._state.executions.forget_before(now - RETENTION)
        return self._runner.step(now)

    def snapshot(self) -> Params:
        """Everything; of queries that run, that they run."""
        with self.lock:
            return self._state.snapshot()

    def restore(self, state: Params) -> None:
        """Everything; queries that ran have failed, queued ones are still queued."""
        with self.lock:
            self._state.restore(state)

    def reset(self) -> None:
        """Forget everything; queries that run are stopped first."""
        self._runner.stop_all()
        with self.lock:
            self._state.clear()
