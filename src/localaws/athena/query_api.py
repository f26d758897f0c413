"""The API of queries: start, watch, stop, read (the Athena API reference)."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from localaws.athena import results
from localaws.athena.executions import Execution
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTables
from localaws.athena.grammar import parse
from localaws.athena.metadata import check_catalog
from localaws.athena.runner import Runner
from localaws.athena.state import State, checked_statement, page, utcnow
from localaws.athena.statements import (
    CreateTableAs,
    Deallocate,
    Describe,
    Execute,
    Prepare,
    ShowColumns,
    Statement,
)
from localaws.athena.tokens import MalformedQuery
from localaws.athena.workgroups import INVALID, PRIMARY, WorkGroup, check_location
from localaws.errors import AwsError, Unsupported
from localaws.service import Operation, Params

if TYPE_CHECKING:
    # What runs queries takes seconds to import, so it comes when the server is up.
    from localaws.athena.dispatch import Handler
    from localaws.athena.engine import Engine
    from localaws.athena.run import Outcome, Run

MAX_ROWS = 1000
MAX_LISTED = 50
EXTERNAL_LOCATION_ENFORCED = (
    "The Create Table As Select query failed because it was submitted with an "
    "'external_location' property to an Athena Workgroup that enforces a centralized output "
    "location for all queries. Please remove the 'external_location' property and resubmit the "
    "query."
)


class QueryApi:
    """Operations on query executions."""

    def __init__(
        self,
        state: State,
        tools: Callable[[], tuple[Engine, GlueTables, Any]],
        wake: threading.Event,
    ) -> None:
        self._state, self._wake = state, wake
        self.runner = Runner(state.executions, state.lock, tools, self.resolve, self._handlers)

    def _handlers(self) -> Mapping[type[Statement], Handler]:
        from localaws.athena.dispatch import HANDLERS

        return {**HANDLERS, Prepare: self._prepare, Deallocate: self._deallocate}

    def operations(self) -> Mapping[str, Operation]:
        """By the API's names."""
        return {
            "StartQueryExecution": self.start,
            "StopQueryExecution": self.stop,
            "GetQueryExecution": self.get,
            "BatchGetQueryExecution": self.batch_get,
            "ListQueryExecutions": self.list_executions,
            "GetQueryResults": self.read_results,
            "GetQueryRuntimeStatistics": self.runtime_statistics,
        }

    def start(self, params: Params) -> Params:
        """StartQueryExecution."""
        token = params.get("ClientRequestToken")
        if not token:
            raise AwsError(INVALID, "clientRequestToken is null or empty")
        if "EngineConfiguration" in params:
            raise Unsupported("the EngineConfiguration of a query", INVALID)
        context = params.get("QueryExecutionContext", {})
        request = {
            "query": params["QueryString"],
            "database": context.get("Database"),
            "output": params.get("ResultConfiguration", {}).get("OutputLocation"),
        }
        with self._state.lock:
            known = self._state.executions.by_token(token)
            if known is not None:
                if known.request != request:
                    raise AwsError(INVALID, "Idempotent parameters do not match")
                return {"QueryExecutionId": known.id}
        execution = self._prepared(params, request)
        with self._state.lock:
            # Two requests with the same token may come at once: the first one wins.
            known = self._state.executions.by_token(token)
            if known is not None:
                return {"QueryExecutionId": known.id}
            self._state.executions.add(execution, token)
        self._wake.set()
        return {"QueryExecutionId": execution.id}

    def _prepared(self, params: Params, request: Params) -> Execution:
        """The execution that a request asks for, checked as Athena checks it at once."""
        group = self._enabled(params.get("WorkGroup", PRIMARY))
        clients = params.get("ResultConfiguration", {})
        if "OutputLocation" in clients:
            check_location(clients["OutputLocation"])
        statement = checked_statement(params["QueryString"])
        context = params.get("QueryExecutionContext", {})
        if "Catalog" in context:
            check_catalog(context["Catalog"])
        folder, settings = group.result_settings(clients, self._state.aws.account)
        runs = self._inner(statement, group.name) if isinstance(statement, Execute) else statement
        located = isinstance(runs, CreateTableAs) and "external_location" in runs.properties
        if located and group.enforced:
            raise AwsError(INVALID, EXTERNAL_LOCATION_ENFORCED)
        execution_id = str(uuid.uuid4())
        database = context.get("Database", "default").lower()
        if isinstance(statement, Describe | ShowColumns):
            self._require_table(statement, database)
        reuse = params.get("ResultReuseConfiguration", {}).get("ResultReuseByAgeConfiguration", {})
        return Execution(
            id=execution_id,
            query=params["QueryString"],
            workgroup=group.name,
            database=database,
            submitted=utcnow(),
            type=statement.type,
            substatement=statement.substatement or getattr(statement, "verb", None),
            output=folder + runs.result.format(id=execution_id),
            context={key: value.lower() for key, value in context.items()},
            request=request,
            settings=settings,
            parameters=params.get("ExecutionParameters", []),
            scan_limit=group.configuration.get("BytesScannedCutoffPerQuery"),
            reuse_minutes=reuse.get("MaxAgeInMinutes", 60) if reuse.get("Enabled") else None,
        )

    def _require_table(self, statement: Describe | ShowColumns, database: str) -> None:
        """Athena looks up what DESCRIBE and SHOW COLUMNS are about before it takes them on."""
        tables = GlueTables(self._state.aws.client("glue"))
        found = tables.find(statement.name.within(database), statement.name.table)
        if found is None:
            raise AwsError(
                INVALID,
                "Entity Not Found (Service: AmazonDataCatalog; Status Code: 400; Error Code: "
                f"EntityNotFoundException; Request ID: {uuid.uuid4()}; Proxy: null)",
            )

    def _enabled(self, name: str) -> WorkGroup:
        with self._state.lock:
            group = self._state.workgroups.get(name)
            if group.state != "ENABLED":
                raise AwsError(INVALID, f"WorkGroup {name} is disabled.")
            return group

    def _inner(self, statement: Execute, workgroup: str) -> Statement:
        """The statement that EXECUTE runs."""
        with self._state.lock:
            try:
                kept = self._state.prepared.get(workgroup, statement.name)
            except AwsError as error:
                raise AwsError(INVALID, error.message) from error
        return checked_statement(kept["QueryStatement"])

    def resolve(self, execution: Execution) -> tuple[Statement, Sequence[str]]:
        """What an execution runs, and its parameters.

        Raises:
            QueryFailed: the prepared statement is gone.
        """
        try:
            statement = parse(execution.query)
            if isinstance(statement, Execute):
                parameters = statement.parameters or execution.parameters
                return self._inner(statement, execution.workgroup), parameters
        except MalformedQuery as error:
            raise QueryFailed(f"SYNTAX_ERROR: {error.message}") from error
        except AwsError as error:
            raise QueryFailed(f"NOT_FOUND: {error.message}") from error
        return statement, execution.parameters

    def _prepare(self, run: Run, statement: Prepare) -> Outcome:
        from localaws.athena.run import Outcome

        kept = {
            "WorkGroup": run.execution.workgroup,
            "StatementName": statement.name,
            "QueryStatement": statement.sql,
        }
        with self._state.lock:
            self._state.prepared.put(kept, utcnow())
        return Outcome()

    def _deallocate(self, run: Run, statement: Deallocate) -> Outcome:
        from localaws.athena.run import Outcome

        try:
            with self._state.lock:
                self._state.prepared.delete(run.execution.workgroup, statement.name)
        except AwsError as error:
            raise QueryFailed(f"NOT_FOUND: {error.message}") from error
        return Outcome()

    def _execution(self, params: Params) -> Execution:
        execution_id = params["QueryExecutionId"]
        with self._state.lock:
            execution = self._state.executions.get(execution_id)
        if execution is None:
            raise AwsError(INVALID, f"QueryExecution {execution_id} was not found")
        return execution

    def stop(self, params: Params) -> Params:
        """StopQueryExecution: a query that has ended stays as it is."""
        self.runner.stop(self._execution(params))
        return {}

    def get(self, params: Params) -> Params:
        """GetQueryExecution."""
        execution = self._execution(params)
        with self._state.lock:
            return {"QueryExecution": execution.described()}

    def batch_get(self, params: Params) -> Params:
        """BatchGetQueryExecution."""
        with self._state.lock:
            found = {key: self._state.executions.get(key) for key in params["QueryExecutionIds"]}
            return {
                "QueryExecutions": [e.described() for e in found.values() if e is not None],
                "UnprocessedQueryExecutionIds": [
                    {
                        "QueryExecutionId": key,
                        "ErrorCode": "QUERY_EXECUTION_NOT_FOUND",
                        "ErrorMessage": f"QueryExecution {key} was not found",
                    }
                    for key, execution in found.items()
                    if execution is None
                ],
            }

    def list_executions(self, params: Params) -> Params:
        """ListQueryExecutions, newest first."""
        with self._state.lock:
            group = self._state.workgroups.get(params.get("WorkGroup", PRIMARY))
            ids = [execution.id for execution in self._state.executions.of(group.name)]
        listed, token = page(ids, params, MAX_LISTED)
        return {"QueryExecutionIds": listed, "NextToken": token}

    def read_results(self, params: Params) -> Params:
        """GetQueryResults: read back from the result file, page by page."""
        execution = self._execution(params)
        limit = params.get("MaxResults", MAX_ROWS)
        if params.get("QueryResultType") == "DATA_MANIFEST":
            raise Unsupported("the QueryResultType DATA_MANIFEST", INVALID)
        if execution.state == "CANCELLED":
            raise AwsError(INVALID, "Could not find results")
        if execution.state == "FAILED":
            message = "Query did not finish successfully. Final query state: FAILED"
            raise AwsError(INVALID, message)
        if not execution.final:
            message = f"Query has not yet finished. Current state: {execution.state}"
            raise AwsError(INVALID, message)
        start = self._position(params.get("NextToken"), execution)
        rows, following = self._rows(execution, start, limit)
        return {
            "UpdateCount": execution.changed[1] if execution.changed else _update_count(execution),
            "ResultSet": {
                "Rows": [{"Data": [_datum(value) for value in row]} for row in rows],
                "ResultSetMetadata": {
                    "ColumnInfo": [results.column_info(column) for column in execution.columns]
                },
            },
            "NextToken": None if following is None else results.token(execution.id, following),
        }

    def _position(self, token: str | None, execution: Execution) -> int:
        if token is None:
            return 0
        try:
            return results.position_of(token, execution.id)
        except results.TokenMalformed as error:
            raise AwsError(INVALID, f"Malformed nextPageToken {token}") from error

    def _rows(
        self, execution: Execution, start: int, limit: int
    ) -> tuple[list[results.Row], int | None]:
        if execution.changed is not None:
            return [], None
        s3, place = self._state.aws.client("s3"), execution.output
        try:
            if execution.substatement == "EXPLAIN":
                # Of the statements with text results, this alone has a header here.
                header: list[results.Row] = [[execution.columns[0].name]] if start == 0 else []
                limit -= len(header)
                rows, following = results.text_page(s3, place, max(start - 1, 0), limit)
                return header + rows, None if following is None else following + 1
            if execution.text_result:
                return results.text_page(s3, place, start, limit)
            return results.csv_page(s3, place, start, limit, len(execution.columns))
        except ClientError as error:
            raise AwsError(INVALID, "Could not find results") from error

    def runtime_statistics(self, params: Params) -> Params:
        """GetQueryRuntimeStatistics, without stages."""
        execution = self._execution(params)
        with self._state.lock:
            return {
                "QueryRuntimeStatistics": {
                    "Timeline": execution.timeline(),
                    "Rows": {
                        "InputBytes": execution.scanned_bytes,
                        "OutputBytes": execution.output_bytes,
                        "OutputRows": execution.rows,
                    },
                }
            }


def _datum(value: str | None) -> Params:
    return {} if value is None else {"VarCharValue": value}


def _update_count(execution: Execution) -> int | None:
    """0 where Athena gives it for what changes nothing; none for DDL, EXPLAIN and DESCRIBE."""
    shows = execution.type == "UTILITY" and execution.substatement not in (
        "DESCRIBE_TABLE",
        "SHOW_CREATE_TABLE",
    )
    return 0 if shows or execution.substatement in ("SELECT", "EXECUTE") else None
