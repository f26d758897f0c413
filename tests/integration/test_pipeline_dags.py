"""The five DAGs, from nothing to nothing, and what has arrived in between."""

from __future__ import annotations

import csv
import gzip
import html
import io
import json
from base64 import b64decode
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest

from pipeline_runs import STAGE, Pipeline
from salesflow.dashboard.lake import read_lake
from salesflow.deliveries import BRONZE_PREFIX, ERROR_PREFIX
from salesflow.generator import history
from salesflow.live import Sales
from written_orders import newest

ORDERS = 300
DAYS = 5
SEED = 11
UNTIL = datetime.now(UTC).replace(microsecond=0)
DAY = (UNTIL - timedelta(days=1)).date().isoformat()
OTHER_DAY = (UNTIL - timedelta(days=2)).date().isoformat()
LATE_DAY = (UNTIL - timedelta(days=8)).date().isoformat()
"""A day before all that the generator writes."""

# What the generators of the five documents write.
SHAPES: dict[str, dict[str, Any]] = {
    "921": {"product_name": {"S": "Laptop"}, "quantity": {"N": "1"}, "price": {"N": "146.37"}},
    "2044": {"product_name": {"S": "Tablet"}, "quantity": {"N": "4"}, "price": {"N": "200.44"}},
    "17": {"product_name": {"S": "Charger"}, "quantity": {"N": "5"}, "price": {"N": "10"}},
    "3001": {
        "product_name": {"S": "Phone"},
        "brand_name": {"S": "Anvil"},
        "quantity": {"N": "2"},
        "price": {"N": "499.99"},
    },
    "order-4": {
        "product_name": {"S": "Headphones"},
        "quantity": {"N": "3"},
        "price": {"N": "0.1234"},
        "gift": {"BOOL": True},
    },
}
LATE = {
    "orderid": {"S": "late"},
    "product_name": {"S": "Laptop"},
    "quantity": {"N": "2"},
    "price": {"N": "99.5"},
    "order_ts": {"S": f"{LATE_DAY}T10:00:00Z"},
}
POISON = {"product_name": {"S": "Laptop"}, "quantity": {"N": "1"}, "price": {"S": "a lot"}}


WRITES = list(history(orders=ORDERS, days=DAYS, until=UNTIL, seed=SEED))
NEWEST = newest(WRITES)
"""The newest state of each order that still exists, by the generator's own account."""

CHANGES = len(WRITES)
OF_DAY = [order for order in NEWEST if (order.order_ts or "").startswith(DAY)]


def generate(pipeline: Pipeline, **more: Any) -> dict[str, str]:
    return pipeline.run(
        "generate_orders", orders=ORDERS, days=DAYS, seed=SEED, until=UNTIL.isoformat(), **more
    )


@pytest.fixture(scope="module", autouse=True)
def arrived(pipeline: Pipeline) -> Pipeline:
    """A deployment into which orders have come by all ways, and were ingested."""
    preview = pipeline.run("deploy_pipeline", preview=True)
    assert {task: state for task, state in preview.items() if task.startswith("deploy_")} == {
        "deploy_storage": "success",
        "deploy_streaming": "skipped",
        "deploy_analytics": "skipped",
        "deploy_monitoring": "skipped",
    }
    states = pipeline.run(
        "deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0
    )
    assert set(states.values()) == {"success"}
    assert set(generate(pipeline).values()) == {"success"}
    put_by_hand(pipeline)
    states = pipeline.run("ingest_orders")
    assert set(states.values()) == {"success"}, states
    return pipeline


def put_by_hand(pipeline: Pipeline) -> None:
    dynamodb, table = pipeline.client("dynamodb"), pipeline.outputs["OrdersTableName"]
    dynamodb.put_item(TableName=table, Item=LATE)
    for orderid, item in {**SHAPES, "poison": POISON, "after-poison": SHAPES["17"]}.items():
        dynamodb.put_item(TableName=table, Item={"orderid": {"S": orderid}, **item})
    dynamodb.update_item(
        TableName=table,
        Key={"orderid": {"S": "921"}},
        UpdateExpression="SET quantity = :q",
        ExpressionAttributeValues={":q": {"N": "3"}},
    )
    dynamodb.delete_item(TableName=table, Key={"orderid": {"S": "2044"}})


def test_every_generated_change_has_arrived_once(pipeline: Pipeline) -> None:
    [[rows, different]] = pipeline.query(
        "SELECT count(*), count(DISTINCT event_id) FROM orders_changelog WHERE length(orderid) = 26"
    )
    assert (rows, different) == (str(CHANGES), str(CHANGES))
    assert pipeline.result("generate_orders", "write_orders")["changes"] == CHANGES


def test_the_current_orders_are_the_generators_to_the_last_decimal(pipeline: Pipeline) -> None:
    [[count, total]] = pipeline.query(
        "SELECT count(*), sum(quantity * price) FROM orders_current WHERE length(orderid) = 26"
    )
    assert int(count or 0) == len(NEWEST)
    assert Decimal(total or 0) == sum(o.quantity * o.price for o in NEWEST)


@pytest.mark.parametrize("orderid", SHAPES)
def test_items_of_the_documents_shapes_arrive(pipeline: Pipeline, orderid: str) -> None:
    row, *_ = pipeline.query(
        "SELECT product_name, quantity, price, brand_name, attributes, event_type "
        f"FROM orders_changelog WHERE orderid = '{orderid}' AND event_type = 'INSERT'"
    )
    item = SHAPES[orderid]
    assert row[0] == item["product_name"]["S"]
    assert row[1] == item["quantity"]["N"]
    assert Decimal(row[2] or 0) == Decimal(item["price"]["N"])
    assert row[3] == item.get("brand_name", {}).get("S")
    assert row[4] == ('{"gift":true}' if "gift" in item else None)


def test_an_order_without_time_is_dated_by_its_first_change(pipeline: Pipeline) -> None:
    [[day]] = pipeline.query("SELECT order_date FROM orders_current WHERE orderid = '17'")
    assert day in {(UNTIL + timedelta(days=late)).date().isoformat() for late in (0, 1)}


def test_an_attribute_that_nobody_declared_is_queryable_at_once(pipeline: Pipeline) -> None:
    gifts = pipeline.query(
        "SELECT orderid FROM orders_current "
        "WHERE json_extract_scalar(attributes, '$.gift') = 'true'"
    )
    assert gifts == [("order-4",)]


def test_a_deleted_order_leaves_a_tombstone_with_what_it_was(pipeline: Pipeline) -> None:
    [tombstone] = pipeline.query(
        "SELECT is_deleted, product_name, quantity, price FROM orders WHERE orderid = '2044'"
    )
    assert tombstone == ("true", "Tablet", "4", "200.4400")


def test_a_changed_and_a_deleted_order_appear_as_new_rows(pipeline: Pipeline) -> None:
    changed = pipeline.query(
        "SELECT event_type, quantity FROM orders_changelog WHERE orderid = '921' "
        "ORDER BY lpad(sequence_number, 40, '0')"
    )
    assert changed == [("INSERT", "1"), ("MODIFY", "3")]
    deleted = pipeline.query(
        "SELECT event_type, quantity FROM orders_changelog WHERE orderid = '2044' "
        "ORDER BY lpad(sequence_number, 40, '0')"
    )
    assert deleted == [("INSERT", "4"), ("REMOVE", "4")]
    assert pipeline.query("SELECT orderid FROM orders_current WHERE orderid = '2044'") == []


def test_a_poison_item_is_in_the_error_prefix_and_in_nothing_else(pipeline: Pipeline) -> None:
    failed = [
        json.loads(line)
        for body in pipeline.objects(ERROR_PREFIX).values()
        for line in body.splitlines()
    ]
    assert len(failed) == 1
    change = json.loads(b64decode(failed[0]["rawData"]))
    assert change["dynamodb"]["Keys"]["orderid"]["S"] == "poison"
    rows = b"".join(gzip.decompress(body) for body in pipeline.objects(BRONZE_PREFIX).values())
    assert b"poison" not in rows.replace(b"after-poison", b"")
    assert b"after-poison" in rows


def test_the_table_has_the_declared_types(pipeline: Pipeline) -> None:
    outputs = pipeline.outputs
    table = pipeline.client("glue").get_table(
        DatabaseName=outputs["DatabaseName"], Name="orders_changelog"
    )["Table"]
    types = {c["Name"]: c["Type"] for c in table["StorageDescriptor"]["Columns"]}
    assert types["price"] == "decimal(18,4)"
    assert types["quantity"] == "int"


def report(pipeline: Pipeline, name: str) -> list[dict[str, str]]:
    [body] = pipeline.objects(f"reports/{name}/dt={DAY}/{name}.csv").values()
    return list(csv.DictReader(io.StringIO(body.decode())))


def test_the_reports_are_those_of_the_generators_orders(pipeline: Pipeline) -> None:
    states = pipeline.run("daily_sales_reports", day=DAY)
    assert set(states.values()) == {"success"}, states

    assert [row["orderid"] for row in report(pipeline, "orders")] == sorted(
        order.orderid for order in OF_DAY
    )
    sales: Counter[str] = Counter()
    for order in OF_DAY:
        sales[order.product_name] += order.quantity * order.price  # type: ignore[assignment]
    assert [
        (row["product_name"], Decimal(row["total_sales"]))
        for row in report(pipeline, "sales_by_product")
    ] == sorted(sales.items(), key=lambda item: (-item[1], item[0]))
    [unique] = report(pipeline, "unique_products")
    assert int(unique["unique_products"]) == len(sales)
    assert unique["product_names"] == ", ".join(sorted(sales))
    expensive = sorted((o.orderid for o in OF_DAY if o.price > 100), reverse=True)
    assert [row["orderid"] for row in report(pipeline, "orders_over_100")] == expensive[:10]

    stored = pipeline.result("daily_sales_reports", "run_report")
    results = [result for days in stored for result in days if result["day"] == DAY]
    assert {result["name"]: result["rows"] for result in results}["orders"] == len(OF_DAY)
    assert all(result["scanned_bytes"] > 0 for result in results)

    [page] = pipeline.result("daily_sales_reports", "write_page")
    assert page.endswith(f"/reports/page/dt={DAY}/page.html")


def test_too_little_history_is_projected_by_a_sentence(pipeline: Pipeline) -> None:
    states = pipeline.run("project_sales", day=DAY)
    assert states.pop("project_sales") == "skipped"
    assert set(states.values()) == {"success"}, states
    [outcome] = report(pipeline, "projection_outcome")
    assert outcome["sentence"].startswith("not enough history: needs 84 days")
    assert pipeline.query("SELECT count(*) FROM sales_projection") == [("0",)]
    [page] = pipeline.objects(f"reports/page/dt={DAY}/page.html").values()
    assert html.escape(outcome["sentence"]) in page.decode()


def test_the_dashboard_says_of_the_lake_what_the_reports_say(pipeline: Pipeline) -> None:
    seen = read_lake(pipeline.client, pipeline.outputs, UNTIL)
    assert seen.report_day is not None
    assert seen.report_day.isoformat() == DAY
    assert seen.last_page is not None
    assert seen.last_page.uri.endswith(f"/reports/page/dt={DAY}/page.html")

    kinds = {row["customers_are"]: row for row in report(pipeline, "new_and_returning_customers")}
    assert seen.customers is not None
    assert seen.customers.new == int(kinds["new"]["customers"])
    assert seen.customers.returning == int(kinds["returning"]["customers"])
    assert [(each.customer_id, each.net_sales) for each in seen.customers.top] == [
        (row["customer_id"], Decimal(row["net_sales"]))
        for row in report(pipeline, "top_customers")[:5]
    ]

    stock = [row for row in report(pipeline, "inventory") if row["days_of_cover"]]
    soonest = sorted(stock, key=lambda row: (int(row["days_of_cover"]), row["product_name"]))
    assert seen.stock is not None
    assert [each.product_name for each in seen.stock] == [
        row["product_name"] for row in soonest[: len(seen.stock)]
    ]
    [outcome] = report(pipeline, "projection_outcome")
    assert seen.projection == outcome["sentence"]

    [[orders, units, revenue]] = pipeline.query(
        "SELECT count(*), sum(quantity), sum(quantity * price) FROM orders_current WHERE"
        f" order_date = DATE '{UNTIL:%Y-%m-%d}'"
        " AND (status IS NULL OR status <> 'cancelled' AND status <> 'returned')"
    )
    assert seen.merged.today == Sales(int(orders or 0), int(units or 0), Decimal(revenue or 0))
    assert seen.merged.merged_at is not None


def figures(pipeline: Pipeline) -> tuple[Any, ...]:
    return (
        pipeline.query("SELECT count(*), sum(quantity * price) FROM orders_current"),
        pipeline.query("SELECT orderid, status, quantity FROM orders_current ORDER BY orderid"),
        {
            # A page also tells what the checks found before the last merge, and that is another
            # one. Of the same merges a page is the same (tests/dags/test_writing_pages.py).
            key: body
            for key, body in pipeline.objects("reports/").items()
            if not key.endswith(".html")
        },
    )


def test_rerunning_every_dag_changes_no_figure(pipeline: Pipeline) -> None:
    before = figures(pipeline)
    pipeline.run("deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0)
    outcomes = {
        pipeline.result("deploy_pipeline", f"deploy_{stack}")["outcome"]
        for stack in ("storage", "streaming", "analytics", "monitoring")
    }
    assert outcomes == {"unchanged"}
    generate(pipeline)
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    assert pipeline.result("ingest_orders", "declare_columns") == []
    pipeline.run("daily_sales_reports", day=DAY)
    assert figures(pipeline) == before


def test_a_late_change_restates_its_day_and_no_other(pipeline: Pipeline) -> None:
    assert set(pipeline.run("daily_sales_reports", day=LATE_DAY).values()) == {"success"}
    before = pipeline.objects("reports/")
    pipeline.client("dynamodb").update_item(
        TableName=pipeline.outputs["OrdersTableName"],
        Key={"orderid": {"S": "late"}},
        UpdateExpression="SET quantity = :q",
        ExpressionAttributeValues={":q": {"N": "5"}},
    )
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    # Its own day is a new one: the stock of a day that was reported would rightly be restated.
    assert set(pipeline.run("daily_sales_reports", day=OTHER_DAY).values()) == {"success"}

    # The merge has read an hour of arrivals with orders of other days, of which nothing was new.
    assert pipeline.result("daily_sales_reports", "find_days")["days"] == [OTHER_DAY, LATE_DAY]
    after = pipeline.objects("reports/")
    changed = {key for key in before if after[key] != before[key]}
    # Of what is sold on a day, only the late one's differs; a later day's stock rightly does too.
    assert _days_of_sales(changed) == {f"dt={LATE_DAY}"}
    assert f"reports/sales_by_product/dt={LATE_DAY}/sales_by_product.csv" in changed
    assert _days_of_sales(pipeline.objects("report-versions/")) == {f"dt={LATE_DAY}"}
    assert pipeline.query(
        "SELECT CAST(day AS varchar), sum_before, sum_after, difference FROM restatements"
        " WHERE report = 'sales_by_product' AND column_name = 'total_sales'"
    ) == [(LATE_DAY, "199.0000", "497.5000", "298.5000")]
    page = after[f"reports/page/dt={LATE_DAY}/page.html"].decode()
    assert "+$298.50" in page


def _days_of_sales(keys: Iterable[str]) -> set[str]:
    parts = [key.split("/") for key in keys]
    return {day for _, report, day, *_ in parts if report.startswith("sales_by_")}


def test_an_ingestion_that_finds_nothing_new_ends_there(pipeline: Pipeline) -> None:
    states = pipeline.run("ingest_orders")
    assert states["wait_for_delivery"] == "skipped"
    assert states["announce_orders"] == "skipped"


def test_the_lambda_writes_too(pipeline: Pipeline) -> None:
    states = pipeline.run("generate_orders", orders=20, where="lambda", seed=99)
    assert set(states.values()) == {"success"}
    assert pipeline.result("generate_orders", "write_orders")["inserted"] == 20


def test_a_teardown_leaves_nothing(pipeline: Pipeline) -> None:
    states = pipeline.run("teardown_pipeline", confirm=STAGE)
    assert set(states.values()) == {"success"}
    assert pipeline.client("s3").list_buckets()["Buckets"] == []
    assert set(pipeline.run("teardown_pipeline", confirm=STAGE).values()) == {"success"}
