"""A record on its way from a Kinesis data stream to a function.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from localaws.service import Params

_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


@dataclass(slots=True)
class Record:
    """A record.

    Attributes:
        arrived: approximate time of arrival, epoch seconds.
        event: the record as one JSON text, a member of the event's `Records`, but for its end: who
            invokes the function is known when that is done.
    """

    sequence_number: str
    arrived: float
    event: str

    @property
    def size(self) -> int:
        """Bytes that the record takes of the payload, roughly."""
        return len(self.event) + _END_SIZE

    def to_json(self) -> list[Any]:
        """As JSON types."""
        return [self.sequence_number, self.arrived, self.event]


#: The end of a record's event, with the ARN of a role, and the comma.
_END_SIZE: Final = 100


def record_of(stream_arn: str, region: str, shard_id: str, sent: Params) -> Record:
    """A record of GetRecords, as it is sent: times are numbers, data is base64 text."""
    number, arrived = sent["SequenceNumber"], sent["ApproximateArrivalTimestamp"]
    # Written by hand: of these members only the partition key needs escaping.
    event = (
        f'{{"kinesis":{{"kinesisSchemaVersion":"1.0","partitionKey":{_encode(sent["PartitionKey"])}'
        f',"sequenceNumber":"{number}","data":"{sent["Data"]}"'
        f',"approximateArrivalTimestamp":{arrived:.3f}}},"eventSource":"aws:kinesis"'
        f',"eventVersion":"1.0","eventID":"{shard_id}:{number}"'
        f',"eventName":"aws:kinesis:record","awsRegion":"{region}"'
        f',"eventSourceARN":"{stream_arn}"'
    )
    return Record(number, arrived, event)


def payload_of(records: list[Record], role: str) -> bytes:
    """The event of an invocation.

    Args:
        role: ARN of the function's role, which invokes it.
    """
    end = f',"invokeIdentityArn":{_encode(role)}}}'
    return f'{{"Records":[{",".join([record.event + end for record in records])}]}}'.encode()
