"""Writes orders to the table until DynamoDB has acknowledged every one of them.

BatchWriteItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchWriteItem.html
It takes 25 items, none of the same key, isn't atomic, and hands back what it didn't process; AWS
asks for exponential backoff before that is sent again.
"""

from __future__ import annotations

import random as randomness
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, fields
from itertools import islice
from threading import Lock
from typing import TYPE_CHECKING, Any, Final

from salesflow.lanes import spread
from salesflow.orders import Delete, Put, Write
from salesflow.schema import KEY_ATTRIBUTE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_dynamodb.type_defs import WriteRequestTypeDef

BATCH_SIZE: Final = 25
_BASE_DELAY_SECONDS: Final = 0.05
_MAX_DELAY_SECONDS: Final = 10.0
# The errors that DynamoDB documents as worth a retry, and that botocore has already retried itself:
# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
_RETRYABLE: Final = frozenset(
    {
        "InternalServerError",
        "LimitExceededException",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "ServiceUnavailable",
        "ThrottlingException",
    }
)


@dataclass(slots=True)
class WriteCounts:
    """What DynamoDB has acknowledged: orders inserted, changed and removed; and at what expense."""

    inserted: int = 0
    changed: int = 0
    removed: int = 0
    batches: int = 0
    retries: int = 0

    @property
    def writes(self) -> int:
        """All acknowledged writes."""
        return self.inserted + self.changed + self.removed

    def acknowledge(self, write: Write) -> None:
        """Count a write."""
        if isinstance(write, Delete):
            self.removed += 1
        elif write.is_new:
            self.inserted += 1
        else:
            self.changed += 1


class WriteError(Exception):
    """Not everything was written. `counts` says what was."""

    def __init__(self, message: str, counts: WriteCounts) -> None:
        super().__init__(message)
        self.counts = counts

    def __str__(self) -> str:
        return f"{super().__str__()} ({self.counts.writes} writes were acknowledged)"


class OrderRefused(WriteError):
    """DynamoDB refuses an order as invalid. All the writes before it are acknowledged."""

    def __init__(self, orderid: str, reason: str, counts: WriteCounts) -> None:
        super().__init__(f"order {orderid} was refused: {reason}", counts)
        self.orderid = orderid


class WriteTimeout(WriteError):
    """The time limit passed before everything was acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TableWriter:
    """Writes to one table.

    `time_limit_seconds` bounds a whole `write`, `stall_limit_seconds` the time without a single
    acknowledgement. `lookahead` is how many writes may be drawn before the first is sent: 1 sends
    each as soon as it comes. `lanes` is how many batches may be on their way at once; each has its
    own orders. `on_progress` gets the counts after every batch. `clock`, `sleep` and `random` are
    time in seconds, waiting, and a number in [0, 1).
    """

    client: DynamoDBClient
    table: str
    time_limit_seconds: float | None = None
    stall_limit_seconds: float = 300.0
    lookahead: int = 4 * BATCH_SIZE
    lanes: int = 1
    on_progress: Callable[[WriteCounts], None] = lambda _: None
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = randomness.random

    def write(self, writes: Iterable[Write]) -> WriteCounts:
        """Write all, the writes of an order in their order, and return what was acknowledged.

        Raises `OrderRefused`, `WriteTimeout`, or the client's error, which then carries a note
        with the number of acknowledged writes.
        """
        sessions: list[_Session] = []
        reporting = Lock()

        def report() -> None:
            with reporting:
                self.on_progress(_total(sessions))

        def work(share: Iterator[Write]) -> None:
            session = _Session(self, share, report)
            sessions.append(session)
            session.run()

        try:
            if self.lanes == 1:
                work(iter(writes))
            else:
                spread(writes, self.lanes, work)
        except WriteError as error:
            error.counts = _total(sessions)
            raise
        except self.client.exceptions.ClientError as error:
            error.add_note(f"{_total(sessions).writes} writes were acknowledged before that")
            raise
        return _total(sessions)


@dataclass(slots=True)
class _Session:
    """The writing of one lane."""

    writer: TableWriter
    source: Iterator[Write]
    report: Callable[[], None]
    pending: list[Write] = field(default_factory=list)
    counts: WriteCounts = field(default_factory=WriteCounts)
    failures_in_a_row: int = 0
    # How many of the pending writes go one by one, because one of them was refused.
    singly: int = 0

    def run(self) -> None:
        client_error = self.writer.client.exceptions.ClientError
        started = self.writer.clock()
        failing_since: float | None = None
        while batch := self._next_batch():
            limit = self.writer.time_limit_seconds
            if limit is not None and self.writer.clock() - started > limit:
                raise WriteTimeout(f"time limit of {limit:g} s reached", self.counts)
            before = self.counts.writes
            try:
                self._send(batch)
            except client_error as error:
                self._weigh(error, batch)
            if self.counts.writes > before:
                failing_since = None
                self.report()
            if self.failures_in_a_row:
                now = self.writer.clock()
                failing_since = now if failing_since is None else failing_since
                self._back_off(now - failing_since)

    def _next_batch(self) -> list[Write]:
        """The earliest writes of distinct orders; a second write of an order waits for the next.

        They stay pending, in their place, until they are acknowledged.
        """
        wanted = self.writer.lookahead - len(self.pending)
        self.pending.extend(islice(self.source, max(0, wanted)))
        size = 1 if self.singly else BATCH_SIZE
        batch: dict[str, Write] = {}
        for write in self.pending:
            if write.orderid not in batch:
                batch[write.orderid] = write
                if len(batch) == size:
                    break
        return list(batch.values())

    def _send(self, batch: list[Write]) -> None:
        """Send a batch, and note what DynamoDB processed of it."""
        table = self.writer.table
        answer = self.writer.client.batch_write_item(
            RequestItems={table: [_request(write) for write in batch]}
        )
        self.counts.batches += 1
        left = {_orderid(request) for request in answer.get("UnprocessedItems", {}).get(table, [])}
        done = {write.orderid: write for write in batch if write.orderid not in left}
        for write in done.values():
            self.counts.acknowledge(write)
        # Of each order, only its earliest pending write was sent.
        self.pending = [w for w in self.pending if done.get(w.orderid) is not w]
        self.singly = max(0, self.singly - len(done))
        if left:
            self._count_failure()
        else:
            self.failures_in_a_row = 0

    def _weigh(self, error: Any, batch: list[Write]) -> None:
        """Decide what a refused request means: try again, look for the culprit, or give up."""
        code = error.response["Error"]["Code"]
        if code in _RETRYABLE:
            self._count_failure()
        elif code != "ValidationException":
            raise error
        elif len(batch) == 1:
            reason = error.response["Error"].get("Message", code)
            raise OrderRefused(batch[0].orderid, reason, self.counts) from error
        else:
            # DynamoDB refuses the whole batch and doesn't say for which item.
            self.singly = len(self.pending)

    def _count_failure(self) -> None:
        self.failures_in_a_row += 1
        self.counts.retries += 1

    def _back_off(self, stalled_seconds: float) -> None:
        """Wait after a failure, with full jitter; raise `WriteTimeout` when that has no end.

        https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
        """
        limit = self.writer.stall_limit_seconds
        if stalled_seconds > limit:
            raise WriteTimeout(f"nothing was acknowledged for {limit:g} s", self.counts)
        longest = _BASE_DELAY_SECONDS * 2 ** min(self.failures_in_a_row, 16)
        self.writer.sleep(self.writer.random() * min(_MAX_DELAY_SECONDS, longest))


def _total(sessions: list[_Session]) -> WriteCounts:
    return WriteCounts(
        **{
            counter.name: sum(getattr(session.counts, counter.name) for session in sessions)
            for counter in fields(WriteCounts)
        }
    )


def _request(write: Write) -> WriteRequestTypeDef:
    if isinstance(write, Put):
        return {"PutRequest": {"Item": write.order.to_item()}}
    return {"DeleteRequest": {"Key": {KEY_ATTRIBUTE: {"S": write.orderid}}}}


def _orderid(request: Any) -> str:
    image = request["PutRequest"]["Item"] if "PutRequest" in request else None
    key = image or request["DeleteRequest"]["Key"]
    orderid: str = key[KEY_ATTRIBUTE]["S"]
    return orderid


def connect(**client_options: Any) -> DynamoDBClient:
    """A DynamoDB client for bulk writing; `client_options` as `boto3.client` takes them.

    boto3 is imported here because AWS's runtime supplies it and the Lambda's package doesn't.
    """
    import boto3
    from botocore.config import Config

    # Checking every attribute of every item in the client costs more than sending them; DynamoDB
    # checks them anyway.
    config = Config(retries={"mode": "standard", "max_attempts": 5}, parameter_validation=False)
    return boto3.client("dynamodb", config=config, **client_options)
