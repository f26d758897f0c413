"""The pipe's dead letters: read again from the stream, or made anew, and deleted only then."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.server import LocalAws
from localaws_chain import Chain, chain
from salesflow.cdc_stream import RECORD_BYTES, NotAcknowledged, StreamWriter, replay_of
from salesflow.dead_letters import DeadLetterQueue
from salesflow.redrive import Redrive, redrive_dead_letters

COUNTRY = "$.dynamodb.NewImage.country.S"
RESTORED = json.dumps(
    {"eventID": "redrive-2-x", "dynamodb": {"Keys": {"orderid": {"S": "2"}}}}
).encode()


class Pipeline:
    """A table, its pipe, which gives up what has no country, and the stream it writes to."""

    def __init__(self, local_aws: LocalAws) -> None:
        self.hops: Chain = chain(local_aws)
        self.statements: list[str] = []
        self.restorations = 0
        hops = self.hops
        parameters = hops.pipe_parameters(
            hops.table(),
            hops.data_stream(),
            MaximumRetryAttempts=0,
            OnPartialBatchItemFailure="AUTOMATIC_BISECT",
            DeadLetterConfig={"Arn": hops.queue()},
        )
        parameters["TargetParameters"]["KinesisStreamParameters"]["PartitionKey"] = COUNTRY
        hops.client("pipes").create_pipe(**parameters)

    def put(self, orderid: str, **attributes: Any) -> None:
        self.hops.put(orderid, **attributes)

    def give_up(self) -> None:
        """Let the pipe move, and give up what it can't."""
        self.hops.step()
        for _ in range(5):
            self.hops.later(10)

    def restore(self, redrive: Redrive) -> None:
        self.restorations += 1
        redrive.put([replay_of("table", RESTORED)])

    def redrive(self, stream: str = "cdc") -> Redrive:
        client = self.hops.client
        redrive = Redrive(
            run_id="run",
            stream=StreamWriter(client=client("kinesis"), stream=stream),
            write=self.statements.append,
        )
        url = client("sqs").get_queue_url(QueueName="letters")["QueueUrl"]
        queue = DeadLetterQueue(client("sqs"), url, poll_seconds=0)
        redrive_dead_letters(
            redrive, queue, client("dynamodbstreams"), lambda: self.restore(redrive)
        )
        return redrive

    def forget(self, **what: str) -> None:
        """Let the letters point to what the stream no longer has."""
        for letter in self.hops.letters():
            letter["DDBStreamBatchInfo"] |= what
            self.send(letter)

    def send(self, letter: dict[str, Any]) -> str:
        sqs = self.hops.client("sqs")
        url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
        message_id: str = sqs.send_message(QueueUrl=url, MessageBody=json.dumps(letter))[
            "MessageId"
        ]
        return message_id

    def waiting(self) -> int:
        return len(self.hops.letters())


@pytest.fixture
def pipeline(local_aws: LocalAws) -> Pipeline:
    return Pipeline(local_aws)


CH = {"country": {"S": "CH"}}


def test_what_the_stream_still_has_is_put_as_the_pipe_would_have(pipeline: Pipeline) -> None:
    for number in range(6):
        pipeline.put(str(number), photo={"B": b"\x00\xff"}, **(CH if number % 2 else {}))
    pipeline.give_up()
    delivered = pipeline.hops.changes()
    assert [change["dynamodb"]["Keys"]["orderid"]["S"] for change in delivered] == ["1", "3", "5"]

    redrive = pipeline.redrive()
    assert redrive.outcome.changes == 3
    assert redrive.outcome.orderids == {"0", "2", "4"}
    changes = {
        change["dynamodb"]["Keys"]["orderid"]["S"]: change for change in pipeline.hops.changes()
    }
    assert set(changes) == set("012345")
    by_pipe, redriven = changes["1"], changes["2"]
    assert redriven["dynamodb"].pop("NewImage") == {
        "orderid": {"S": "2"},
        "photo": {"B": "AP8="},
    }
    assert redriven["dynamodb"].keys() == by_pipe["dynamodb"].keys() - {"NewImage"}
    assert redriven.keys() == by_pipe.keys()
    assert redriven["eventSourceARN"] == by_pipe["eventSourceARN"]
    assert isinstance(redriven["dynamodb"]["ApproximateCreationDateTime"], int)
    assert pipeline.waiting() == 0
    assert pipeline.restorations == 0
    assert sum(statement.count("'dlq'") for statement in pipeline.statements) == 3


def test_each_is_in_the_shard_of_its_order(pipeline: Pipeline) -> None:
    pipeline.put("17")
    pipeline.give_up()
    pipeline.redrive()
    [record] = pipeline.hops.records()
    assert record["PartitionKey"] == "17"


def test_all_changes_between_the_first_and_the_last_are_read(pipeline: Pipeline) -> None:
    pipeline.put("1")
    pipeline.put("2", **CH)
    pipeline.put("3")
    pipeline.give_up()
    first, last = (letter["DDBStreamBatchInfo"] for letter in pipeline.hops.letters())
    batch = {**first, "endSequenceNumber": last["endSequenceNumber"], "batchSize": 2}
    pipeline.send({"DDBStreamBatchInfo": batch})
    pipeline.put("4")
    redrive = pipeline.redrive()
    assert redrive.outcome.orderids == {"1", "2", "3"}
    assert pipeline.restorations == 0


GONE = [
    {"shardId": "shardId-00000000000000000000-gone"},
    {"streamArn": "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/gone"},
]


@pytest.mark.parametrize("what", GONE, ids=["shard", "stream"])
def test_what_the_stream_has_forgotten_is_made_anew_once_for_all(
    pipeline: Pipeline, what: dict[str, str]
) -> None:
    for number in range(3):
        pipeline.put(str(number))
    pipeline.give_up()
    pipeline.forget(**what)
    redrive = pipeline.redrive()
    assert pipeline.restorations == 1
    assert redrive.outcome.orderids == {"2"}
    assert [record["Data"] for record in pipeline.hops.records()] == [RESTORED]
    assert pipeline.waiting() == 0


def test_what_is_left_of_a_batch_is_read_and_the_rest_is_made_anew(pipeline: Pipeline) -> None:
    for number in (1, 3, 4):
        pipeline.put(str(number))
    pipeline.give_up()
    batch, _, _ = (letter["DDBStreamBatchInfo"] for letter in pipeline.hops.letters())
    # Older than all that the stream has: in the meantime, it was trimmed.
    pipeline.send({"DDBStreamBatchInfo": {**batch, "startSequenceNumber": "1" * 21}})
    redrive = pipeline.redrive()
    assert redrive.outcome.orderids == {"1", "2"}
    assert pipeline.restorations == 1
    assert pipeline.waiting() == 0


def test_letters_stay_until_the_changes_are_acknowledged(pipeline: Pipeline) -> None:
    pipeline.put("1")
    pipeline.put("2")
    pipeline.give_up()
    with pytest.raises(Exception, match="ResourceNotFoundException"):
        pipeline.redrive(stream="missing")
    # They are seen again at once: the redrive can be repeated.
    assert pipeline.redrive().outcome.changes == 2


def test_letters_stay_when_what_is_forgotten_can_not_be_made_anew(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    pipeline.put("1")
    pipeline.give_up()
    pipeline.forget(shardId="shardId-00000000000000000000-gone")

    def fail(_: Redrive) -> None:
        raise NotAcknowledged("no")

    monkeypatch.setattr(pipeline, "restore", fail)
    with pytest.raises(NotAcknowledged):
        pipeline.redrive()
    assert pipeline.waiting() == 1


def test_a_message_of_somebody_else_is_named_and_stays(pipeline: Pipeline) -> None:
    message_id = pipeline.send({})
    pipeline.put("1")
    pipeline.give_up()
    redrive = pipeline.redrive()
    assert redrive.outcome.orderids == {"1"}
    assert redrive.outcome.refused == [
        f"message {message_id}: it is no message of a pipe from a DynamoDB stream"
    ]
    assert pipeline.waiting() == 1


def test_a_change_too_large_for_the_stream_goes_without_how_the_order_was(
    pipeline: Pipeline,
) -> None:
    """Two images of 390 kB that escaping makes larger: that is what the pipe can't deliver."""
    essay = {"S": '"' * 390_000}
    pipeline.put("1", essay=essay)
    pipeline.put("1", essay=essay, quantity={"N": "2"})
    pipeline.give_up()
    redrive = pipeline.redrive()
    assert redrive.outcome.refused == []
    first, second = pipeline.hops.changes()
    assert first["eventName"] == "INSERT"
    assert second["eventName"] == "MODIFY"
    assert "OldImage" not in second["dynamodb"]
    assert second["dynamodb"]["NewImage"]["quantity"] == {"N": "2"}


def test_a_change_that_is_too_large_all_the_same_is_named_and_its_letter_stays(
    pipeline: Pipeline,
) -> None:
    pipeline.put("1", essay={"S": "\x01" * 390_000})
    pipeline.put("2")
    pipeline.give_up()
    redrive = pipeline.redrive()
    assert redrive.outcome.orderids == {"2"}
    [refused] = redrive.outcome.refused
    assert refused.startswith("order 1, event ")
    assert f"{RECORD_BYTES}" not in refused
    assert pipeline.waiting() == 1


def test_an_empty_queue_is_no_work(pipeline: Pipeline) -> None:
    redrive = pipeline.redrive()
    assert (redrive.outcome.changes, pipeline.statements) == (0, [])
