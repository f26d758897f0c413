"""Failures and late runs are told by the topic of the stage's alarms, which a queue listens to."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airflow_home import ROOT
from localaws.server import LocalAws
from salesflow_airflow.notices import due, tell_of_failure, tell_of_lateness

STACK = "salesflow-dev-monitoring"
TEMPLATE = (ROOT / "infra" / "cloudformation" / "monitoring.yaml").read_text()
NAMES = (
    *("GenerateFunctionName", "PipeName", "DeadLetterQueueName", "CdcStreamName"),
    *("DeliveryStreamName", "TransformFunctionName", "AggregateFunctionName"),
    "LiveFailureQueueName",
)
LATE_RUN = {
    "dag_run": {
        "dag_id": "daily_sales_reports",
        "dag_run_id": "scheduled__2026-03-05",
        "run_type": "scheduled",
        "state": "running",
        "conf": {},
    },
    "deadline": {"id": "1", "deadline_time": "2026-03-05T03:00:00+00:00"},
}


class Listener:
    """A monitoring stack, and a queue that is subscribed to its topic."""

    def __init__(self, aws: LocalAws, email: str) -> None:
        cloudformation, sns, self.sqs = map(aws.aws.client, ("cloudformation", "sns", "sqs"))
        given = dict.fromkeys(NAMES, "a-name") | {"AlarmEmail": email}
        cloudformation.create_stack(
            StackName=STACK,
            TemplateBody=TEMPLATE,
            Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
        )
        cloudformation.get_waiter("stack_create_complete").wait(
            StackName=STACK, WaiterConfig={"Delay": 0}
        )
        self.queue = self.sqs.create_queue(QueueName="told")["QueueUrl"]
        [stack] = cloudformation.describe_stacks(StackName=STACK)["Stacks"]
        self.outputs = {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}
        if topic := self.outputs.get("AlarmTopicArn"):
            arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
            endpoint = arn["Attributes"]["QueueArn"]
            sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=endpoint)

    def messages(self) -> list[dict[str, Any]]:
        """What the queue was told."""
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]


@pytest.fixture
def listener(aws_default: LocalAws) -> Listener:
    return Listener(aws_default, "sales@example.com")


def failed(map_index: int = -1, **context: Any) -> Any:
    ti = SimpleNamespace(
        dag_id="ingest_orders",
        task_id="crawl",
        run_id="manual__1",
        map_index=map_index,
        log_url="http://127.0.0.1:8080/dags/ingest_orders/runs/manual__1/tasks/crawl",
    )
    return {"ti": ti, "params": {"stage": "dev"}, **context}


def test_a_failed_task_is_told_with_its_reason_and_its_log(listener: Listener) -> None:
    tell_of_failure(failed(3, exception=AirflowFailException("the role may not read the bucket")))
    [told] = listener.messages()
    assert told["Subject"] == "ingest_orders.crawl[3] failed (dev)"
    for said in ("the role may not read the bucket", "manual__1", "/tasks/crawl"):
        assert said in told["Message"]


def test_a_late_run_is_told_and_a_backfill_is_never_late(listener: Listener) -> None:
    asyncio.run(tell_of_lateness(LATE_RUN))
    [told] = listener.messages()
    assert told["Subject"] == "daily_sales_reports is late (dev)"
    assert "/dags/daily_sales_reports/runs/scheduled__2026-03-05" in told["Message"]
    backfilled = LATE_RUN | {"dag_run": LATE_RUN["dag_run"] | {"run_type": "backfill"}}
    asyncio.run(tell_of_lateness(backfilled))
    assert listener.messages() == []


def test_without_an_address_nobody_is_told_and_the_log_says_so(
    aws_default: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    listener = Listener(aws_default, "")
    assert listener.outputs == {}
    with caplog.at_level("INFO"):
        tell_of_failure(failed())
    assert "the monitoring stack of dev has no address" in caplog.text
    assert listener.messages() == []


def test_without_a_monitoring_stack_nobody_is_told(
    aws_default: LocalAws, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO"):
        tell_of_failure(failed())
    assert "nobody is told" in caplog.text


def test_reports_are_due_so_many_hours_after_their_day(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESFLOW_REPORTS_DUE_HOURS", "3")
    deadline = due()
    assert deadline is not None
    assert deadline.interval == timedelta(hours=27)
    assert deadline.reference.reference_name == "DagRunLogicalDateDeadline"
    assert deadline.callback.path == "salesflow_airflow.notices.tell_of_lateness"


def test_nothing_is_late_unless_somebody_says_when(
    monkeypatch: pytest.MonkeyPatch, dag_bag: Any
) -> None:
    monkeypatch.delenv("SALESFLOW_REPORTS_DUE_HOURS", raising=False)
    assert due() is None
    assert not dag_bag.dags["daily_sales_reports"].deadline


@pytest.mark.parametrize("text", ["soon", "-1", "1.5"])
def test_what_is_no_number_of_hours_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("SALESFLOW_REPORTS_DUE_HOURS", text)
    with pytest.raises(ValueError, match=f"_DUE_HOURS={text} is no number of hours"):
        due()
