"""Silver and the live totals equal the orders, whatever becomes of their changes on the way."""

from __future__ import annotations

import gzip
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline_runs import Pipeline
from saboteur import sabotage
from salesflow.generator import history
from salesflow.live import LiveTotals, Sales
from salesflow.orders import Delete, Order, Put, Write
from salesflow.packaging import build_package
from salesflow.writer import TableWriter
from shell import Shell

ROOT = Path(__file__).parents[2]
INSERTS, UPDATES, REMOVALS = 15_000, 4_000, 1_000
UNTIL = datetime.now(UTC).replace(microsecond=0) - timedelta(minutes=1)
COUNTING_SECONDS = 240
BRONZE = "bronze/orders_changelog/"


def changes() -> Iterator[Write]:
    """20,000 changes of the generator's orders: a fifth of them updates, a twentieth removals."""
    dice = random.Random(7)
    there: list[str] = []
    updates = removals = 0
    for write in history(orders=INSERTS, days=60, until=UNTIL, seed=7):
        if isinstance(write, Delete):
            continue
        if not write.is_new:
            if updates < UPDATES and write.orderid in there[-2_000:]:
                updates += 1
                yield write
            continue
        yield write
        there.append(write.orderid)
        # An order that is removed is no longer among those that are updated.
        if removals < REMOVALS and len(there) % 15 == 0:
            removals += 1
            yield Delete(write.at, there.pop(dice.randrange(len(there))))


CHANGES = list(changes())


def current() -> dict[str, Order]:
    """The orders that exist, by the record of what was written."""
    orders: dict[str, Order] = {}
    for write in CHANGES:
        if isinstance(write, Put):
            orders[write.orderid] = write.order
        else:
            del orders[write.orderid]
    return orders


ORDERS = current()


@pytest.fixture(scope="module")
def shell(pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A shell on a deployment into which the changes were written, and ingested, while the function
    that counts the live totals fails one time in four."""
    pipeline.run("deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0)
    functions, package = pipeline.client("lambda"), tmp_path_factory.mktemp("package")
    built = build_package(ROOT / "lambdas" / "aggregate_orders", package)
    sabotage(functions, pipeline.outputs["AggregateFunctionName"], built.path, share=0.25)
    [mapping] = functions.list_event_source_mappings()["EventSourceMappings"]
    functions.update_event_source_mapping(UUID=mapping["UUID"], MaximumRetryAttempts=100)
    counts = TableWriter(
        client=pipeline.client("dynamodb"), table=pipeline.outputs["OrdersTableName"]
    ).write(CHANGES)
    assert (counts.inserted, counts.changed, counts.removed) == (INSERTS, UPDATES, REMOVALS)
    ingest(pipeline, written_until=datetime.now(UTC).isoformat())
    return Shell(pipeline.endpoint_url)


def ingest(pipeline: Pipeline, **params: Any) -> dict[str, int]:
    """Ingest what has come; what the merge did."""
    states = pipeline.run("ingest_orders", **params)
    assert set(states.values()) <= {"success", "skipped"}, states
    assert states["record_merge"] == "success"
    merged: dict[str, int] = pipeline.result("ingest_orders", "merge_orders")
    return merged


def assert_exact(pipeline: Pipeline, shell: Shell) -> None:
    """Count and sum are those of the record, and every order is as it is in the table."""
    [[count, total, days]] = pipeline.query(
        "SELECT count(*), sum(quantity * price), count(DISTINCT order_date) FROM orders_current"
    )
    assert int(count or 0) == len(ORDERS) == INSERTS - REMOVALS
    assert Decimal(total or 0) == sum(order.quantity * order.price for order in ORDERS.values())
    assert int(days or 0) == len({(order.order_ts or "")[:10] for order in ORDERS.values()})
    statuses = dict(pipeline.query("SELECT status, count(*) FROM orders_current GROUP BY status"))
    expected = [order.status for order in ORDERS.values()]
    assert statuses == {status: str(expected.count(status)) for status in set(expected)}
    assert pipeline.query("SELECT count(*) FROM orders WHERE is_deleted") == [(str(REMOVALS),)]
    reconciled = shell("reconcile", "--quiet", "1")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr


def test_silver_has_the_written_orders_to_the_last_decimal(
    pipeline: Pipeline, shell: Shell
) -> None:
    assert_exact(pipeline, shell)


def test_live_totals_equal_silver_when_the_stream_is_quiet(
    pipeline: Pipeline, shell: Shell
) -> None:
    # GIVEN all changes are counted, though many batches were tried more than once, in parts
    totals = LiveTotals(pipeline.client("dynamodb"), pipeline.outputs["LiveTotalsName"])
    deadline = time.monotonic() + COUNTING_SECONDS
    while (counted := changes_since(totals, UNTIL)) < len(CHANGES):
        assert time.monotonic() < deadline, f"{counted} of {len(CHANGES)} changes are counted"
        time.sleep(1)
    assert counted == len(CHANGES)
    crashes = crashes_of_function(pipeline)
    assert crashes >= 3, crashes
    # THEN hours, minutes and products are silver's, on the days of which all is kept
    today = UNTIL.replace(hour=0, minute=0, second=0)
    week, fortnight = today - timedelta(days=8), today - timedelta(days=14)
    hours = {
        f"{hour.start:%Y-%m-%dT%H}": hour.figures.placed
        for hour in totals.hours(fortnight, UNTIL)
        if hour.figures.placed.orders
    }
    assert hours == silver_by("date_format(order_ts, '%Y-%m-%dT%H')", fortnight, pipeline)
    minutes = {
        f"{minute.start:%Y-%m-%dT%H:%M}": minute.figures.placed
        for minute in totals.minutes(week, UNTIL)
        if minute.figures.placed.orders
    }
    assert minutes == silver_by("date_format(order_ts, '%Y-%m-%dT%H:%i')", week, pipeline)
    products = {
        f"{day:%Y-%m-%d} {product.name}": product.figures.placed
        for day in (week + timedelta(days=number) for number in range(9))
        for product in totals.products(day)[0]
    }
    product = "concat(cast(order_date AS varchar), ' ', product_name)"
    assert products == silver_by(product, week, pipeline)
    assert len(hours) > 200
    assert len(minutes) > 1_000
    assert len(products) > 40


def changes_since(totals: LiveTotals, first: datetime) -> int:
    """How many changes that happened since then are counted."""
    return sum(hour.figures.changes for hour in totals.hours(first, datetime.now(UTC)))


def crashes_of_function(pipeline: Pipeline) -> float:
    """How often the function that counts has crashed."""
    answer = pipeline.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="Errors",
        Dimensions=[{"Name": "FunctionName", "Value": pipeline.outputs["AggregateFunctionName"]}],
        StartTime=UNTIL,
        EndTime=datetime.now(UTC) + timedelta(minutes=1),
        Period=60,
        Statistics=["Sum"],
    )
    return float(sum(point["Sum"] for point in answer["Datapoints"]))


def silver_by(key: str, first: datetime, pipeline: Pipeline) -> dict[str, Sales]:
    """Silver's orders that were placed since then, by an expression."""
    rows = pipeline.query(
        f"SELECT {key}, count(*), sum(quantity), sum(quantity * price) FROM orders_current"
        f" WHERE order_ts >= timestamp '{first:%Y-%m-%d} 00:00:00' GROUP BY 1"
    )
    return {
        str(name): Sales(int(orders or 0), int(units or 0), Decimal(revenue or 0))
        for name, orders, units, revenue in rows
    }


def test_every_object_delivered_twice_changes_nothing(pipeline: Pipeline, shell: Shell) -> None:
    s3, bucket = pipeline.client("s3"), pipeline.outputs["LakeBucketName"]
    for key, body in pipeline.objects(BRONZE).items():
        s3.put_object(Bucket=bucket, Key=key.replace(".gz", "-again.gz"), Body=body)
    rows = pipeline.query("SELECT count(*), count(DISTINCT event_id) FROM orders_changelog")
    assert rows == [(str(2 * len(CHANGES)), str(len(CHANGES)))]
    merged = ingest(pipeline)
    assert (merged["changes"], merged["orders"]) == (len(CHANGES), 0)
    assert_exact(pipeline, shell)


def test_rows_in_any_order_and_any_folder_make_the_same_table(
    pipeline: Pipeline, shell: Shell
) -> None:
    # GIVEN an empty silver, and all rows shuffled into other objects, of which half have come
    s3, bucket = pipeline.client("s3"), pipeline.outputs["LakeBucketName"]
    pipeline.query("DROP TABLE orders")
    objects = pipeline.objects(BRONZE)
    rows = [row for body in objects.values() for row in gzip.decompress(body).splitlines()]
    random.Random(11).shuffle(rows)
    for key in objects:
        s3.delete_object(Bucket=bucket, Key=key)
    deliver(pipeline, rows[: len(rows) // 2], "first")
    halfway = ingest(pipeline, reconcile="off")
    assert halfway["orders"] > 0
    # WHEN the other half comes
    deliver(pipeline, rows[len(rows) // 2 :], "second")
    ingest(pipeline)
    # THEN nothing has got lost, and nothing is there that was removed
    assert_exact(pipeline, shell)


def deliver(pipeline: Pipeline, rows: list[bytes], name: str) -> None:
    """Objects of a thousand rows each, in the folders of several hours."""
    s3, bucket = pipeline.client("s3"), pipeline.outputs["LakeBucketName"]
    now = datetime.now(UTC)
    for number, start in enumerate(range(0, len(rows), 1_000)):
        at = now - timedelta(hours=number % 20)
        s3.put_object(
            Bucket=bucket,
            Key=f"{BRONZE}dt={at:%Y-%m-%d}/hour={at:%H}/{name}-{number:03}.gz",
            Body=gzip.compress(b"\n".join(rows[start : start + 1_000]) + b"\n"),
        )
