"""`salesflow reconcile` and the task at the end of an ingestion, on the whole pipeline."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import takewhile
from threading import Event, Thread
from typing import Any

import pytest

from pipeline_runs import Pipeline
from salesflow.generator import history, live
from salesflow.orders import Order, Put, Write
from salesflow.writer import TableWriter
from shell import Shell

ORDERS = 10_000
UNTIL = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
WRITTEN = {"orders": ORDERS, "days": 1, "seed": 5, "until": UNTIL.isoformat()}
BY_HAND = "SELECT orderid FROM orders WHERE NOT is_deleted ORDER BY orderid LIMIT 3"


def orders_of_the_generator() -> dict[str, Order]:
    """The newest state of each order that still exists, by the generator's own account."""
    newest: dict[str, Order] = {}
    for write in history(orders=ORDERS, days=1, until=UNTIL, seed=5):
        if isinstance(write, Put):
            newest[write.orderid] = write.order
        else:
            del newest[write.orderid]
    return newest


@pytest.fixture(scope="module")
def shell(pipeline: Pipeline) -> Shell:
    """A shell on a deployed pipeline into which nothing has come."""
    pipeline.run("deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0)
    return Shell(pipeline.endpoint_url)


@pytest.fixture(scope="module")
def written(shell: Shell, pipeline: Pipeline) -> None:
    """Orders, one that breaks the rules among them; ingested."""
    assert set(pipeline.run("generate_orders", **WRITTEN).values()) == {"success"}
    pipeline.client("dynamodb").put_item(
        TableName=pipeline.outputs["OrdersTableName"],
        Item={
            "orderid": {"S": "refused"},
            "product_name": {"S": "Laptop"},
            "quantity": {"N": "0"},
            "price": {"N": "1"},
        },
    )
    states = pipeline.run("ingest_orders", reconcile="full")
    assert set(states.values()) == {"success"}, states


def compare(shell: Shell, *options: str) -> tuple[int, dict[str, Any]]:
    """The exit status and what was found."""
    done = shell("reconcile", "--format", "json", "--quiet", "1", *options)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


def named(found: dict[str, Any], kind: str) -> list[str]:
    return [order["orderid"] for order in found[kind]["first"]]


def test_before_the_first_ingestion_it_says_so(shell: Shell) -> None:
    done = shell("reconcile")
    assert done.returncode == 2
    assert "run ingest_orders first" in done.stderr
    assert "Traceback" not in done.stderr


def test_without_a_deployment_or_an_aws_it_can_not_compare(shell: Shell) -> None:
    assert shell("--stage", "nowhere", "reconcile").returncode == 2
    done = Shell("http://127.0.0.1:9")("reconcile")
    assert done.returncode == 2
    assert "salesflow aws" in done.stderr


@pytest.mark.usefixtures("written")
def test_silver_has_the_generators_orders_to_the_last_decimal(shell: Shell) -> None:
    status, found = compare(shell)
    newest = orders_of_the_generator()
    total = sum(order.quantity * order.price for order in newest.values())
    assert (status, found["match"]) == (0, True)
    for side in ("dynamodb", "silver"):
        assert found[side]["orders"] == len(newest)
        assert Decimal(found[side]["amount"]) == total
    assert found["silver"]["tombstones"] == ORDERS - len(newest)
    assert [order["orderid"] for order in found["refused"]["first"]] == ["refused"]
    assert found["cost"]["read_units"] > 0


@pytest.mark.usefixtures("written")
def test_the_ingestion_compared_and_says_what_it_found(pipeline: Pipeline) -> None:
    found = pipeline.result("ingest_orders", "reconcile_orders")
    assert (found["mode"], found["match"], found["refused"]["orders"]) == ("full", True, 1)


@pytest.mark.usefixtures("written")
def test_a_sample_matches_and_can_be_repeated(shell: Shell) -> None:
    one, other = (compare(shell, "--sample", "50", "--seed", "x") for _ in range(2))
    assert one[0] == other[0] == 0
    assert one[1]["compared"] == other[1]["compared"]
    assert 50 <= one[1]["compared"] < 200


@pytest.mark.usefixtures("written")
def test_for_people_it_prints_both_sides_and_what_it_cost(shell: Shell) -> None:
    done = shell("reconcile")
    assert done.returncode == 0, done.stderr
    for text in ("DynamoDB", "silver", "quantity × price", "0 missing, 0 extra, 0 stale"):
        assert text in done.stdout
    assert "bytes scanned by Athena" in done.stdout


@pytest.mark.usefixtures("written")
def test_while_orders_are_written_nothing_is_a_mismatch(shell: Shell, pipeline: Pipeline) -> None:
    stop = Event()

    def until_told() -> Iterator[Write]:
        writes = live(interval_seconds=0.1, start=datetime.now(UTC), seed=9, hurry=1e6)
        return takewhile(lambda _: not stop.wait(0.005), writes)

    writer = TableWriter(
        client=pipeline.client("dynamodb"),
        table=pipeline.outputs["OrdersTableName"],
        lookahead=1,
    )
    thread = Thread(target=lambda: writer.write(until_told()))
    thread.start()
    try:
        found = [json.loads(shell("reconcile", "--format", "json").stdout) for _ in range(3)]
    finally:
        stop.set()
        thread.join()
    assert [report["match"] for report in found] == [True] * 3, found
    assert found[-1]["in_flight"] > found[0]["in_flight"] >= 0
    assert set(pipeline.run("ingest_orders", reconcile="full").values()) == {"success"}


@pytest.mark.usefixtures("written")
def test_rows_altered_by_hand_are_named_and_fail_the_ingestion(
    shell: Shell, pipeline: Pipeline
) -> None:
    removed, altered, added = (str(row[0]) for row in pipeline.query(BY_HAND))
    pipeline.query(f"DELETE FROM orders WHERE orderid = '{removed}'")
    dearer = "CAST(price + 0.0001 AS decimal(18, 4))"
    pipeline.query(f"UPDATE orders SET price = {dearer} WHERE orderid = '{altered}'")
    pipeline.query(f"INSERT INTO orders SELECT * FROM orders WHERE orderid = '{added}'")
    status, found = compare(shell)
    assert status == 1
    kinds = {kind: named(found, kind) for kind in ("missing", "stale", "extra")}
    assert kinds == {"missing": [removed], "stale": [altered], "extra": [added]}
    [stale] = found["stale"]["first"]
    difference = Decimal(stale["silver"]["price"]) - Decimal(stale["dynamodb"]["price"])
    assert difference == Decimal("0.0001")
    done = shell("reconcile", "--quiet", "1", "--max-shown", "1")
    assert done.returncode == 1
    assert f"missing {removed}: " in done.stdout
    assert f"stale {altered}: price is " in done.stdout
    assert f"extra {added}: 2 rows in silver" in done.stdout

    states = pipeline.run("ingest_orders", since="2000-01-01", reconcile="full")
    assert states["record_merge"] == "success"
    assert states["reconcile_orders"] == "failed"
    assert states["announce_orders"] == "upstream_failed"
