"""Generated orders are counted exactly, announced, and the same again on a rerun."""

from __future__ import annotations

import io
import json
from collections import defaultdict
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from airflow.sdk.exceptions import AirflowFailException
from botocore.response import StreamingBody
from botocore.stub import Stubber

from localaws.server import LocalAws
from salesflow.generation import Assignment, GeneratorFailed, write_by_lambda
from salesflow_airflow.defaults import ORDERS_WRITTEN
from salesflow_airflow.operators.generate_orders import GenerateOrdersOperator

DUE = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def table(aws_default: LocalAws) -> Any:
    dynamodb = aws_default.aws.client("dynamodb")
    dynamodb.create_table(
        TableName="orders",
        AttributeDefinitions=[{"AttributeName": "orderid", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "orderid", "KeyType": "HASH"}],
        BillingMode="PAY_PER_REQUEST",
    )
    return dynamodb


def generate(events: dict[Any, Any] | None = None, **arguments: Any) -> dict[str, Any]:
    operator = GenerateOrdersOperator(
        task_id="write_orders",
        table="orders",
        function="generate",
        stage="dev",
        outlets=[ORDERS_WRITTEN],
        **{"where": "worker", "orders": "40", "days": "3", "until": "", "seed": "", **arguments},
    )
    context = {
        "dag_run": SimpleNamespace(run_after=DUE),
        "outlet_events": defaultdict(SimpleNamespace) if events is None else events,
    }
    return dict(operator.execute(context))


def items(table: Any) -> list[Any]:
    found = table.scan(TableName="orders")["Items"]
    return sorted(found, key=lambda item: item["orderid"]["S"])


def test_the_counts_are_those_of_the_table(table: Any) -> None:
    written = generate()
    assert written["orders"] == written["inserted"] == 40
    assert written["changes"] == 40 + written["changed"] + written["removed"]
    assert len(items(table)) == 40 - written["removed"]


def test_what_was_written_is_announced(table: Any) -> None:
    events: dict[Any, Any] = defaultdict(SimpleNamespace)
    written = generate(events)
    extra = events[ORDERS_WRITTEN].extra
    assert extra == written
    assert extra["stage"] == "dev"
    assert extra["written_from"] < extra["written_until"]


def test_a_rerun_writes_the_same_orders(table: Any) -> None:
    first = generate()
    before = items(table)
    again = generate()
    assert items(table) == before
    assert again["changes"] == first["changes"]
    assert (again["seed"], again["until"]) == (first["seed"], first["until"])


def test_another_seed_gives_other_orders(table: Any) -> None:
    generate(seed="1", until="2026-03-04T00:00:00Z")
    generate(seed="2", until="2026-03-04T00:00:00Z")
    assert len(items(table)) > 70


def test_a_time_without_zone_is_refused(table: Any) -> None:
    with pytest.raises(AirflowFailException, match="has no time zone"):
        generate(until="2026-03-04T00:00:00")


def test_orders_of_the_future_are_refused_before_the_transform_would(table: Any) -> None:
    with pytest.raises(AirflowFailException, match="is in the future"):
        generate(until="2999-01-01T00:00:00Z")
    assert items(table) == []


COUNTS = {"inserted": 10, "changed": 4, "removed": 1, "batches": 1, "retries": 0, "writes": 15}


def answer(payload: dict[str, Any], **more: Any) -> dict[str, Any]:
    body = json.dumps(payload).encode()
    return {"StatusCode": 200, "Payload": StreamingBody(io.BytesIO(body), len(body)), **more}


def invocation(orders: int, seed: int) -> dict[str, Any]:
    event = {"orders": orders, "days": 2, "until": DUE.isoformat(), "seed": seed}
    return {"FunctionName": "generate", "Payload": json.dumps(event).encode()}


@pytest.fixture
def function() -> Any:
    return boto3.client(
        "lambda", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )


def test_the_lambda_is_invoked_as_often_as_it_needs_to_end_in_time(function: Any) -> None:
    with Stubber(function) as stubber:
        stubber.add_response("invoke", answer(COUNTS), invocation(20_000, 7))
        stubber.add_response("invoke", answer(COUNTS), invocation(5_000, 8))
        written = write_by_lambda(function, "generate", Assignment(25_000, 2, DUE, 7))
        stubber.assert_no_pending_responses()
    assert (written.counts.inserted, written.counts.writes) == (20, 30)


def test_an_error_of_the_lambda_is_shown_with_what_was_written_before(function: Any) -> None:
    failure = {"errorMessage": "time limit of 895 s reached", "errorType": "WriteTimeout"}
    with Stubber(function) as stubber:
        stubber.add_response("invoke", answer(COUNTS))
        stubber.add_response("invoke", answer(failure, FunctionError="Unhandled"))
        with pytest.raises(GeneratorFailed, match=r"895 s reached \(15 writes were"):
            write_by_lambda(function, "generate", Assignment(25_000, 2, DUE, 7))
