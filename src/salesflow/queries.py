"""Ad-hoc questions to Athena: submit, wait, and read the answer page by page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from salesflow.patience import Patience

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import ColumnInfoTypeDef, QueryExecutionTypeDef

Row = tuple[str | None, ...]


class QueryFailed(Exception):
    """Athena refused, failed or cancelled a query; the message is Athena's."""


@dataclass(frozen=True)
class Answer:
    """A query that succeeded.

    Attributes:
        query_id: Athena's id of the query.
        column_info: Athena's description of the columns, with precision and scale.
        rows: the values as Athena prints them, None for NULL; read once, page by page.
        scanned_bytes: what the query read, and is charged for (10 MB at least).
        seconds: how long Athena worked on it.
        output: S3 URI of the result file.
        statement_type: DML, DDL or UTILITY, which decides whether it costs anything.
    """

    query_id: str
    column_info: tuple[ColumnInfoTypeDef, ...]
    rows: Iterator[Row]
    scanned_bytes: int
    seconds: float
    output: str
    statement_type: str = "DML"

    @property
    def columns(self) -> tuple[tuple[str, str], ...]:
        """Names and Athena types, in order."""
        return tuple((column["Name"], column["Type"]) for column in self.column_info)


def ask(
    client: AthenaClient,
    sql: str,
    *,
    database: str,
    workgroup: str,
    parameters: Sequence[str] = (),
    token: str | None = None,
    patience: Patience | None = None,
) -> Answer:
    """Run one statement and wait for it.

    Args:
        parameters: for the statement's question marks, as SQL literals.
        token: Athena answers one that it knows with the query that has it (see `request_token`).
        patience: how long to wait; 30 minutes, Athena's own limit for a query, by default.

    Raises:
        QueryFailed: with Athena's reason.
        TimeoutError: the query was still running; it is stopped.
    """
    arguments: dict[str, Any] = {}
    if parameters:
        arguments["ExecutionParameters"] = list(parameters)
    if token:
        arguments["ClientRequestToken"] = token
    query_id = client.start_query_execution(
        QueryString=sql,
        QueryExecutionContext={"Database": database},
        WorkGroup=workgroup,
        **arguments,
    )["QueryExecutionId"]

    def finished() -> str | None:
        state = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]["Status"][
            "State"
        ]
        return None if state in {"QUEUED", "RUNNING"} else state

    try:
        (patience or Patience(interval=0.2)).wait(f"query {query_id}", finished)
    except (TimeoutError, KeyboardInterrupt):
        client.stop_query_execution(QueryExecutionId=query_id)
        raise
    execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    if execution["Status"]["State"] != "SUCCEEDED":
        raise QueryFailed(execution["Status"].get("StateChangeReason", "no reason was given"))
    info, rows = read_answer(client, execution)
    statistics = execution["Statistics"]
    return Answer(
        query_id=query_id,
        column_info=info,
        rows=rows,
        scanned_bytes=statistics.get("DataScannedInBytes", 0),
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
        output=execution["ResultConfiguration"].get("OutputLocation", ""),
        statement_type=statement_type(execution),
    )


def statement_type(execution: QueryExecutionTypeDef) -> str:
    """DML, DDL or UTILITY. What Athena calls DML may be an EXPLAIN, which is none: it is free.

    https://docs.aws.amazon.com/athena/latest/ug/athena-explain-statement.html
    """
    if execution.get("SubstatementType") == "EXPLAIN":
        return "UTILITY"
    return execution.get("StatementType", "DML")


def read_answer(
    client: AthenaClient, execution: QueryExecutionTypeDef
) -> tuple[tuple[ColumnInfoTypeDef, ...], Iterator[Row]]:
    """The columns and the rows, page by page, of a query execution that has succeeded."""
    header = execution.get("StatementType") == "DML"
    return _read(client, execution["QueryExecutionId"], header=header)


def read_rows(client: AthenaClient, query_id: str) -> Iterator[Row]:
    """The rows of a query that has succeeded, page by page."""
    return _read(client, query_id, header=True)[1]


def _read(
    client: AthenaClient, query_id: str, *, header: bool
) -> tuple[tuple[ColumnInfoTypeDef, ...], Iterator[Row]]:
    """The columns, and the rows without the header line that Athena puts first for a SELECT."""
    pages = iter(client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id))
    first = next(pages)["ResultSet"]
    info = first.get("ResultSetMetadata", {}).get("ColumnInfo", [])

    def rows() -> Iterator[Row]:
        page, skip = first, 1 if header else 0
        while True:
            for row in page.get("Rows", [])[skip:]:
                yield tuple(cell.get("VarCharValue") for cell in row.get("Data", []))
            skip = 0
            following = next(pages, None)
            if following is None:
                return
            page = following["ResultSet"]

    return tuple(info), rows()
