"""EventBridge Pipes: what happens to changes that the target doesn't take."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from localaws.pipes.batches import Condition, Lane
from localaws.pipes.changes import Change
from localaws.pipes.settings import PipeSettings, settings_of
from localaws.pipes.target import Failure, dead_letter
from localaws.server import LocalAws
from localaws_chain import Chain, chain

START = datetime(2026, 7, 1, 12, tzinfo=UTC)
THROTTLED = Failure("ProvisionedThroughputExceededException", "Rate exceeded")
BROKEN = Failure("ValidationException", "the record is broken")
OUTAGE = Failure("InternalFailure", "sorry", internal=True)

#: What a try says to the changes of these sequence numbers.
Script = Callable[[list[str]], list[Failure | None]]


@dataclass
class Target:
    """Takes changes as a script says."""

    script: Script
    tries: list[list[str]] = field(default_factory=list)

    def put(self, changes: list[Change]) -> list[Failure | None]:
        numbers = [change.sequence_number for change in changes]
        self.tries.append(numbers)
        return self.script(numbers)


@dataclass
class Bench:
    """A lane on a bench: a scripted target, a recorded dead-letter queue, a clock."""

    lane: Lane
    target: Target
    letters: list[tuple[list[str], Condition]]
    now: datetime = START

    def later(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)
        self.lane.step(self.now)

    def take(self, *numbers: str) -> None:
        self.lane.take([change(number) for number in numbers], self.now)
        self.lane.step(self.now)


def change(number: str, created: datetime = START) -> Change:
    return Change(number, created.timestamp(), b"{}", "key")


def settings(**stream: object) -> PipeSettings:
    stream = {"StartingPosition": "LATEST", "BatchSize": 100, **stream}
    return settings_of(
        {
            "Source": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/now",
            "Target": "arn:aws:kinesis:us-east-1:000000000000:stream/cdc",
            "SourceParameters": {"DynamoDBStreamParameters": stream},
            "TargetParameters": {"KinesisStreamParameters": {"PartitionKey": "k"}},
        }
    )


def bench(script: Script, **stream: object) -> Bench:
    target, letters = Target(script), []

    def give_up(changes: list[Change], condition: Condition, now: datetime) -> None:
        del now
        letters.append(([c.sequence_number for c in changes], condition))

    return Bench(Lane(settings(**stream), target, give_up), target, letters)


def refusing(poison: str, failure: Failure = BROKEN) -> Script:
    """Takes nothing of a batch with the poison, as PutRecords does if one record is invalid."""
    return lambda numbers: [failure if poison in numbers else None] * len(numbers)


@pytest.mark.behaviour("pipes", "Of a batch that was taken in part, only the rest is tried again")
def test_only_the_rest_is_tried_again() -> None:
    answers = iter([[None, THROTTLED, None], [None]])
    lane = bench(lambda _: next(answers))
    lane.take("1", "2", "3")
    lane.later(1)
    assert lane.target.tries == [["1", "2", "3"], ["2"]]
    assert lane.letters == []


@pytest.mark.behaviour("pipes", "While a batch is tried again, the batches behind it wait")
def test_later_changes_wait_for_the_retry() -> None:
    answers = iter([[THROTTLED, THROTTLED], [None, None], [None]])
    lane = bench(lambda _: next(answers))
    lane.take("1", "2")
    lane.take("3")
    assert lane.target.tries == [["1", "2"]]
    lane.later(1)
    assert lane.target.tries == [["1", "2"], ["1", "2"], ["3"]]


@pytest.mark.behaviour("pipes", "Retries back off exponentially")
def test_retries_back_off() -> None:
    lane = bench(lambda numbers: [THROTTLED] * len(numbers))
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
    "pipes", "After MaximumRetryAttempts changes are given up, and the pipe goes on"
)
def test_exhausted_batch_is_given_up_as_a_whole() -> None:
    lane = bench(refusing("2"), MaximumRetryAttempts=2)
    lane.take("1", "2", "3")
    lane.later(60)
    lane.later(60)
    assert lane.target.tries == [["1", "2", "3"]] * 3
    assert lane.letters == [(["1", "2", "3"], Condition.RETRIES)]
    lane.take("4")
    assert lane.target.tries[-1] == ["4"]
    assert lane.lane.empty


@pytest.mark.behaviour("pipes", "AUTOMATIC_BISECT halves a batch until the one bad change is left")
def test_bisecting_finds_the_poison() -> None:
    lane = bench(
        refusing("5"), MaximumRetryAttempts=1, OnPartialBatchItemFailure="AUTOMATIC_BISECT"
    )
    lane.take(*"12345678")
    lane.later(60)
    assert lane.target.tries == [
        list("12345678"),
        list("12345678"),
        list("1234"),
        list("5678"),
        list("56"),
        ["5"],
        ["6"],
        list("78"),
    ]
    assert lane.letters == [(["5"], Condition.RETRIES)]


@pytest.mark.behaviour("pipes", "By default a bad change is tried for ever and blocks its shard")
def test_without_limits_a_poison_blocks() -> None:
    lane = bench(refusing("1"))
    lane.take("1")
    lane.take("2")
    for _ in range(1000):
        lane.later(60)
    assert {tuple(numbers) for numbers in lane.target.tries} == {("1",)}
    assert lane.letters == []


@pytest.mark.behaviour("pipes", "AWS's own failures don't count against MaximumRetryAttempts")
def test_outages_do_not_count() -> None:
    lane = bench(refusing("1", OUTAGE), MaximumRetryAttempts=0)
    lane.take("1")
    for _ in range(20):
        lane.later(60)
    assert len(lane.target.tries) == 21
    assert lane.letters == []


@pytest.mark.behaviour("pipes", "Changes older than MaximumRecordAgeInSeconds are given up")
def test_old_changes_are_given_up() -> None:
    lane = bench(refusing("1"), MaximumRecordAgeInSeconds=60)
    lane.lane.take([change("1"), change("2", START + timedelta(seconds=30))], START)
    lane.later(60)
    assert lane.letters == []
    lane.later(10)
    assert lane.letters == [(["1"], Condition.AGE)]
    assert lane.target.tries[-1] == ["2"]


def test_dead_letter_is_sent_until_the_queue_takes_it() -> None:
    calls = []

    def give_up(changes: list[Change], condition: Condition, now: datetime) -> None:
        del changes, condition
        calls.append(now)
        if len(calls) == 1:
            raise ClientError({"Error": {"Code": "QueueDoesNotExist"}}, "SendMessage")

    target = Target(refusing("1"))
    lane = Lane(settings(MaximumRetryAttempts=0), target, give_up)
    lane.take([change("1"), change("2")], START)
    lane.step(START)
    assert not lane.empty
    lane.step(START + timedelta(seconds=1))
    assert lane.empty
    assert len(calls) == 2


def test_settings_can_change_under_way() -> None:
    lane = bench(refusing("1"), BatchSize=1)
    lane.take("1")
    lane.lane.settings = replace(lane.lane.settings, retries=1)
    lane.later(1)
    assert lane.letters == [(["1"], Condition.RETRIES)]


@pytest.mark.behaviour("pipes", "A dead letter points to the changes, and has no data")
def test_dead_letter_has_the_shape_of_aws() -> None:
    expected = json.loads((Path(__file__).parent / "events" / "pipes_dead_letter.json").read_text())
    letter = dead_letter(
        "arn:aws:pipes:eu-west-2:123456789123:pipe/changes",
        "arn:aws:dynamodb:eu-west-2:123456789123:table/orders/stream/2024-01-01T00:00:00.000",
        "shardId-00000001234567891234-aaa1abcd",
        [
            change("1234567800000000001234567891", datetime(2024, 3, 8, tzinfo=UTC)),
            change("1234567800000000001234567899", datetime(2024, 3, 8, 0, 0, 2, tzinfo=UTC)),
        ],
        Condition.RETRIES,
        datetime(2024, 3, 8, 0, 1, tzinfo=UTC),
    )
    assert json.loads(json.dumps(letter)) == expected


@pytest.mark.behaviour(
    "pipes", "A change without the partition key's path goes to the dead-letter queue"
)
def test_poison_ends_in_the_queue_and_all_around_it_arrives(local_aws: LocalAws) -> None:
    hops: Chain = chain(local_aws)
    parameters = hops.pipe_parameters(
        hops.table(),
        hops.data_stream(),
        MaximumRetryAttempts=2,
        OnPartialBatchItemFailure="AUTOMATIC_BISECT",
        DeadLetterConfig={"Arn": hops.queue()},
    )
    path = "$.dynamodb.NewImage.country.S"
    parameters["TargetParameters"]["KinesisStreamParameters"]["PartitionKey"] = path
    hops.client("pipes").create_pipe(**parameters)
    hops.put("1", country={"S": "CH"})
    hops.put("2")
    hops.put("3", country={"S": "DE"})
    hops.step()
    assert hops.keys() == ["1", "3"]
    assert hops.letters() == []
    for _ in range(3):
        hops.later(10)
    (letter,) = hops.letters()
    assert letter["context"]["condition"] == "RetryAttemptsExhausted"
    assert letter["DDBStreamBatchInfo"]["batchSize"] == 1
    hops.put("4", country={"S": "FR"})
    hops.step()
    assert hops.keys() == ["1", "3", "4"]


@pytest.mark.behaviour("pipes", "A target that is missing is tried again until it is there")
def test_missing_target_is_tried_until_it_is_there(local_aws: LocalAws) -> None:
    hops: Chain = chain(local_aws)
    target = local_aws.aws.arn("kinesis", "stream/cdc")
    hops.client("pipes").create_pipe(**hops.pipe_parameters(hops.table(), target))
    hops.put("1")
    hops.step()
    hops.data_stream()
    hops.later(1)
    assert hops.keys() == ["1"]
