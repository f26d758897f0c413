"""Statements are submitted once, changes are counted, reports lie under their stable key."""

from __future__ import annotations

import io
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowException
from botocore.response import StreamingBody
from botocore.stub import Stubber

from salesflow_airflow.operators import athena
from salesflow_airflow.operators.athena import (
    AthenaStatementOperator,
    CompareCountsOperator,
)

KEYS = {"region_name": "us-east-1", "aws_access_key_id": "x", "aws_secret_access_key": "x"}
RESULT = "s3://lake/athena-results/q-1.csv"
RETRIES = 2


class Athena:
    """Athena as far as it knows tokens: a known one is answered with its query."""

    def __init__(self, *outcomes: str) -> None:
        self.outcomes = iter(outcomes)
        self.queries: dict[str, str] = {}
        self.states: dict[str, str] = {}

    def submit(self, token: str) -> str:
        if token not in self.queries:
            query_id = f"q-{len(self.queries) + 1}"
            self.queries[token] = query_id
            self.states[query_id] = next(self.outcomes)
        return self.queries[token]


@pytest.fixture
def submit(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Replaces the provider's own submitting and waiting, which is not under test."""

    def use(service: Athena) -> None:
        def execute(operator: Any, context: Any) -> str:
            operator.query_execution_id = service.submit(operator.client_request_token)
            if service.states[operator.query_execution_id] != "SUCCEEDED":
                raise AirflowException(f"{operator.query_execution_id} failed")
            return str(operator.query_execution_id)

        monkeypatch.setattr(athena.AthenaOperator, "execute", execute)

    return use


def task_instance(try_number: int = 1, clearings_moved_max_tries_to: int = RETRIES) -> Any:
    ti = SimpleNamespace(
        dag_id="reports",
        run_id="run",
        task_id="report",
        map_index=0,
        try_number=try_number,
        max_tries=clearings_moved_max_tries_to,
    )
    return {"ti": ti}


def statement(query: str = "SELECT 1") -> AthenaStatementOperator:
    return AthenaStatementOperator(task_id="report", query=query, retries=RETRIES)


def test_a_retry_after_a_crash_adopts_the_submitted_query(submit: Any) -> None:
    service = Athena("SUCCEEDED")
    submit(service)
    first = statement().execute(task_instance(1))
    assert statement().execute(task_instance(2)) == first


def test_a_retry_after_a_failed_query_submits_another(submit: Any) -> None:
    service = Athena("FAILED", "FAILED", "SUCCEEDED")
    submit(service)
    for attempt in (1, 2):
        with pytest.raises(AirflowException, match=f"q-{attempt} failed"):
            statement().execute(task_instance(attempt))
    assert statement().execute(task_instance(3)) == "q-3"


def test_a_cleared_task_queries_again(submit: Any) -> None:
    service = Athena("SUCCEEDED", "SUCCEEDED")
    submit(service)
    statement().execute(task_instance(1))
    cleared = task_instance(2, clearings_moved_max_tries_to=1 + RETRIES)
    assert statement().execute(cleared) == "q-2"


def test_a_changed_statement_is_not_answered_with_the_old_query(submit: Any) -> None:
    service = Athena("SUCCEEDED", "SUCCEEDED")
    submit(service)
    statement().execute(task_instance(1))
    assert statement("SELECT 2").execute(task_instance(2)) == "q-2"


def test_a_statement_is_waited_for_as_long_as_athena_lets_it_run(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(athena, "POLL_SECONDS", 0.5)
    operator = statement()
    assert operator.max_polling_attempts is not None
    assert operator.max_polling_attempts * operator.sleep_time == 30 * 60


@pytest.fixture
def stubs(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Stubber]]:
    """Stubbed clients of Athena, S3 and Firehose, which the operators get."""
    clients = {name: boto3.client(name, **KEYS) for name in ("athena", "s3", "firehose")}
    stubbers = {name: Stubber(client) for name, client in clients.items()}
    monkeypatch.setattr(athena, "connect", lambda service, *_: clients[service])
    hook = SimpleNamespace(conn=clients["athena"])
    monkeypatch.setattr(AthenaStatementOperator, "hook", hook)
    for stubber in stubbers.values():
        stubber.activate()
    yield stubbers
    for stubber in stubbers.values():
        stubber.assert_no_pending_responses()


def add_result(stubs: dict[str, Stubber], *rows: list[str | None]) -> None:
    cells = [
        {"Data": [{} if value is None else {"VarCharValue": value} for value in row]}
        for row in rows
    ]
    stubs["athena"].add_response(
        "get_query_results", {"ResultSet": {"Rows": cells}}, {"QueryExecutionId": "q-1"}
    )


def delivery(changes: int | None) -> dict[str, Any]:
    return {
        "since": "2026-03-04T00:10:00+00:00",
        "written_from": "2026-03-04T00:10:00.700000+00:00" if changes else None,
        "written_until": "2026-03-04T00:20:00.200000+00:00",
        "changes": changes,
    }


def test_a_comparison_reads_the_partitions_of_the_delivery() -> None:
    comparison = compare(5)
    assert comparison.first_day == "2026-03-03"
    assert comparison.last_second - comparison.first_second == 600
    comparison.delivery |= {"since": None}
    assert comparison.first_day < "1970"


def compare(changes: int | None) -> CompareCountsOperator:
    return CompareCountsOperator(
        task_id="count_changes",
        query="",
        delivery=delivery(changes),
        bucket="lake",
        stream="orders-delivery",
        retries=RETRIES,
    )


@pytest.mark.parametrize(("delivered", "missing"), [("4", False), ("3", True)])
def test_failed_records_count_as_arrived(
    submit: Any,
    stubs: dict[str, Stubber],
    events: Any,
    capfd: pytest.CaptureFixture[str],
    delivered: str,
    missing: bool,
) -> None:
    submit(Athena("SUCCEEDED"))
    add_result(stubs, ["changes"], [delivered])
    stubs["firehose"].add_response("describe_delivery_stream", events("delivery_stream"))
    key = "errors/orders_changelog/processing-failed/dt=2026-03-04/hour=00/a"
    stubs["s3"].add_response("list_objects_v2", {"Contents": [{"Key": key}]})
    stubs["s3"].add_response("get_object", {"Body": body(events("failed_records"))})
    counts = compare(5).execute(task_instance())
    assert counts == {"announced": 5, "delivered": int(delivered), "quarantined": 1}
    assert ("haven't arrived" in capfd.readouterr().out) is missing


def test_nothing_is_compared_if_nothing_was_announced(stubs: dict[str, Stubber]) -> None:
    assert compare(None).execute(task_instance()) is None


def body(records: Any) -> StreamingBody:
    import json

    lines = (
        records
        if isinstance(records, bytes)
        else "".join(json.dumps(record) + "\n" for record in records).encode()
    )
    return StreamingBody(io.BytesIO(lines), len(lines))
