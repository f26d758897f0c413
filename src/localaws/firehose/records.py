"""A record on its way through a delivery stream, as the Lambda function and the errors see it.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

from __future__ import annotations

import json
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from localaws.service import Params

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Record:
    """A record.

    Attributes:
        arrived: approximate time of arrival, epoch seconds.
        data: in base64, as it came and as it goes to the function.
        event: the record as one JSON text, a member of the event's `records`.
    """

    record_id: str
    arrived: float
    data: str
    event: str

    @property
    def size(self) -> int:
        """Bytes of the data."""
        return len(self.data) * 3 // 4 - self.data.count("=", -2)

    @property
    def decoded(self) -> bytes:
        """The data."""
        return b64decode(self.data)

    def to_json(self) -> list[Any]:
        """As JSON types."""
        return [self.record_id, self.arrived, self.data, self.event]


def kinesis_record(shard_id: str, record: Params) -> Record:
    """A record that came from a Kinesis data stream, as GetRecords sends it."""
    number, data = record["SequenceNumber"], record["Data"]
    arrived = record["ApproximateArrivalTimestamp"]
    record_id = f"{number}000000"
    millis = round(arrived * 1000)
    # Written by hand: of these members only the partition key needs escaping.
    event = (
        f'{{"recordId":"{record_id}","approximateArrivalTimestamp":{millis},"data":"{data}",'
        f'"kinesisRecordMetadata":{{"sequenceNumber":"{number}","subsequenceNumber":0,'
        f'"partitionKey":{_encode(record["PartitionKey"])},"shardId":"{shard_id}",'
        f'"approximateArrivalTimestamp":{millis}}}}}'
    )
    return Record(record_id, arrived, data, event)


def direct_record(record_id: str, arrived: float, data: str) -> Record:
    """A record that was put to the delivery stream itself.

    Args:
        data: in base64.
    """
    event = (
        f'{{"recordId":"{record_id}","approximateArrivalTimestamp":{round(arrived * 1000)},'
        f'"data":"{data}"}}'
    )
    return Record(record_id, arrived, data, event)


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a record wasn't processed; the codes are AWS's.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
    """

    code: str
    message: str


def error_line(
    record: Record, fault: Fault, attempts: int, ended: datetime, lambda_arn: str
) -> bytes:
    """A failed record as a line of an error object.

    Args:
        attempts: how often the function was invoked with it.
        ended: when the last attempt ended.
    """
    line = {
        "attemptsMade": attempts,
        "arrivalTimestamp": round(record.arrived * 1000),
        "errorCode": fault.code,
        "errorMessage": fault.message,
        "attemptEndingTimestamp": round(ended.timestamp() * 1000),
        "rawData": record.data,
        "lambdaArn": lambda_arn,
    }
    return _encode(line).encode() + b"\n"
