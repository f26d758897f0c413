"""The queue that is told which records were given up: pointers, not data.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from localaws.event_sources.batches import Fragment
from localaws.event_sources.records import Record
from localaws.service import Aws, Params


class FailureQueue:
    """An SQS queue as OnFailure destination."""

    def __init__(self, aws: Aws, queue_arn: str) -> None:
        self._queue = queue_arn.rpartition(":")[2]
        self._client: Any = aws.client("sqs")

    def send(self, message: Params) -> None:
        """Send a message. Raises ClientError, BotoCoreError."""
        url = self._client.get_queue_url(QueueName=self._queue)["QueueUrl"]
        self._client.send_message(QueueUrl=url, MessageBody=json.dumps(message))


def failure_of(
    fragment: Fragment, now: datetime, *, function_arn: str, stream_arn: str, shard_id: str
) -> Params:
    """The message of records of one shard that were given up."""
    first, last = fragment.records[0], fragment.records[-1]
    message: Params = {
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": function_arn,
            "condition": fragment.verdict,
            "approximateInvokeCount": fragment.tries,
        },
        "version": "1.0",
        "timestamp": _millis(now),
        "KinesisBatchInfo": {
            "shardId": shard_id,
            "startSequenceNumber": first.sequence_number,
            "endSequenceNumber": last.sequence_number,
            "approximateArrivalOfFirstRecord": _arrival(first),
            "approximateArrivalOfLastRecord": _arrival(last),
            "batchSize": len(fragment.records),
            "streamArn": stream_arn,
        },
    }
    # Of records that no function has seen there is no response to tell.
    if fragment.outcome is not None and fragment.outcome.refusal is None:
        error = fragment.outcome.error
        message["responseContext"] = {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            **({"functionError": error} if error else {}),
        }
    return message


def _arrival(record: Record) -> str:
    return _millis(datetime.fromtimestamp(record.arrived, UTC))


def _millis(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
