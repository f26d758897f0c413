"""What is redriven is written down, and what can't be is named."""

from __future__ import annotations

import json
from base64 import b64encode
from datetime import UTC, datetime, timedelta, timezone
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from salesflow.cdc_stream import RECORD_BYTES, Replay, StreamWriter, replay_of
from salesflow.dead_letters import Unreadable, dead_letter_of, event_of, reduced
from salesflow.quarantine import payload_digest
from salesflow.redrive import Redrive, quarantined_replays, record_statements

NOW = datetime(2026, 3, 4, 5, 6, 7, 890_000, tzinfo=UTC)
LETTER = Path(__file__).parents[1] / "localaws" / "events" / "pipes_dead_letter.json"


def event(orderid: str, **more: Any) -> bytes:
    change = {"eventID": f"e-{orderid}", "dynamodb": {"Keys": {"orderid": {"S": orderid}}}}
    return json.dumps(change | more).encode()


class Kinesis:
    """Takes everything."""

    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    def put_records(self, *, StreamName: str, Records: list[dict[str, Any]]) -> dict[str, Any]:
        self.payloads += [record["Data"] for record in Records]
        return {"FailedRecordCount": 0, "Records": [{} for _ in Records]}


@pytest.fixture
def kinesis() -> Any:
    return Kinesis()


@pytest.fixture
def statements() -> list[str]:
    return []


@pytest.fixture
def redrive(kinesis: Any, statements: list[str]) -> Redrive:
    return Redrive(
        run_id="run",
        stream=StreamWriter(client=kinesis, stream="cdc"),
        write=statements.append,
        now=lambda: NOW,
    )


def test_what_the_stream_acknowledged_is_written_down(
    redrive: Redrive, statements: list[str]
) -> None:
    redrive.put([replay_of("quarantine", event("a"), 2), replay_of("dlq", event("b"))])
    [statement] = statements
    assert statement.endswith(
        "VALUES\n"
        "('run', TIMESTAMP '2026-03-04 05:06:07.890000', 'quarantine', "
        f"'{payload_digest(event('a'))}', 2, 'e-a', 'a'),\n"
        "('run', TIMESTAMP '2026-03-04 05:06:07.890000', 'dlq', "
        f"'{payload_digest(event('b'))}', 0, 'e-b', 'b')"
    )
    assert redrive.outcome.summary() == {
        "changes": 2,
        "orders": 2,
        "refused": [],
        "written_from": NOW.isoformat(),
        "written_until": NOW.isoformat(),
    }


def test_nothing_to_redrive_is_no_redrive(redrive: Redrive, statements: list[str]) -> None:
    redrive.put([])
    assert statements == []
    assert redrive.outcome.summary()["written_until"] is None


def test_a_record_too_large_for_the_stream_is_named_and_its_neighbours_go(
    redrive: Redrive, kinesis: Any
) -> None:
    large = event("large", filling="x" * RECORD_BYTES)
    redrive.put([replay_of("dlq", payload) for payload in (event("a"), large, event("b"))])
    assert kinesis.payloads == [event("a"), event("b")]
    [refused] = redrive.outcome.refused
    assert refused.startswith("order large, event e-large, payload ")
    assert f"{len(large) + len('large'):,} bytes" in refused


def test_times_are_written_in_utc() -> None:
    elsewhere = NOW.astimezone(timezone(timedelta(hours=9)))
    replays = [replay_of("dlq", event("a"))]
    assert [*record_statements("run", elsewhere, replays)] == [
        *record_statements("run", NOW, replays)
    ]


def test_no_payload_can_break_the_statement() -> None:
    nasty = event("x'); DROP TABLE orders --\0\n", eventID="é'" * 1000)
    replays = [replay_of("quarantine", nasty, failures=1)]
    [statement] = record_statements("it's", NOW, replays)
    row = statement.splitlines()[-1]
    assert row.startswith("('it''s', ")
    event_id = "é''" * 128
    assert row.endswith(f", 1, '{event_id}', 'x''); DROP TABLE orders --??')")


def test_what_is_no_change_is_redriven_without_names() -> None:
    [statement] = record_statements("run", NOW, [replay_of("quarantine", b"{}")])
    assert statement.endswith("0, CAST(NULL AS varchar), CAST(NULL AS varchar))")


def test_no_statement_is_longer_than_athena_takes() -> None:
    replays = [replay_of("dlq", event("ü" * 250, eventID=f"{n:0250}")) for n in range(500)]
    statements = list(record_statements("run", NOW, replays))
    assert len(statements) > 1
    assert max(len(statement.encode()) for statement in statements) <= 262_144
    assert sum(statement.count("'dlq'") for statement in statements) == 500


class Objects:
    """S3's side of GetObject."""

    def __init__(self, **objects: list[bytes]) -> None:
        self.objects = objects
        self.read: list[str] = []

    def get_object(self, *, Bucket: str, Key: str) -> dict[str, Any]:
        self.read.append(f"{Bucket}/{Key}")
        lines = [
            json.dumps({"rawData": b64encode(payload).decode()}) for payload in self.objects[Key]
        ]
        return {"Body": BytesIO("\n".join(lines).encode())}


def waiting(uri: str, payload: bytes, failures: int = 1) -> tuple[str, int, str]:
    return payload_digest(payload), failures, uri


def test_waiting_payloads_are_read_from_their_objects_each_once() -> None:
    s3: Any = Objects(one=[b"a", b"b", b"a", b"c"], two=[b"d"])
    rows = [
        waiting("s3://lake/one", b"a", 2),
        waiting("s3://lake/one", b"c"),
        waiting("s3://lake/two", b"d"),
    ]
    found: list[Replay] = list(quarantined_replays(s3, rows))
    assert [(replay.payload, replay.failures) for replay in found] == [
        (b"a", 2),
        (b"c", 1),
        (b"d", 1),
    ]
    assert s3.read == ["lake/one", "lake/two"]


def test_a_payload_that_is_gone_is_missed() -> None:
    s3: Any = Objects(one=[b"a"])
    with pytest.raises(LookupError, match=f"s3://lake/one has no record of {payload_digest(b'b')}"):
        list(quarantined_replays(s3, [waiting("s3://lake/one", b"b")]))


def test_a_dead_letter_is_read_as_aws_writes_it() -> None:
    letter = dead_letter_of(LETTER.read_text())
    assert letter.shard_id == "shardId-00000001234567891234-aaa1abcd"
    assert (letter.first, letter.last) == (
        "1234567800000000001234567891",
        "1234567800000000001234567899",
    )


@pytest.mark.parametrize("body", ["", "hello", "[]", "{}", '{"DDBStreamBatchInfo": {}}'])
def test_a_message_of_somebody_else_is_refused(body: str) -> None:
    with pytest.raises(Unreadable):
        dead_letter_of(body)


@pytest.mark.parametrize(
    ("name", "value"),
    [("startSequenceNumber", "-1"), ("endSequenceNumber", 5), ("shardId", "1"), ("streamArn", "")],
)
def test_a_message_that_the_stream_would_not_take_is_refused(name: str, value: Any) -> None:
    body = json.loads(LETTER.read_text())
    body["DDBStreamBatchInfo"][name] = value
    with pytest.raises(Unreadable):
        dead_letter_of(json.dumps(body))


def test_an_event_is_what_the_pipe_makes_of_a_record() -> None:
    record = {
        "eventID": "e",
        "eventName": "REMOVE",
        "userIdentity": {"PrincipalId": "dynamodb.amazonaws.com", "Type": "Service"},
        "dynamodb": {
            "ApproximateCreationDateTime": datetime(2026, 3, 4, tzinfo=UTC),
            "Keys": {"orderid": {"S": "ä"}},
            "OldImage": {"photo": {"B": b"\x00\xff"}, "photos": {"BS": [b"\x01"]}},
            "SequenceNumber": "17",
        },
    }
    assert json.loads(event_of(record, "arn")) == {
        "eventSourceARN": "arn",
        "eventID": "e",
        "eventName": "REMOVE",
        "userIdentity": {"principalId": "dynamodb.amazonaws.com", "type": "Service"},
        "dynamodb": {
            "ApproximateCreationDateTime": 1772582400,
            "Keys": {"orderid": {"S": "ä"}},
            "OldImage": {"photo": {"B": "AP8="}, "photos": {"BS": ["AQ=="]}},
            "SequenceNumber": "17",
        },
    }


@pytest.mark.parametrize(
    ("event_name", "left"),
    [("MODIFY", {"NewImage"}), ("REMOVE", {"OldImage"})],
)
def test_a_reduced_event_keeps_what_silver_needs(event_name: str, left: set[str]) -> None:
    image = {"price": {"N": "1"}, "essay": {"S": "x" * 1000}}
    change = {"Keys": {"orderid": {"S": "17"}}, "OldImage": image}
    if event_name == "MODIFY":
        change["NewImage"] = image
    small = json.loads(reduced(json.dumps({"eventName": event_name, "dynamodb": change}).encode()))[
        "dynamodb"
    ]
    assert set(small) == {"Keys", *left}
    assert small.get("NewImage", image) == image
    assert small.get("OldImage", {"price": {"N": "1"}}) == {"price": {"N": "1"}}
