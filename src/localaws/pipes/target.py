"""Where a pipe's changes go: a Kinesis data stream, and for those that can't, a queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.pipes.changes import Change
from localaws.service import Aws, Params
from localaws.unparsed import unparsed_client

# https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
# says 10 MiB by now; the 5 MiB of before fit in there, too.
_REQUEST_BYTES: Final = 5 * 1024 * 1024
_SERVER_ERROR: Final = 500
_INTERNAL: Final = frozenset({"InternalFailure"})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a change wasn't taken.

    Attributes:
        internal: the fault is AWS's own. Such tries don't count against the retry limit
            (https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-error-troubleshooting.html).
    """

    code: str
    message: str
    internal: bool = False

    @property
    def throttled(self) -> bool:
        """Whether the target had enough for now."""
        return "Throughput" in self.code or "Throttl" in self.code or "LimitExceeded" in self.code


NO_KEY: Final = Failure("InvalidPartitionKey", "the path of the partition key leads to nothing")


class KinesisTarget:
    """A data stream that takes changes."""

    def __init__(self, aws: Aws, arn: str) -> None:
        self._arn = arn
        self._client = unparsed_client(aws, "kinesis")

    def put(self, changes: list[Change]) -> list[Failure | None]:
        """Put changes, at most 500; returns for each why it wasn't taken, or None."""
        failures: list[Failure | None] = [NO_KEY if c.key is None else None for c in changes]
        chunk: list[int] = []
        size = 0
        for index, change in enumerate(changes):
            if change.key is None:
                continue
            length = change.size + len(change.key.encode())
            if chunk and size + length > _REQUEST_BYTES:
                self._put(changes, chunk, failures)
                chunk, size = [], 0
            chunk.append(index)
            size += length
        if chunk:
            self._put(changes, chunk, failures)
        return failures

    def _put(self, changes: list[Change], chunk: list[int], failures: list[Failure | None]) -> None:
        """Put some of the changes, noting their failures."""
        try:
            answer = self._client.put_records(
                StreamARN=self._arn,
                Records=[{"Data": changes[i].data, "PartitionKey": changes[i].key} for i in chunk],
            )
        except ClientError as error:
            failure = _refusal(error)
        except BotoCoreError as error:
            failure = Failure(type(error).__name__, str(error), internal=True)
        else:
            if answer.get("FailedRecordCount"):
                for index, result in zip(chunk, answer["Records"], strict=True):
                    failures[index] = _record_failure(result)
            return
        for index in chunk:
            failures[index] = failure


def _refusal(error: ClientError) -> Failure:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    told = error.response["Error"]
    return Failure(told["Code"], told.get("Message", ""), internal=status >= _SERVER_ERROR)


def _record_failure(result: Params) -> Failure | None:
    code = result.get("ErrorCode")
    return Failure(code, result.get("ErrorMessage", ""), code in _INTERNAL) if code else None


class DeadLetters:
    """The queue that is told which changes were given up: pointers, not data.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
    """

    def __init__(self, aws: Aws, pipe_arn: str, stream_arn: str, queue_arn: str) -> None:
        self._pipe_arn, self._stream_arn = pipe_arn, stream_arn
        self._queue = queue_arn.rpartition(":")[2]
        self._client: Any = aws.client("sqs")

    def send(self, shard_id: str, changes: list[Change], condition: str, now: datetime) -> None:
        """Tell of changes of one shard, in their order. Raises ClientError, BotoCoreError."""
        url = self._client.get_queue_url(QueueName=self._queue)["QueueUrl"]
        message = dead_letter(self._pipe_arn, self._stream_arn, shard_id, changes, condition, now)
        self._client.send_message(QueueUrl=url, MessageBody=json.dumps(message))


def dead_letter(
    pipe_arn: str,
    stream_arn: str,
    shard_id: str,
    changes: list[Change],
    condition: str,
    now: datetime,
) -> Params:
    """The message of changes that were given up.

    Args:
        condition: RetryAttemptsExhausted or MaximumRecordAgeExceeded.
    """
    return {
        "context": {"partnerResourceArn": pipe_arn, "condition": condition},
        "version": "1.0",
        "timestamp": now.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "DDBStreamBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": changes[0].sequence_number,
            "endSequenceNumber": changes[-1].sequence_number,
            "approximateArrivalOfFirstRecord": _second(changes[0]),
            "approximateArrivalOfLastRecord": _second(changes[-1]),
            "batchSize": len(changes),
            "streamArn": stream_arn,
        },
    }


def _second(change: Change) -> str:
    return f"{datetime.fromtimestamp(change.created, UTC):%Y-%m-%dT%H:%M:%SZ}"
