"""Event source mappings: what happens to records that the function doesn't process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws.event_sources.batches import Condition, Fragment, Lane
from localaws.event_sources.destination import failure_of
from localaws.event_sources.invocation import DONE, Outcome, outcome_of
from localaws.event_sources.records import Record
from localaws.event_sources.settings import MappingSettings, settings_of

EVENTS = Path(__file__).parent / "events"
START = datetime(2026, 7, 1, 12, tzinfo=UTC)
THROTTLED = Outcome(0, refusal="TooManyRequestsException: Rate exceeded")
FAILED = Outcome(0, error="Unhandled")

#: What an invocation with the records of these sequence numbers comes to.
Script = Callable[[list[str]], Outcome]


@dataclass
class Target:
    """Processes records as a script says."""

    script: Script
    tries: list[str] = field(default_factory=list)

    def invoke(self, records: list[Record]) -> Outcome:
        numbers = [record.sequence_number for record in records]
        self.tries.append("".join(numbers))
        return self.script(numbers)


@dataclass
class Bench:
    """A lane on a bench: a scripted function, a recorded destination, a clock."""

    lane: Lane
    target: Target
    given_up: list[tuple[str, Condition]]
    now: datetime = START

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.lane.step(self.now)

    def take(self, numbers: str) -> None:
        self.lane.take([record(number, self.now) for number in numbers], self.now)
        self.lane.step(self.now)


def record(number: str, arrived: datetime = START) -> Record:
    return Record(number, arrived.timestamp(), "{}")


def settings(**parameters: object) -> MappingSettings:
    return settings_of(
        {
            "EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/cdc",
            "FunctionName": "count",
            "StartingPosition": "TRIM_HORIZON",
            "BatchSize": 100,
            **parameters,
        },
        START,
    )


def bench(script: Script, **parameters: object) -> Bench:
    target, given_up = Target(script), []

    def give_up(fragment: Fragment, now: datetime) -> None:
        del now
        assert fragment.verdict
        numbers = "".join(record.sequence_number for record in fragment.records)
        given_up.append((numbers, fragment.verdict))

    return Bench(Lane(settings(**parameters), target, give_up), target, given_up)


def failing_at(poison: str) -> Script:
    """Fails whatever the poison is in."""
    return lambda numbers: FAILED if poison in numbers else DONE


def reporting(poison: str) -> Script:
    """Processes what comes before the poison, and says so."""
    return lambda numbers: Outcome(numbers.index(poison)) if poison in numbers else DONE


@pytest.mark.behaviour("lambda", "A batch that failed is tried again, while those behind it wait")
def test_later_records_wait_for_the_retry() -> None:
    answers = iter([FAILED, DONE, DONE])
    lane = bench(lambda _: next(answers))
    lane.take("12")
    lane.take("3")
    assert lane.target.tries == ["12"]
    lane.later(1)
    assert lane.target.tries == ["12", "12", "3"]


def test_retries_back_off() -> None:
    lane = bench(lambda _: FAILED)
    lane.take("1")
    times = []
    for _ in range(400):
        tries = len(lane.target.tries)
        lane.later(0.1)
        if len(lane.target.tries) > tries:
            times.append(lane.now - START)
    gaps = [round((b - a).total_seconds(), 1) for a, b in pairwise(times)]
    assert gaps == [0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10.0, 10.0]


@pytest.mark.behaviour(
    "lambda", "After MaximumRetryAttempts a batch is given up, and the mapping goes on"
)
def test_exhausted_batch_is_given_up_as_a_whole() -> None:
    lane = bench(failing_at("2"), MaximumRetryAttempts=2)
    lane.take("123")
    lane.later(60)
    lane.later(60)
    assert lane.target.tries == ["123"] * 3
    assert lane.given_up == [("123", Condition.RETRIES)]
    lane.take("4")
    assert lane.target.tries[-1] == "4"
    assert lane.lane.empty


@pytest.mark.behaviour(
    "lambda",
    "BisectBatchOnFunctionError halves a batch that failed, at once and without using up retries",
)
def test_bisecting_finds_the_poison() -> None:
    lane = bench(failing_at("5"), MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    lane.take("12345678")
    assert lane.target.tries == ["12345678", "1234", "5678", "56", "5"]
    lane.later(60)
    assert lane.target.tries[5:] == ["5", "6", "78"]
    assert lane.given_up == [("5", Condition.RETRIES)]


@pytest.mark.behaviour(
    "lambda", "With ReportBatchItemFailures only what comes from the first failure on is retried"
)
def test_of_a_batch_that_was_done_in_part_only_the_rest_is_retried() -> None:
    lane = bench(reporting("3"), MaximumRetryAttempts=1)
    lane.take("12345")
    lane.later(60)
    assert lane.target.tries == ["12345", "345"]
    assert lane.given_up == [("345", Condition.RETRIES)]


@pytest.mark.behaviour(
    "lambda",
    "With both, a batch is split where the function says that the failure begins",
)
def test_a_reported_failure_splits_the_batch_there() -> None:
    lane = bench(reporting("5"), MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    lane.take("12345678")
    lane.later(60)
    assert lane.target.tries == ["12345678", "5678", "56", "5", "5", "6", "78"]
    assert lane.given_up == [("5", Condition.RETRIES)]


@pytest.mark.behaviour(
    "lambda", "A function that can't be invoked is tried until it can, and no retry is used up"
)
def test_throttles_use_up_no_retries_and_split_nothing() -> None:
    answers = iter([*[THROTTLED] * 5, DONE])
    lane = bench(lambda _: next(answers), MaximumRetryAttempts=1, BisectBatchOnFunctionError=True)
    lane.take("12")
    for _ in range(5):
        lane.later(60)
    assert lane.target.tries == ["12"] * 6
    assert lane.given_up == []
    assert lane.lane.empty


@pytest.mark.behaviour(
    "lambda", "Records older than MaximumRecordAgeInSeconds are given up without being tried"
)
def test_old_records_are_given_up() -> None:
    lane = bench(lambda _: THROTTLED, MaximumRecordAgeInSeconds=60)
    lane.take("12")
    lane.later(50)
    lane.lane.take([record("3", lane.now)], lane.now)
    lane.later(11)
    assert lane.given_up == [("12", Condition.AGE)]
    tried = len(lane.target.tries)
    lane.later(30)
    assert lane.target.tries[tried:] == ["3"]


def test_retries_are_endless_by_default() -> None:
    lane = bench(lambda _: FAILED)
    lane.take("1")
    for _ in range(50):
        lane.later(60)
    assert len(lane.target.tries) == 51
    assert lane.given_up == []


@pytest.mark.behaviour(
    "lambda", "A failure destination that can't be told is told later, and holds up its shard"
)
def test_destination_is_told_until_it_hears() -> None:
    told = []

    def give_up(fragment: Fragment, now: datetime) -> None:
        told.append(now)
        if len(told) < 3:
            raise ClientError({"Error": {"Code": "Throttled"}}, "SendMessage")
        assert fragment.verdict == Condition.RETRIES

    target = Target(failing_at("1"))
    lane = Lane(settings(MaximumRetryAttempts=0), target, give_up)
    lane.take([record("1")], START)
    for seconds in (0, 30, 60):
        lane.step(START + timedelta(seconds=seconds))
    assert target.tries == ["1"]
    assert len(told) == 3
    assert lane.empty


@pytest.mark.behaviour(
    "lambda", "A batch closes at BatchSize, after the batching window, or at 6 MB"
)
def test_batches_close() -> None:
    lane = bench(lambda _: DONE, BatchSize=3, MaximumBatchingWindowInSeconds=10)
    lane.take("12")
    assert lane.target.tries == []
    lane.take("34")
    assert lane.target.tries == ["123"]
    lane.later(9)
    assert lane.target.tries == ["123"]
    lane.later(1)
    assert lane.target.tries == ["123", "4"]
    large = Record("5", START.timestamp(), "x" * 4_000_000)
    lane.lane.take([large, large], lane.now)
    lane.later(0)
    assert lane.target.tries[2:] == ["5"]


@pytest.mark.behaviour(
    "lambda",
    "An empty or null answer is a success; an identifier that is empty, null, misnamed or of "
    "another batch fails the whole batch",
)
@pytest.mark.parametrize(
    ("body", "failed_from"),
    [
        ("", None),
        ("null", None),
        ("{}", None),
        ('{"batchItemFailures": []}', None),
        ('{"batchItemFailures": null}', None),
        ('{"batchItemFailures": [{"itemIdentifier": "12"}]}', 1),
        ('{"batchItemFailures": [{"itemIdentifier": "13"}, {"itemIdentifier": "12"}]}', 1),
        ('{"batchItemFailures": [{"itemIdentifier": ""}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": null}]}', 0),
        ('{"batchItemFailures": [{"identifier": "12"}]}', 0),
        ('{"batchItemFailures": [{"itemIdentifier": "99"}]}', 0),
        ('{"batchItemFailures": ["12"]}', 0),
        ('{"batchItemFailures": 12}', 0),
        ('"done"', 0),
        ("done", 0),
    ],
)
def test_answers(body: str, failed_from: int | None) -> None:
    assert outcome_of(body.encode(), ["11", "12", "13"]).failed_from == failed_from


@pytest.mark.behaviour(
    "lambda",
    "The failure destination gets pointers to the records, in the shape that AWS documents",
)
def test_failure_has_the_shape_of_aws() -> None:
    expected = json.loads((EVENTS / "lambda_kinesis_failure.json").read_text())
    records = [record("10"), record("11", START + timedelta(seconds=0.745))]
    fragment = Fragment(records, tries=3, verdict=Condition.RETRIES, outcome=FAILED)
    message = failure_of(
        fragment,
        START + timedelta(seconds=2),
        function_arn="arn:aws:lambda:us-east-2:123456789012:function:myfunction",
        stream_arn="arn:aws:kinesis:us-east-2:123456789012:stream/mystream",
        shard_id="shardId-000000000001",
    )
    message["requestContext"]["requestId"] = expected["requestContext"]["requestId"]
    assert message == expected


@pytest.mark.parametrize("outcome", [None, THROTTLED])
def test_of_records_that_no_function_saw_no_response_is_told(outcome: Outcome | None) -> None:
    fragment = Fragment([record("10")], verdict=Condition.AGE, outcome=outcome)
    message = failure_of(fragment, START, function_arn="f", stream_arn="s", shard_id="1")
    assert "responseContext" not in message
    assert message["requestContext"]["condition"] == "RecordAgeExceeded"


def test_a_reported_failure_is_no_function_error() -> None:
    fragment = Fragment([record("10")], verdict=Condition.RETRIES, outcome=Outcome(0))
    message = failure_of(fragment, START, function_arn="f", stream_arn="s", shard_id="1")
    assert "functionError" not in message["responseContext"]


def test_what_is_under_way_is_kept_in_its_order() -> None:
    lane = bench(failing_at("2"), BisectBatchOnFunctionError=True, MaximumRetryAttempts=5)
    lane.take("1234")
    lane.lane.take([record("5")], lane.now)
    assert [saved[0] for saved in lane.lane.snapshot()] == ["2", "3", "4", "5"]
