"""Changes reach the CDC stream, all of them, whatever Kinesis answers."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from salesflow.cdc_stream import RECORD_BYTES, NotAcknowledged, Replay, StreamWriter, replay_of

Fault = Callable[[list[dict[str, Any]]], set[int]]


def event(orderid: str, size: int = 0) -> bytes:
    change = {"eventID": f"e-{orderid}", "dynamodb": {"Keys": {"orderid": {"S": orderid}}}}
    return json.dumps({**change, "filling": "x" * size}).encode()


def replays(count: int, size: int = 0) -> list[Replay]:
    return [replay_of("dlq", event(f"{number:04d}", size)) for number in range(count)]


class Kinesis:
    """PutRecords, with the documented limits, and faults on demand: which records fail."""

    def __init__(self, *faults: Fault) -> None:
        self.faults = list(faults)
        self.records: list[dict[str, Any]] = []
        self.requests: list[int] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        assert StreamName == "cdc"
        assert len(Records) <= 500
        assert sum(len(r["Data"]) + len(r["PartitionKey"].encode()) for r in Records) <= 5 << 20
        self.requests.append(len(Records))
        failing = self.faults.pop(0)(Records) if self.faults else set()
        answers = []
        for number, record in enumerate(Records):
            if number in failing:
                answers.append({"ErrorCode": "InternalFailure", "ErrorMessage": "sorry"})
            else:
                self.records.append(record)
                answers.append({"SequenceNumber": "1", "ShardId": "0"})
        return {"FailedRecordCount": len(failing), "Records": answers}


def put(kinesis: Any, changes: list[Replay], **options: Any) -> list[list[Replay]]:
    waits: list[float] = []
    writer = StreamWriter(
        client=kinesis,
        stream="cdc",
        clock=lambda: sum(waits),
        sleep=waits.append,
        random=lambda: 1.0,
        **options,
    )
    return list(writer.put(changes))


def test_a_change_keeps_its_bytes_and_goes_to_the_shard_of_its_order() -> None:
    kinesis = Kinesis()
    put(kinesis, [replay_of("dlq", event("17"))])
    assert kinesis.records == [{"Data": event("17"), "PartitionKey": "17"}]


def test_what_failed_is_put_again_and_nothing_else() -> None:
    kinesis = Kinesis(lambda _: {1, 3}, lambda _: {0})
    batches = put(kinesis, replays(5))
    assert kinesis.requests == [5, 2, 1]
    assert sorted(r["PartitionKey"] for r in kinesis.records) == [f"{n:04d}" for n in range(5)]
    assert [len(batch) for batch in batches] == [5]


def test_a_batch_is_as_large_as_a_request_may_be() -> None:
    by_count, by_size = Kinesis(), Kinesis()
    put(by_count, replays(1001))
    assert by_count.requests == [500, 500, 1]
    put(by_size, replays(12, size=RECORD_BYTES - 200))
    assert by_size.requests == [5, 5, 2]


def test_a_stream_that_takes_nothing_ends_the_wait_and_says_why() -> None:
    kinesis = Kinesis(*[lambda records: set(range(len(records)))] * 1000)
    with pytest.raises(NotAcknowledged, match="nothing for 60 s: InternalFailure: sorry"):
        put(kinesis, replays(3), stall_limit_seconds=60)
    assert kinesis.records == []


def test_a_slow_stream_is_given_all_the_time_it_needs() -> None:
    one_at_a_time: Fault = lambda records: set(range(1, len(records)))  # noqa: E731
    kinesis = Kinesis(*[one_at_a_time] * 400)
    put(kinesis, replays(400), stall_limit_seconds=1)
    assert len(kinesis.records) == 400


@pytest.mark.parametrize(
    ("payload", "orderid", "event_id"),
    [
        (event("17"), "17", "e-17"),
        (b'{"dynamodb": {"Keys": {"orderid": {"N": "17"}}}}', "17", None),
        (b'{"eventID": "e", "dynamodb": {"Keys": {"id": {"S": "17"}}}}', None, "e"),
        (b'{"eventID": 5, "dynamodb": []}', None, None),
        (b"[" * 100_000, None, None),
        (b"\xff", None, None),
        (b"", None, None),
    ],
)
def test_a_payload_may_be_anything(payload: bytes, orderid: str | None, event_id: str) -> None:
    replay = replay_of("quarantine", payload)
    assert (replay.orderid, replay.event_id) == (orderid, event_id)
    assert replay.partition_key == (orderid or replay.digest)


def test_a_partition_key_is_no_longer_than_kinesis_takes() -> None:
    assert len(replay_of("dlq", event("x" * 2000)).partition_key) == 256


def test_a_record_fits_to_the_byte() -> None:
    spare = RECORD_BYTES - replay_of("dlq", event("17")).size
    assert replay_of("dlq", event("17", spare)).fits
    assert not replay_of("dlq", event("17", spare + 1)).fits
