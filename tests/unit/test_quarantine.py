"""Why records are in the quarantine, and where that is written down."""

from __future__ import annotations

import gzip
import io
import json
from base64 import b64encode
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from salesflow.deliveries import ERROR_PREFIX
from salesflow.quarantine import (
    REASONS_PREFIX,
    failures_in,
    judge_new,
    judgements,
    payload_digest,
    refusal,
)

EVENTS = Path(__file__).parent / "events"
GOOD = json.loads((EVENTS / "insert_with_brand.json").read_text())


def failure(payload: bytes, at: int = 1_752_161_982_000) -> dict[str, Any]:
    return {
        "attemptsMade": 1,
        "arrivalTimestamp": at - 1000,
        "errorCode": "Lambda.ProcessingFailedStatus",
        "errorMessage": "ProcessingFailed status set for record",
        "attemptEndingTimestamp": at,
        "rawData": b64encode(payload).decode(),
        "lambdaArn": "arn:aws:lambda:us-east-1:123456789012:function:transform:$LATEST",
    }


def poisoned(**image: Any) -> bytes:
    change = json.loads(json.dumps(GOOD))
    change["dynamodb"]["NewImage"] |= image
    return json.dumps(change).encode()


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (poisoned(price={"S": "a lot"}), "attribute price has type 'S', not N"),
        (poisoned(quantity={"NULL": True}), "required attribute quantity is null"),
        (b"", "the data is no JSON text in base64: Expecting value"),
        (b"{}", "no DynamoDB stream record: 'dynamodb' is missing or no object"),
        (b"\xff\xfe", "the data is no JSON text in base64: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_the_reason_is_the_transforms_own(payload: bytes, reason: str) -> None:
    assert (refusal(failure(payload)) or "").startswith(reason)


def test_a_record_that_the_transform_takes_has_no_reason() -> None:
    assert refusal(failure(json.dumps(GOOD).encode())) is None


def test_a_judgement_names_the_payload_and_the_time_at_which_it_failed() -> None:
    [judged] = judgements([failure(b"{}", at=17)])
    assert judged["payload_digest"] == payload_digest(b"{}")
    assert judged["failed_at"] == 17


class Bucket:
    """S3's side of the three calls that are needed."""

    def __init__(self, objects: dict[str, bytes]) -> None:
        self.objects = objects

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, *, Bucket: str, Prefix: str, StartAfter: str) -> list[dict[str, Any]]:
        keys = sorted(k for k in self.objects if k.startswith(Prefix) and k > StartAfter)
        return [{"Contents": [{"Key": key}]} for key in keys] or [{}]

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        return {"Body": io.BytesIO(self.objects[Key])}

    def put_object(self, *, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


def lines(*payloads: bytes) -> bytes:
    return b"".join(json.dumps(failure(payload)).encode() + b"\n" for payload in payloads)


def test_each_object_of_failures_gets_one_of_reasons() -> None:
    name = "dt=2026-03-04/hour=05/rows-1-2026-03-04-05-00-00-x"
    bucket: Any = Bucket({f"{ERROR_PREFIX}{name}": lines(b"{}", b"")})
    assert judge_new(bucket, "lake") == 2
    reasons = [json.loads(line) for line in bucket.objects[REASONS_PREFIX + name].splitlines()]
    assert [row["payload_digest"] for row in reasons] == [
        payload_digest(b"{}"),
        payload_digest(b""),
    ]
    assert all(row["reason"] for row in reasons)


def test_what_is_judged_is_not_judged_again() -> None:
    bucket: Any = Bucket({f"{ERROR_PREFIX}dt=2026-03-04/hour=05/a": lines(b"{}")})
    assert judge_new(bucket, "lake") == 1
    bucket.objects[f"{ERROR_PREFIX}dt=2026-03-04/hour=05/b"] = lines(b"{}", b"")
    assert judge_new(bucket, "lake") == 2
    assert judge_new(bucket, "lake") == 0


def test_earlier_days_can_be_left_alone() -> None:
    bucket: Any = Bucket(
        {f"{ERROR_PREFIX}dt=2026-03-0{day}/hour=23/a": lines(b"{}") for day in (3, 4, 5)}
    )
    assert judge_new(bucket, "lake", date(2026, 3, 4)) == 2


def test_objects_are_read_whether_they_are_zipped_or_not() -> None:
    bucket: Any = Bucket({"plain": lines(b"{}"), "zipped": gzip.compress(lines(b"{}"))})
    for key in ("plain", "zipped"):
        assert list(failures_in(bucket, "lake", key)) == [failure(b"{}")]
