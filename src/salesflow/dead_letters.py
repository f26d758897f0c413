"""The changes that the pipe gave up: read again from the table's stream.

A message of the pipe's dead-letter queue has no data, only where in the stream the changes are:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
The stream forgets after 24 hours:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
"""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Self

from botocore.exceptions import ClientError

from salesflow.schema import KNOWN_NAMES

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_sqs import SQSClient

_FORGOTTEN: Final = frozenset(
    {"TrimmedDataAccessException", "ExpiredIteratorException", "ResourceNotFoundException"}
)
# What DynamoDB Streams takes; anything else it would refuse, and the redrive with it.
_FIELDS: Final = {
    "streamArn": r".{37,1024}",
    "shardId": r".{28,65}",
    "startSequenceNumber": r"[0-9]{21,40}",
    "endSequenceNumber": r"[0-9]{21,40}",
}

HIDDEN_SECONDS: Final = 900
"""How long a message is hidden from others if nobody comes back to it."""

_MESSAGES_AT_ONCE: Final = 100
# A page may be empty in the middle of a shard. After so many of them, what is sought isn't there.
_EMPTY_PAGES: Final = 100


class Unreadable(ValueError):
    """A message that is no pointer into a table's stream; the message of this error says why."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """Where in a table's stream the changes of a message are: from `first` to `last`, inclusive."""

    stream_arn: str
    shard_id: str
    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Reading:
    """What the stream still had of a dead letter: the pipe's events, and whether that is all."""

    events: list[bytes]
    whole: bool


def dead_letter_of(body: str) -> DeadLetter:
    """Read a message of the queue.

    Raises:
        Unreadable: somebody else put it there.
    """
    try:
        batch = json.loads(body)["DDBStreamBatchInfo"]
        letter = DeadLetter(*(batch[name] for name in _FIELDS))
        fits = all(re.fullmatch(form, batch[name]) for name, form in _FIELDS.items())
    except (ValueError, KeyError, TypeError):
        fits = False
    if not fits:
        raise Unreadable("it is no message of a pipe from a DynamoDB stream")
    return letter


@dataclass(frozen=True, slots=True)
class Message:
    """A message of the queue, and the handle by which it is deleted."""

    message_id: str
    receipt: str
    body: str


class DeadLetterQueue:
    """The queue, while somebody works on what is in it.

    What is received is hidden from others, and comes to light again at the end of the `with` block
    unless it was deleted.
    """

    def __init__(self, client: SQSClient, url: str, poll_seconds: int = 1) -> None:
        """Work on a queue; a look at it lasts so long at most, for all its servers to answer."""
        self._client = client
        self._url = url
        self._poll_seconds = poll_seconds
        self._held: dict[str, Message] = {}

    def receive(self) -> Iterator[list[Message]]:
        """All messages, each once, some at a time."""
        seen: set[str] = set()
        while True:
            received: list[Message] = []
            while len(received) < _MESSAGES_AT_ONCE and (more := self._receive(seen)):
                received += more
            if not received:
                return
            yield received

    def _receive(self, seen: set[str]) -> list[Message]:
        answer = self._client.receive_message(
            QueueUrl=self._url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=self._poll_seconds,
            VisibilityTimeout=HIDDEN_SECONDS,
        )
        found = [
            Message(m["MessageId"], m["ReceiptHandle"], m["Body"])
            for m in answer.get("Messages", [])
        ]
        self._held |= {message.message_id: message for message in found}
        new = [message for message in found if message.message_id not in seen]
        seen |= {message.message_id for message in new}
        return new

    def delete(self, messages: Iterable[Message]) -> None:
        """Delete messages that were received."""
        for message in messages:
            held = self._held.pop(message.message_id, message)
            self._client.delete_message(QueueUrl=self._url, ReceiptHandle=held.receipt)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for message in self._held.values():
            self._client.change_message_visibility(
                QueueUrl=self._url, ReceiptHandle=message.receipt, VisibilityTimeout=0
            )


def read_again(client: DynamoDBStreamsClient, letter: DeadLetter) -> Reading:
    """Read the changes of a dead letter from the table's stream, as far as it still has them.

    Between the first and the last there may be changes that did arrive, if only a part of the
    pipe's batch did: they are read with the others, and are duplicates then.
    """
    records = _read(client, letter, "AT_SEQUENCE_NUMBER", SequenceNumber=letter.first)
    whole = records is not None
    if records is None:
        records = _read(client, letter, "TRIM_HORIZON") or []
    return Reading([event_of(record, letter.stream_arn) for record in records], whole)


def _read(
    client: DynamoDBStreamsClient, letter: DeadLetter, kind: Any, **position: Any
) -> list[Mapping[str, Any]] | None:
    """The records from a position to the letter's last; None if the stream has forgotten them."""
    found: list[Mapping[str, Any]] = []
    last, empty_pages = int(letter.last), 0
    try:
        iterator: str | None = client.get_shard_iterator(
            StreamArn=letter.stream_arn,
            ShardId=letter.shard_id,
            ShardIteratorType=kind,
            **position,
        )["ShardIterator"]
        while iterator and empty_pages < _EMPTY_PAGES:
            page = client.get_records(ShardIterator=iterator)
            for record in page["Records"]:
                number = int(record["dynamodb"]["SequenceNumber"])
                if number <= last:
                    found.append(record)
                if number >= last:
                    return found
            empty_pages = 0 if page["Records"] else empty_pages + 1
            iterator = page.get("NextShardIterator")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _FORGOTTEN:
            raise
    return None


def event_of(record: Mapping[str, Any], stream_arn: str) -> bytes:
    """The event that a pipe makes of a record of DynamoDB's GetRecords, as one JSON text.

    Args:
        record: as boto3 gives it: binary values are bytes, the time is a datetime.
    """
    change = dict(record["dynamodb"])
    created = change.get("ApproximateCreationDateTime")
    if isinstance(created, datetime):
        change["ApproximateCreationDateTime"] = int(created.timestamp())
    event = {"eventSourceARN": stream_arn, **record, "dynamodb": change}
    if identity := record.get("userIdentity"):
        # The API writes PrincipalId and Type, the event principalId and type.
        event["userIdentity"] = {name[0].lower() + name[1:]: v for name, v in identity.items()}
    return json_bytes(event)


def json_bytes(event: Mapping[str, Any]) -> bytes:
    """An event as JSON without blanks, in which binary values are base64."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"), default=_base64).encode()


def _base64(value: object) -> str:
    if not isinstance(value, bytes):
        raise TypeError(f"{type(value).__name__} in an event")
    return b64encode(value).decode()


def reduced(event: bytes) -> bytes:
    """An event without what silver can do without, for a stream that takes no larger one.

    That is how the order was before the change; of one that was removed, all but the attributes
    that have a column.
    """
    change = json.loads(event)
    old = change["dynamodb"].pop("OldImage", {})
    if change["eventName"] == "REMOVE":
        change["dynamodb"]["OldImage"] = {n: v for n, v in old.items() if n in KNOWN_NAMES}
    return json_bytes(change)
