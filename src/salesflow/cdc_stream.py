"""Changes that are put to the CDC stream once more, until it has acknowledged every one of them.

A change keeps its bytes, so its event id and its sequence number are those it always had: if it had
arrived after all, silver takes it for the duplicate that it is, and if the order has changed since,
the later change wins. Putting it is therefore safe to repeat, and to break off.

PutRecords: https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html
It takes 500 records and isn't atomic: what failed is put again, with backoff.
"""

from __future__ import annotations

import json
import random as randomness
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

from salesflow.quarantine import payload_digest

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

Source = Literal["quarantine", "dlq", "table"]
"""Where a change was found: in the quarantine, in the table's stream, or made from an item."""

RECORD_BYTES: Final = 1024 * 1024
"""Bytes of a record and its partition key that a stream takes by default."""

_BATCH_RECORDS: Final = 500
_BATCH_BYTES: Final = 5 * 1024 * 1024
_KEY_CHARACTERS: Final = 256
_BASE_DELAY_SECONDS: Final = 0.1
_MAX_DELAY_SECONDS: Final = 10.0


@dataclass(frozen=True, slots=True)
class Replay:
    """A change to be put once more; `replay_of` makes it.

    Attributes:
        payload: the record, as the pipe writes it.
        failures: how often the delivery stream had failed with it.
        digest: of the payload.
        orderid: None if it can't be read from the payload; then it is nobody's order.
        event_id: None likewise.
    """

    source: Source
    payload: bytes
    failures: int
    digest: str
    orderid: str | None
    event_id: str | None

    @property
    def partition_key(self) -> str:
        """The order id, as the pipe has it: the changes of an order share a shard."""
        return (self.orderid or self.digest)[:_KEY_CHARACTERS]

    @property
    def size(self) -> int:
        """Bytes that count against the limits of the stream."""
        return len(self.payload) + len(self.partition_key.encode())

    @property
    def fits(self) -> bool:
        """Whether the stream takes a record of this size."""
        return self.size <= RECORD_BYTES

    def __str__(self) -> str:
        return f"order {self.orderid or '?'}, event {self.event_id or '?'}, payload {self.digest}"


class NotAcknowledged(Exception):
    """The stream didn't acknowledge some records within the time limit; the message says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamWriter:
    """Puts changes to one Kinesis stream until it has acknowledged every one of them.

    Args:
        stall_limit_seconds: time without a single acknowledgement after which it gives up.
        clock, sleep, random: time in seconds, waiting, and a number in [0, 1).
    """

    client: KinesisClient
    stream: str
    stall_limit_seconds: float = 300.0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = randomness.random

    def put(self, replays: Iterable[Replay]) -> Iterator[list[Replay]]:
        """Put all, and yield them in batches, each as soon as all of it is acknowledged.

        All must fit. Raises `NotAcknowledged`, or the client's error; what was yielded is there.
        """
        for batch in _batches(replays):
            self._put(batch)
            yield batch

    def _put(self, batch: list[Replay]) -> None:
        pending = batch
        last_success = self.clock()
        failures = 0
        while True:
            answer = self.client.put_records(
                StreamName=self.stream,
                Records=[
                    {"Data": replay.payload, "PartitionKey": replay.partition_key}
                    for replay in pending
                ],
            )
            refused = [
                (replay, result)
                for replay, result in zip(pending, answer["Records"], strict=True)
                if "ErrorCode" in result
            ]
            if not refused:
                return
            failures += 1
            if len(refused) < len(pending):
                last_success, failures = self.clock(), 1
            elif self.clock() - last_success > self.stall_limit_seconds:
                result = refused[0][1]
                raise NotAcknowledged(
                    f"{self.stream} acknowledged nothing for {self.stall_limit_seconds:g} s: "
                    f"{result['ErrorCode']}: {result.get('ErrorMessage')}"
                )
            pending = [replay for replay, _ in refused]
            longest = min(_MAX_DELAY_SECONDS, _BASE_DELAY_SECONDS * 2 ** min(failures, 16))
            self.sleep(self.random() * longest)


def _batches(replays: Iterable[Replay]) -> Iterator[list[Replay]]:
    """The changes in their order, as many at once as one request takes."""
    batch: list[Replay] = []
    size = 0
    for replay in replays:
        if batch and (len(batch) == _BATCH_RECORDS or size + replay.size > _BATCH_BYTES):
            yield batch
            batch, size = [], 0
        batch.append(replay)
        size += replay.size
    if batch:
        yield batch


def replay_of(source: Source, payload: bytes, failures: int = 0) -> Replay:
    """A payload, of which as much is read as there is to read: it may be anything."""
    try:
        change = json.loads(payload)
    except (ValueError, RecursionError):
        change = None
    orderid = event_id = None
    match change:
        case {"dynamodb": {"Keys": {"orderid": {"S": str(key)} | {"N": str(key)}}}}:
            orderid = key
    match change:
        case {"eventID": str(identity)}:
            event_id = identity
    return Replay(source, payload, failures, payload_digest(payload), orderid, event_id)
