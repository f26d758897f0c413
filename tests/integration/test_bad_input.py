"""Bad input, by every way into the chain: no good order is lost for it, and no bad one counted."""

from __future__ import annotations

import gzip
import json
import time
from typing import Any

import pytest

from pipeline_runs import Pipeline
from salesflow.quarantine import judge_new
from salesflow.queries import Row

GOOD: dict[str, dict[str, Any]] = {
    "921": {"product_name": {"S": "Laptop"}, "quantity": {"N": "1"}, "price": {"N": "146.37"}},
    "3001": {
        "product_name": {"S": "Phone"},
        "brand_name": {"S": "Anvil"},
        "quantity": {"N": "2"},
        "price": {"N": "499.99"},
    },
    "full": {
        "product_name": {"S": "Tablet"},
        "quantity": {"N": "3"},
        "price": {"N": "0.0001"},
        "status": {"S": "paid"},
        "order_ts": {"S": "2026-01-31T23:30:00-05:00"},
    },
    "undated": {
        "product_name": {"S": "Tablet"},
        "quantity": {"N": "3"},
        "price": {"N": "5"},
        "order_ts": {"S": "yesterday"},
    },
}
ORDINARY = GOOD["921"]

BAD: dict[str, tuple[dict[str, Any], str]] = {
    "text": ({"price": {"S": "a lot"}}, "attribute price has type 'S', not N"),
    "nameless": ({"product_name": None}, "required attribute product_name is missing"),
    "lost": ({"status": {"S": "lost"}}, "attribute status: 'lost' is none of placed, paid"),
    "free": ({"price": {"N": "0"}}, "attribute price: '0' is not more than 0"),
    "gift": ({"price": {"N": "-9.99"}}, "attribute price: '-9.99' is not more than 0"),
    "none": ({"quantity": {"N": "0"}}, "attribute quantity: '0' is less than 1"),
    "future": ({"order_ts": {"S": "2999-01-01T00:00:00Z"}}, "is in the future of the change"),
}
POISON = b'{"eventName": "INSERT", "dynamodb": {"Keys": '
MEGABYTE = 1_000_000


def change(orderid: str, created: float, **attributes: Any) -> bytes:
    """A stream record, as the pipe puts it on the Kinesis stream."""
    return json.dumps(
        {
            "eventID": f"by hand: {orderid}",
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": int(created),
                "Keys": {"orderid": {"S": orderid}},
                "NewImage": {"orderid": {"S": orderid}, **ORDINARY, **attributes},
                "SequenceNumber": "1",
            },
        }
    ).encode()


@pytest.fixture(scope="module", autouse=True)
def ingested(pipeline: Pipeline) -> Pipeline:
    """A deployment into which good and bad orders came together, and were ingested."""
    states = pipeline.run(
        "deploy_pipeline", buffer_interval_seconds=1, transform_buffer_interval_seconds=0
    )
    assert set(states.values()) == {"success"}
    for orderid in [*GOOD, *BAD]:
        put(pipeline, orderid, GOOD.get(orderid) or {**ORDINARY, **BAD[orderid][0]})
    put(pipeline, "a megabyte", ORDINARY)
    now = time.time()
    records = [
        POISON,
        b"x" * MEGABYTE,
        change("from the future", now + 3600),
        change("a megabyte", now, letter={"S": "é" * (MEGABYTE // 6)}),
    ]
    stream = pipeline.outputs["CdcStreamName"]
    for data in records:
        pipeline.client("kinesis").put_record(StreamName=stream, Data=data, PartitionKey="x")
    states = pipeline.run("ingest_orders")
    assert set(states.values()) == {"success"}, states
    judge_new(pipeline.client("s3"), pipeline.outputs["LakeBucketName"])
    return pipeline


def put(pipeline: Pipeline, orderid: str, item: dict[str, Any]) -> None:
    pipeline.client("dynamodb").put_item(
        TableName=pipeline.outputs["OrdersTableName"],
        Item={"orderid": {"S": orderid}} | {k: v for k, v in item.items() if v is not None},
    )


def current(pipeline: Pipeline) -> set[str | None]:
    return {row[0] for row in pipeline.query("SELECT orderid FROM orders_current")}


def failed_checks(pipeline: Pipeline) -> dict[str | None, Row]:
    """The checks that failed in the last run: name → severity, found and sample."""
    run_id = pipeline.runs["ingest_orders"].run_id
    rows = pipeline.query(
        "SELECT check_name, severity, found, sample, outcome FROM check_results "
        f"WHERE run_id = '{run_id}'"
    )
    assert rows
    return {name: tuple(row) for name, *row, outcome in rows if outcome == "failed"}


def place_of_an_object(pipeline: Pipeline) -> str:
    return next(iter(pipeline.objects("bronze/"))).rpartition("/")[0]


def lay(pipeline: Pipeline, name: str, body: bytes) -> str:
    """An object is laid into bronze by hand; its key."""
    key = f"{place_of_an_object(pipeline)}/{name}"
    pipeline.client("s3").put_object(Bucket=pipeline.outputs["LakeBucketName"], Key=key, Body=body)
    return key


def test_good_orders_are_in_silver_and_no_others(pipeline: Pipeline) -> None:
    assert current(pipeline) == {*GOOD, "a megabyte"}


def test_a_change_of_a_megabyte_is_a_row_like_any_other(pipeline: Pipeline) -> None:
    rows = pipeline.query(
        "SELECT event_id, length(attributes) > 160000 FROM orders_changelog "
        "WHERE orderid = 'a megabyte' ORDER BY length(attributes)"
    )
    assert ("by hand: a megabyte", "true") in rows
    assert len(rows) == 2


@pytest.mark.parametrize("orderid", BAD)
def test_a_bad_order_is_in_the_quarantine_with_the_reason(pipeline: Pipeline, orderid: str) -> None:
    [[reason]] = pipeline.query(f"SELECT reason FROM quarantine WHERE orderid = '{orderid}'")
    assert BAD[orderid][1] in (reason or "")


def test_a_change_of_the_future_is_in_the_quarantine(pipeline: Pipeline) -> None:
    [[reason]] = pipeline.query("SELECT reason FROM quarantine WHERE orderid = 'from the future'")
    assert "is later than the change arrived" in (reason or "")


def test_what_is_no_change_at_all_is_in_the_quarantine_whole(pipeline: Pipeline) -> None:
    found = pipeline.query(
        "SELECT reason, length(payload) FROM quarantine WHERE orderid IS NULL ORDER BY 2"
    )
    assert [size for _, size in found] == [str(len(POISON)), str(MEGABYTE)]
    assert all("no JSON" in (reason or "") for reason, _ in found)


def test_much_in_the_quarantine_is_a_warning_as_long_as_it_is_little(pipeline: Pipeline) -> None:
    found = failed_checks(pipeline)
    assert {name: row[:2] for name, row in found.items()} == {
        "quarantine_rate": ("warning", str(len(BAD) + 3))
    }


def test_an_empty_object_is_no_problem(pipeline: Pipeline) -> None:
    lay(pipeline, "empty.gz", b"")
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    # The records that failed for the tests above may have come a moment ago.
    assert set(failed_checks(pipeline)) <= {"quarantine_rate"}


def test_an_object_that_is_no_gzip_stops_the_merge_until_it_is_gone(pipeline: Pipeline) -> None:
    key = lay(pipeline, "plain.gz", b"no gzip\n")
    put(pipeline, "while it lay there", ORDINARY)
    states = pipeline.run("ingest_orders")
    assert states["pass_gate"] == "failed"
    assert states["merge_orders"] == "upstream_failed"
    severity, found, sample = failed_checks(pipeline)["objects"]
    assert (severity, found) == ("blocking", "1")
    assert f"/{key}: it isn't gzip" in (sample or "")
    assert "while it lay there" not in current(pipeline)

    bucket = pipeline.outputs["LakeBucketName"]
    pipeline.client("s3").delete_object(Bucket=bucket, Key=key)
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    assert "while it lay there" in current(pipeline)


def test_a_row_that_breaks_a_rule_stops_the_merge_until_it_is_set_aside(
    pipeline: Pipeline,
) -> None:
    put(pipeline, "beside it", ORDINARY)
    rows = [
        {
            "orderid": orderid,
            "product_name": "Laptop",
            "quantity": 1,
            "price": price,
            "event_type": "MODIFY",
            "event_id": f"by hand: {orderid}",
            "sequence_number": "9" * 30,
            "creation_time": int(time.time()),
        }
        for orderid, price in (("below zero", -1), ("beside it", 146.37))
    ]
    body = "".join(json.dumps(row) + "\n" for row in rows)
    key = lay(pipeline, "faulty.gz", gzip.compress(body.encode()))
    states = pipeline.run("ingest_orders")
    assert (states["pass_gate"], states["merge_orders"]) == ("failed", "upstream_failed")
    severity, found, sample = failed_checks(pipeline)["row_price"]
    assert (severity, found) == ("blocking", "1")
    assert "price is not more than 0: orderid=below zero, event_id=by hand" in (sample or "")
    assert (sample or "").endswith(f"/{key}")
    assert current(pipeline).isdisjoint({"below zero", "beside it"})

    assert set(pipeline.run("ingest_orders", set_aside=True).values()) == {"success"}
    assert "below zero" not in current(pipeline)
    beside_it = pipeline.query("SELECT event_id FROM orders_current WHERE orderid = 'beside it'")
    assert beside_it == [("by hand: beside it",)]
    assert pipeline.query("SELECT orderid, problem FROM rows_set_aside") == [
        ("below zero", "price is not more than 0")
    ]

    put(pipeline, "afterwards", ORDINARY)
    assert set(pipeline.run("ingest_orders").values()) == {"success"}
    assert set(failed_checks(pipeline)) <= {"quarantine_rate"}
    assert "afterwards" in current(pipeline)
    assert "below zero" not in current(pipeline)
