"""From the table of orders to the live totals, as deployed: what is counted equals the orders."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from saboteur import sabotage
from salesflow.deployment import deploy_all, read_templates
from salesflow.generator import history
from salesflow.live import Figures, LiveTotals, Sales
from salesflow.orders import Delete
from salesflow.packaging import LambdaPackage, build_package
from salesflow.patience import Patience
from salesflow.writer import TableWriter, WriteCounts, connect

ROOT = Path(__file__).parents[2]
TEMPLATES = read_templates(ROOT / "infra" / "cloudformation")
ORDERS, DAYS, SEED = 400, 7, 11
QUICK = Patience(timeout=60, interval=0.02)


class Shop:
    """A deployment whose clock stands still until it is told to go on."""

    def __init__(self, local_aws: LocalAws, target: Path, **overrides: str) -> None:
        self.aws = local_aws
        self.now = datetime.now(UTC)
        self.packages = [
            build_package(path.parent, target) for path in (ROOT / "lambdas").glob("*/handler.py")
        ]
        results = deploy_all(
            self.client, "dev", TEMPLATES, self.packages, overrides, patience=QUICK
        )
        assert {result.outcome for result in results} == {"created"}
        self.outputs = {
            output["OutputKey"]: output["OutputValue"]
            for stack in self.client("cloudformation").describe_stacks()["Stacks"]
            for output in stack.get("Outputs", [])
        }

    def client(self, service: str) -> Any:
        return self.aws.aws.client(service)

    @property
    def totals(self) -> LiveTotals:
        return LiveTotals(self.client("dynamodb"), self.outputs["LiveTotalsName"])

    def package(self, function: str) -> LambdaPackage:
        (found,) = (package for package in self.packages if package.function == function)
        return found

    def write(self, orders: int = ORDERS) -> WriteCounts:
        """Orders of the past days, with what became of them; every twentieth is removed."""
        writer = TableWriter(client=connect(), table=self.outputs["OrdersTableName"])
        counts = writer.write(history(orders=orders, days=DAYS, until=self.now, seed=SEED))
        known = sorted(order["orderid"] for order in self.orders())
        removed = writer.write(Delete(self.now, orderid) for orderid in known[::20])
        return replace(counts, removed=counts.removed + removed.removed)

    def repeat(self, share: int) -> None:
        """Put every ``share``-th change into the CDC stream again, as a pipe may."""
        kinesis = self.client("kinesis")
        stream = self.outputs["CdcStreamName"]
        for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=stream, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            again = kinesis.get_records(ShardIterator=iterator)["Records"][::share]
            for start in range(0, len(again), 500):
                kinesis.put_records(
                    StreamName=stream,
                    Records=[
                        {"Data": record["Data"], "PartitionKey": record["PartitionKey"]}
                        for record in again[start : start + 500]
                    ],
                )

    def go_on(self, until: Callable[[], bool], seconds: float = 15, most: int = 200) -> None:
        """Turn the clock until something is so."""
        for _ in range(most):
            self.now += timedelta(seconds=seconds)
            self.aws.step(self.now)
            if until():
                return
        pytest.fail("it did not come")

    def counted(self) -> Figures:
        """What was counted of the changes of today and yesterday."""
        hours = self.totals.hours(self.now - timedelta(days=1), self.now + timedelta(hours=1))
        return sum((period.figures for period in hours), start=Figures())

    def quiet(self) -> bool:
        """Whether the mapping has nothing to do any more."""
        (mapping,) = (s for s in self.aws.services if s.name == "lambda")
        held = mapping.snapshot()["movers"].values()
        return not any(records for mover in held for records in mover["records"].values())

    def orders(self) -> list[dict[str, Any]]:
        """The orders that there are, attributes without their types."""
        pages = (
            self.client("dynamodb")
            .get_paginator("scan")
            .paginate(TableName=self.outputs["OrdersTableName"])
        )
        return [
            {name: next(iter(value.values())) for name, value in item.items()}
            for page in pages
            for item in page["Items"]
        ]


@pytest.fixture
def shop(local_aws: LocalAws, tmp_path: Path) -> Shop:
    return Shop(local_aws, tmp_path, LiveMaximumRetryAttempts="200")


def assert_totals_equal_the_orders(shop: Shop, began: datetime) -> None:
    """Every minute, hour, product and category of the days that are kept."""
    minutes: dict[str, Figures] = defaultdict(Figures)
    products: dict[tuple[str, str, str], Figures] = defaultdict(Figures)
    for order in shop.orders():
        sales = Sales(1, int(order["quantity"]), int(order["quantity"]) * Decimal(order["price"]))
        kind = order["status"] if order["status"] in ("cancelled", "returned") else "sold"
        figures = Figures(**{kind: sales})
        minutes[order["order_ts"][:16]] += figures
        key = order["order_ts"][:10], order["product_name"], order["category"]
        products[key] += figures
    assert len(minutes) > 100

    first = began - timedelta(days=DAYS)
    counted = shop.totals.minutes(first, shop.now)
    assert {
        f"{period.start:%Y-%m-%dT%H:%M}": only_orders(period.figures)
        for period in counted
        if only_orders(period.figures) != Figures()
    } == minutes
    hours: dict[str, Figures] = defaultdict(Figures)
    for minute, figures in minutes.items():
        hours[minute[:13]] += figures
    assert {
        f"{period.start:%Y-%m-%dT%H}": only_orders(period.figures)
        for period in shop.totals.hours(first, shop.now)
        if only_orders(period.figures) != Figures()
    } == hours
    found = {}
    for day in range(DAYS + 1):
        at = first + timedelta(days=day)
        of_day, complete = shop.totals.products(at)
        assert complete
        found |= {(f"{at:%Y-%m-%d}", p.name, p.category): p.figures for p in of_day}
    assert found == products


def only_orders(figures: Figures) -> Figures:
    return Figures(figures.sold, figures.cancelled, figures.returned)


def test_live_totals_equal_the_orders_when_the_stream_is_quiet(shop: Shop) -> None:
    began = shop.now
    counts = shop.write()
    shop.go_on(lambda: shop.counted().changes == counts.writes)
    assert_totals_equal_the_orders(shop, began)
    figures = shop.counted()
    assert (figures.inserted, figures.modified) == (counts.inserted, counts.changed)
    assert (figures.removed, figures.refused) == (counts.removed, 0)
    assert counts.removed >= ORDERS // 20


def test_retries_splits_and_repetitions_change_no_total(shop: Shop) -> None:
    began = shop.now
    function, package = shop.outputs["AggregateFunctionName"], shop.package("aggregate_orders")
    sabotage(shop.client("lambda"), function, package.path, share=0.6)
    counts = shop.write()
    shop.go_on(lambda: shop.counted().changes > 0)
    shop.repeat(3)
    shop.go_on(lambda: shop.counted().changes == counts.writes and shop.quiet())
    assert_totals_equal_the_orders(shop, began)
    failures = shop.client("sqs").get_queue_attributes(
        QueueUrl=shop.outputs["LiveFailureQueueUrl"], AttributeNames=["ApproximateNumberOfMessages"]
    )
    assert failures["Attributes"]["ApproximateNumberOfMessages"] == "0"


def test_what_is_no_change_is_told_of_and_the_rest_counts(shop: Shop) -> None:
    update = {"LiveMaximumRetryAttempts": "1"}
    deploy_all(shop.client, "dev", TEMPLATES, shop.packages, update, patience=QUICK)
    stream = shop.outputs["CdcStreamName"]
    counts = shop.write(50)
    shop.client("kinesis").put_record(StreamName=stream, Data=b"poison", PartitionKey="k")
    shop.go_on(lambda: shop.counted().changes == counts.writes and shop.quiet())
    (message,) = shop.client("sqs").receive_message(QueueUrl=shop.outputs["LiveFailureQueueUrl"])[
        "Messages"
    ]
    batch = json.loads(message["Body"])["KinesisBatchInfo"]
    iterator = shop.client("kinesis").get_shard_iterator(
        StreamName=stream,
        ShardId=batch["shardId"],
        ShardIteratorType="AT_SEQUENCE_NUMBER",
        StartingSequenceNumber=batch["startSequenceNumber"],
    )["ShardIterator"]
    record = shop.client("kinesis").get_records(ShardIterator=iterator, Limit=1)["Records"][0]
    assert record["Data"] == b"poison"
