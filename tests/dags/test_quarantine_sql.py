"""What the table `quarantine` says of the records that failed."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from jinja2 import Template

from airflow_home import DAGS
from changelog_lake import ChangelogLake
from localaws.server import LocalAws
from salesflow.deliveries import ERROR_PREFIX
from salesflow.quarantine import judge_new, payload_digest
from salesflow.redrive import quarantined_replays, record_statements
from salesflow_airflow.tables import TABLES, VIEWS

NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
CHOOSE_WAITING = DAGS / "sql" / "redrive" / "choose_waiting.sql"
GENERIC = "Lambda.ProcessingFailedStatus: ProcessingFailed status set for record"


class Quarantine(ChangelogLake):
    """A lake with failures in it."""

    def __init__(self, local_aws: LocalAws) -> None:
        super().__init__(local_aws)
        for path in [*TABLES, *VIEWS]:
            if path.startswith("sql/quarantine/"):
                self.run(path.removeprefix("sql/").removesuffix(".sql"))

    def fail(self, *payloads: bytes, at: datetime = NOON, name: str = "a") -> None:
        """Records fail, and are written to one object."""
        millis = round(at.timestamp() * 1000)
        lines = [
            json.dumps(
                {
                    "attemptsMade": 1,
                    "arrivalTimestamp": millis - 500,
                    "errorCode": "Lambda.ProcessingFailedStatus",
                    "errorMessage": "ProcessingFailed status set for record",
                    "attemptEndingTimestamp": millis,
                    "rawData": b64encode(payload).decode(),
                    "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:transform",
                }
            )
            for payload in payloads
        ]
        key = f"{ERROR_PREFIX}dt={at:%Y-%m-%d}/hour={at:%H}/{name}"
        self.s3.put_object(Bucket="lake", Key=key, Body="\n".join(lines).encode())

    def row(self, payload: bytes, columns: str) -> tuple[str | None, ...]:
        """Columns of a payload's row, of which there is one."""
        digest = payload_digest(payload)
        [row] = self.query(f"SELECT {columns} FROM quarantine WHERE payload_digest = '{digest}'")
        return row

    def redrive(self, **chosen: str) -> list[bytes]:
        """Redrive what waits, as far as the lake knows of it; the payloads."""
        params = {"since": None, "reason": None, "orderid": None, **chosen}
        sql = Template(CHOOSE_WAITING.read_text()).render(params=params)
        waiting = [(str(d), int(n or 0), str(uri)) for d, n, uri in self.query(sql)]
        replays = list(quarantined_replays(self.s3, waiting))
        if replays:
            [statement] = record_statements("run", NOON, replays)
            self.query(statement)
        return [replay.payload for replay in replays]


@pytest.fixture
def lake(local_aws: LocalAws) -> Quarantine:
    return Quarantine(local_aws)


def change(orderid: str, **image: Any) -> bytes:
    return json.dumps(
        {
            "eventID": f"e-{orderid}",
            "eventName": "INSERT",
            "dynamodb": {
                "ApproximateCreationDateTime": int(NOON.timestamp()),
                "Keys": {"orderid": {"S": orderid}},
                "NewImage": {"orderid": {"S": orderid}, **image},
                "SequenceNumber": "17",
            },
        }
    ).encode()


def test_a_row_shows_what_the_record_is_and_when_it_failed(lake: Quarantine) -> None:
    payload = change("17", note={"S": "größer"})
    lake.fail(payload, at=NOON)
    lake.fail(payload, at=NOON + timedelta(days=1, milliseconds=123), name="b")
    columns = "orderid, event_id, event_type, payload, times, first_failed_at, last_failed_at, path"
    assert lake.row(payload, columns) == (
        "17",
        "e-17",
        "INSERT",
        payload.decode(),
        "2",
        "2026-03-04 12:00:00.000",
        "2026-03-05 12:00:00.123",
        f"s3://lake/{ERROR_PREFIX}dt=2026-03-05/hour=12/b",
    )


def test_the_reason_is_firehoses_until_the_record_is_judged(lake: Quarantine) -> None:
    payload = change("17", product_name={"S": "Laptop"}, quantity={"S": "two"})
    lake.fail(payload)
    assert lake.row(payload, "reason") == (GENERIC,)
    judge_new(lake.s3, "lake")
    assert lake.row(payload, "reason") == ("attribute quantity has type 'S', not N",)


def test_a_record_that_the_transform_takes_failed_for_firehoses_reason(lake: Quarantine) -> None:
    good = change("17", product_name={"S": "Laptop"}, quantity={"N": "2"}, price={"N": "9.9"})
    lake.fail(good)
    assert judge_new(lake.s3, "lake") == 1
    assert lake.row(good, "reason") == (GENERIC,)


@pytest.mark.parametrize("payload", [b"", b"{}", b"not json", b"\xff\xfe\x00", b'{"dynamodb": 5}'])
def test_a_payload_may_be_anything(lake: Quarantine, payload: bytes) -> None:
    lake.fail(payload, change("17"))
    judge_new(lake.s3, "lake")
    orderid, reason, waiting = lake.row(payload, "orderid, reason, waiting")
    assert orderid is None
    assert reason not in {None, GENERIC}
    assert waiting == "true"
    assert lake.row(change("17"), "orderid") == ("17",)


def test_a_key_that_is_a_number_is_shown(lake: Quarantine) -> None:
    payload = b'{"dynamodb": {"Keys": {"orderid": {"N": "921"}}}}'
    lake.fail(payload)
    assert lake.row(payload, "orderid") == ("921",)


def test_what_was_redriven_no_longer_waits(lake: Quarantine) -> None:
    lake.fail(change("17"), change("18"), change("17"))
    assert sorted(lake.redrive()) == [change("17"), change("18")]
    columns = "waiting, times, CAST(last_redriven_at AS timestamp(3))"
    assert lake.row(change("17"), columns) == ("false", "2", "2026-03-04 12:00:00.000")
    assert lake.redrive() == []


def test_what_fails_again_waits_again_with_its_count(lake: Quarantine) -> None:
    lake.fail(change("17"))
    lake.redrive()
    # By which clock it failed doesn't matter: this one is an hour slow.
    lake.fail(change("17"), at=NOON - timedelta(hours=1), name="b")
    assert lake.row(change("17"), "waiting, times") == ("true", "2")
    assert lake.redrive() == [change("17")]
    assert lake.row(change("17"), "waiting, times") == ("false", "2")


@pytest.mark.parametrize(
    ("chosen", "orders"),
    [
        ({}, {"1", "2", "3"}),
        ({"since": "2026-03-05"}, {"3"}),
        ({"orderid": "2"}, {"2"}),
        ({"reason": "quantity is missing"}, {"2", "3"}),
        ({"reason": "it's"}, set()),
        ({"since": "2026-03-05", "reason": "product_name"}, set()),
    ],
)
def test_a_redrive_can_be_narrowed(
    lake: Quarantine, chosen: dict[str, str], orders: set[str]
) -> None:
    named = {"product_name": {"S": "Laptop"}}
    lake.fail(change("1"), change("2", **named))
    lake.fail(change("3", **named), at=NOON + timedelta(days=1))
    judge_new(lake.s3, "lake")
    found = {json.loads(payload)["eventID"] for payload in lake.redrive(**chosen)}
    assert found == {f"e-{order}" for order in orders}


def test_the_counts_are_of_payloads_and_of_failures(lake: Quarantine) -> None:
    assert lake.run("redrive/count_quarantine") == [("0", "0", "0")]
    lake.fail(change("1"), change("1"), change("2"))
    lake.redrive(orderid="1")
    assert lake.run("redrive/count_quarantine") == [("2", "3", "1")]


def test_a_day_is_read_without_the_others(lake: Quarantine) -> None:
    lake.fail(change("1"))
    lake.fail(change("2"), at=NOON + timedelta(days=1))
    lake.s3.put_object(
        Bucket="lake", Key=f"{ERROR_PREFIX}dt=2026-03-03/hour=01/broken", Body=b"no JSON"
    )
    assert lake.query("SELECT count(*) FROM quarantined_records WHERE dt >= '2026-03-04'") == [
        ("2",)
    ]
