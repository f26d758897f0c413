"""What the dashboard reads of a deployment into which orders have come, and through Airflow."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline_runs import STAGE, Pipeline
from salesflow.dashboard.lake import Lake, lake_data, read_lake
from salesflow.dashboard.live import live_data, read_live
from salesflow.dashboard.pipeline import pipeline_data, read_pipeline
from salesflow.deliveries import BRONZE_PREFIX
from salesflow.deployment import deployment_prefix

ORDERS, DAYS, SEED = 150, 3, 21
UNTIL = datetime.now(UTC).replace(microsecond=0)
YESTERDAY = UNTIL.date() - timedelta(days=1)
POISON = {"product_name": {"S": "Laptop"}, "quantity": {"N": "1"}, "price": {"S": "a lot"}}


@pytest.fixture(scope="module", autouse=True)
def arrived(pipeline: Pipeline) -> Pipeline:
    """A deployment whose lake has orders, one record in quarantine, and a day's reports."""
    deployed = pipeline.run(
        "deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0
    )
    assert set(deployed.values()) == {"success"}
    before = read_lake(pipeline.client, pipeline.outputs, datetime.now(UTC))
    assert (before.merged.today, before.report_day, before.stock) == (None, None, None)
    pipeline.run("generate_orders", orders=ORDERS, days=DAYS, seed=SEED, until=UNTIL.isoformat())
    pipeline.client("dynamodb").put_item(
        TableName=pipeline.outputs["OrdersTableName"], Item={"orderid": {"S": "poison"}, **POISON}
    )
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    reported = pipeline.run("daily_sales_reports", day=YESTERDAY.isoformat(), restate=False)
    assert reported["write_page"] == "success"
    pipeline.run("project_sales", day=YESTERDAY.isoformat())
    return pipeline


def lake_of(pipeline: Pipeline, now: datetime) -> Lake:
    return read_lake(pipeline.client, pipeline.outputs, now)


def pipeline_of(pipeline: Pipeline) -> dict[str, Any]:
    now = datetime.now(UTC)
    prefix = deployment_prefix(STAGE)
    return pipeline_data(read_pipeline(pipeline.client, pipeline.outputs, now, prefix))


def hop(told: dict[str, Any], identity: str) -> dict[str, Any]:
    found: dict[str, Any] = next(hop for hop in told["hops"] if hop["id"] == identity)
    return found


def kept(pipeline: Pipeline, day: date) -> list[Decimal]:
    """What the orders of a day are worth that came to something, by the table of orders."""
    pages = (
        pipeline.client("dynamodb")
        .get_paginator("scan")
        .paginate(TableName=pipeline.outputs["OrdersTableName"])
    )
    return [
        Decimal(item["quantity"]["N"]) * Decimal(item["price"]["N"])
        for item in (item for page in pages for item in page["Items"])
        if item.get("order_ts", {"S": ""})["S"].startswith(day.isoformat())
        and item["status"]["S"] not in ("cancelled", "returned")
    ]


def test_the_lake_and_the_live_totals_agree_with_the_table(pipeline: Pipeline) -> None:
    now = datetime.combine(UNTIL.date(), datetime.max.time(), UTC)
    expected = kept(pipeline, UNTIL.date())
    today = lake_of(pipeline, now).merged.today
    assert today is not None
    assert (today.orders, today.revenue) == (len(expected), sum(expected))
    live = live_data(read_live(pipeline.client, pipeline.outputs, now))["so_far"]["today"]
    assert (live["orders"], Decimal(live["revenue"])) == (len(expected), sum(expected))
    assert live["refused"] == 1


def test_the_lake_tells_the_reports_of_the_newest_day(pipeline: Pipeline) -> None:
    told = lake_data(lake_of(pipeline, datetime.now(UTC)))
    assert told["report_day"] == told["last_report"]["day"] == YESTERDAY.isoformat()
    assert told["last_report"]["page_uri"].endswith(f"/dt={YESTERDAY}/page.html")
    assert told["customers"]["new"] + told["customers"]["returning"] > 0
    assert len(told["customers"]["top"]) == 5
    assert len(told["inventory"]) == 10
    cover = [stock["days_of_cover"] for stock in told["inventory"]]
    assert cover == sorted(cover, key=lambda days: (days is None, days or 0))
    assert "needs 84 days of history" in told["projection"]["missing"]


def test_athena_is_asked_only_when_silver_may_say_something_else(pipeline: Pipeline) -> None:
    athena = pipeline.client("athena")

    def questions() -> int:
        pages = athena.get_paginator("list_query_executions").paginate(
            WorkGroup=pipeline.outputs["WorkGroupName"]
        )
        return sum(len(page["QueryExecutionIds"]) for page in pages)

    now = datetime.now(UTC).replace(minute=1)
    lake_of(pipeline, now)
    asked = questions()
    for seconds in range(0, 120, 20):
        lake_of(pipeline, now + timedelta(seconds=seconds))
    assert questions() == asked
    pipeline.query("DELETE FROM merges WHERE run_id = 'none'")
    pipeline.query("UPDATE orders SET channel = channel WHERE channel = 'web'")
    changed = questions()
    lake_of(pipeline, now)
    assert questions() == changed + 1


def test_the_pipeline_tells_of_every_hop_and_of_the_quarantine(pipeline: Pipeline) -> None:
    told = pipeline_of(pipeline)
    assert [each["id"] for each in told["hops"]] == [
        "orders",
        "pipe",
        "live",
        "delivery",
        "bronze",
        "catalogue",
        "silver",
        "reports",
    ]
    assert told["quarantine"]["waiting"] == 1
    assert told["quarantine"]["newest_at"].endswith("Z")
    assert told["state"] == "failing"
    assert told["sentence"] == "1 record waits in quarantine: run redrive_orders."
    states = {each["id"]: each["state"] for each in told["hops"]}
    assert states.pop("bronze") == "failing"
    assert set(states.values()) == {"well"}
    assert hop(told, "silver")["age_seconds"] < 600


def test_dead_letters_and_alarms_are_told(pipeline: Pipeline) -> None:
    queue = pipeline.outputs["DeadLetterQueueUrl"]
    cloudwatch, sqs = pipeline.client("cloudwatch"), pipeline.client("sqs")
    prefix = "salesflow-dev-monitoring-"
    [alarm] = [
        alarm["AlarmName"]
        for alarm in cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
        if alarm["AlarmName"].startswith(f"{prefix}DeadLetters")
    ]
    sqs.send_message(QueueUrl=queue, MessageBody="{}")
    cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="ALARM", StateReason="a test")
    try:
        told = pipeline_of(pipeline)
    finally:
        cloudwatch.set_alarm_state(AlarmName=alarm, StateValue="OK", StateReason="a test")
        sqs.purge_queue(QueueUrl=queue)
    assert told["dead_letters"] == 1
    assert told["sentence"].startswith("The pipe gave up 1 batch of changes")
    [raised] = told["alarms"]
    assert raised["name"] == "DeadLetters"
    assert raised["reason"].startswith("The pipe gave up changes; redrive them")


def test_what_came_long_ago_isnt_listed(pipeline: Pipeline) -> None:
    before = hop(pipeline_of(pipeline), "bronze")["came"]
    s3, bucket = pipeline.client("s3"), pipeline.outputs["LakeBucketName"]
    old = f"{BRONZE_PREFIX}dt={UNTIL.date() - timedelta(days=4)}/hour=00/object.gz"
    new = f"{BRONZE_PREFIX}dt={datetime.now(UTC):%Y-%m-%d/hour=%H}/object.gz"
    for key in (old, new):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    try:
        told = pipeline_of(pipeline)
    finally:
        for key in (old, new):
            s3.delete_object(Bucket=bucket, Key=key)
    assert hop(told, "bronze")["came"] == before + 1
    assert hop(told, "catalogue")["waits"] == 1
