"""Questions as Athena keeps them: who asked, what became of it, what it cost, and what it found.

Only queries of the questions' workgroup are touched: the id of any other query is as good as none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from salesflow.deployment import StackMissing
from salesflow.queries import Row, read_answer, statement_type
from salesflow.questions.cost import cost
from salesflow.questions.guard import question

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_athena.type_defs import QueryExecutionTypeDef

MAX_LISTED: Final = 50
"""Query executions that Athena lists, and describes, in one request."""

_ASKED_BY: Final = "-- asked by "
_MAX_NAME: Final = 100
_PLACE: Final = re.compile(r"\bline (\d+):(\d+)")


class NoSuchQuestion(LookupError):
    """There is no query with this id among the questions; the message says so."""


class NotAnswered(ValueError):
    """A question has no rows, because it runs, failed or was cancelled; the message says which."""


class NotUnderstood(ValueError):
    """Athena doesn't take a question on; the message is Athena's.

    Attributes:
        place: line and column of the culprit, counted from 1; None if Athena names none.
    """

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.place = place_in(message)


@dataclass(frozen=True)
class Question:
    """A question and what became of it.

    Attributes:
        asked_by: None if it wasn't asked through the page.
        state: QUEUED, RUNNING, SUCCEEDED, FAILED or CANCELLED.
        error: Athena's reason for a failure or a cancellation, which may be its own for the limit
            of bytes; with the places of the question as it was asked.
        scanned_bytes: so far, while it runs.
        cost: dollars, unrounded; so far, while it runs.
        seconds: that Athena has worked on it.
    """

    id: str
    sql: str
    asked_by: str | None
    asked_at: datetime
    state: str
    error: str | None
    scanned_bytes: int
    cost: Decimal
    seconds: float

    @property
    def place(self) -> tuple[int, int] | None:
        """Line and column that the error names, counted from 1."""
        return place_in(self.error or "")


@dataclass(frozen=True)
class Rows:
    """The beginning of an answer.

    Attributes:
        columns: names and Athena types, in order.
        more: whether the answer has more rows than these.
    """

    columns: tuple[tuple[str, str], ...]
    rows: list[Row]
    more: bool


def workgroup_of(outputs: Mapping[str, str]) -> str:
    """The workgroup of the questions, from the outputs of a deployment's stacks.

    Raises:
        StackMissing: the deployment is older than questions.
    """
    try:
        return outputs["QuestionsWorkGroupName"]
    except KeyError:
        raise StackMissing(
            "the analytics stack has no workgroup for questions: deploy it again"
        ) from None


def marked(sql: str, asked_by: str) -> str:
    """A question with a first line, a comment, that says who asked it, for Athena's own history."""
    name = "".join(c if c.isprintable() else " " for c in asked_by)[:_MAX_NAME]
    return f"{_ASKED_BY}{name}\n{sql}"


def unmarked(query: str) -> tuple[str, str | None]:
    """A question as it was asked, and who asked it, of what Athena was sent."""
    first, newline, rest = query.partition("\n")
    if newline and first.startswith(_ASKED_BY):
        return rest, first.removeprefix(_ASKED_BY)
    return query, None


def place_in(message: str) -> tuple[int, int] | None:
    """The first place, line and column, that a message of Athena's names."""
    found = _PLACE.search(message)
    return (int(found[1]), int(found[2])) if found else None


def start(client: AthenaClient, text: str, *, asked_by: str, database: str, workgroup: str) -> str:
    """Start a question; the id of its query.

    Raises:
        Refused: it isn't one that only reads.
        NotUnderstood: with Athena's own error.
    """
    sql = question(text)
    try:
        return client.start_query_execution(
            QueryString=marked(sql, asked_by),
            QueryExecutionContext={"Database": database},
            WorkGroup=workgroup,
        )["QueryExecutionId"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        said = error.response["Error"].get("Message", "Athena gave no reason")
        raise NotUnderstood(_as_asked(said)) from error


def find(client: AthenaClient, query_id: str, workgroup: str) -> Question:
    """A question by the id of its query.

    Raises:
        NoSuchQuestion: nothing was asked under this id, or not in this workgroup.
    """
    return _read(_execution(client, query_id, workgroup))


def cancel(client: AthenaClient, query_id: str, workgroup: str) -> None:
    """Stop a question; one that has ended stays as it is.

    Raises:
        NoSuchQuestion: as `find`.
    """
    _execution(client, query_id, workgroup)
    client.stop_query_execution(QueryExecutionId=query_id)


def history(client: AthenaClient, workgroup: str) -> list[Question]:
    """The last questions, the newest first: `MAX_LISTED` at most, of Athena's last 45 days."""
    ids = client.list_query_executions(WorkGroup=workgroup, MaxResults=MAX_LISTED)
    if not ids["QueryExecutionIds"]:
        return []
    described = client.batch_get_query_execution(QueryExecutionIds=ids["QueryExecutionIds"])
    found = [_read(execution) for execution in described.get("QueryExecutions", [])]
    return sorted(found, key=lambda each: each.asked_at, reverse=True)


def first_rows(client: AthenaClient, query_id: str, workgroup: str, limit: int) -> Rows:
    """The columns of an answer and its first rows.

    Raises:
        NoSuchQuestion: as `find`.
        NotAnswered: there are no rows (yet).
    """
    columns, rows = answer(client, query_id, workgroup)
    first = list(islice(rows, limit))
    return Rows(columns, first, more=next(rows, None) is not None)


def answer(
    client: AthenaClient, query_id: str, workgroup: str
) -> tuple[tuple[tuple[str, str], ...], Iterator[Row]]:
    """The columns of an answer and all of its rows, which are read page by page.

    Raises:
        NoSuchQuestion: as `find`.
        NotAnswered: there are no rows (yet).
    """
    execution = _execution(client, query_id, workgroup)
    state = execution["Status"]["State"]
    if state != "SUCCEEDED":
        raise NotAnswered(f"the question has no answer: it is {state}")
    info, rows = read_answer(client, execution)
    return tuple((column["Name"], column["Type"]) for column in info), rows


def _execution(client: AthenaClient, query_id: str, workgroup: str) -> QueryExecutionTypeDef:
    try:
        execution = client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "InvalidRequestException":
            raise
        raise NoSuchQuestion(f"there is no question {query_id}") from error
    if execution.get("WorkGroup") != workgroup:
        raise NoSuchQuestion(f"there is no question {query_id}")
    return execution


def _read(execution: QueryExecutionTypeDef) -> Question:
    sql, asked_by = unmarked(execution["Query"])
    status: Any = execution["Status"]
    statistics = execution.get("Statistics", {})
    scanned = statistics.get("DataScannedInBytes", 0)
    ended = status["State"] in ("FAILED", "CANCELLED")
    reason = status.get("StateChangeReason") if ended else None
    return Question(
        id=execution["QueryExecutionId"],
        sql=sql,
        asked_by=asked_by,
        asked_at=status["SubmissionDateTime"],
        state=status["State"],
        error=_as_asked(reason) if reason and asked_by is not None else reason,
        scanned_bytes=scanned,
        cost=cost(scanned, status["State"], statement_type(execution)),
        seconds=statistics.get("TotalExecutionTimeInMillis", 0) / 1000,
    )


def _as_asked(message: str) -> str:
    """A message about a marked question, its lines counted as they were asked."""
    return _PLACE.sub(lambda found: f"line {max(1, int(found[1]) - 1)}:{found[2]}", message)
