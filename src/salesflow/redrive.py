"""Redrives: what didn't arrive is put to the CDC stream again, and that is written down."""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from salesflow.cdc_stream import Replay, Source, StreamWriter, replay_of
from salesflow.dead_letters import (
    DeadLetterQueue,
    Message,
    Unreadable,
    dead_letter_of,
    read_again,
    reduced,
)
from salesflow.deployment import Connect
from salesflow.quarantine import failures_in, payload_digest
from salesflow.reconciliation.reconcile import Plan, reconcile
from salesflow.restoring import Query, restoring_events, utcnow

if TYPE_CHECKING:
    from mypy_boto3_dynamodbstreams import DynamoDBStreamsClient
    from mypy_boto3_s3 import S3Client

_RESTORED_AT_ONCE: Final = 10_000
_SHOWN_CHARACTERS: Final = 256
_STATEMENT_BYTES: Final = 250_000
"""A statement may have 262,144 bytes: https://docs.aws.amazon.com/athena/latest/ug/service-limits.html"""

Write = Callable[[str], object]
"""Runs one SQL statement."""


@dataclass(slots=True)
class Outcome:
    """What came of a redrive.

    Attributes:
        changes: how many the stream acknowledged.
        orderids: whose they are.
        refused: what could not be redriven, and why.
        began, ended: the times (UTC) between which they were put; None if none was.
    """

    changes: int = 0
    orderids: set[str] = field(default_factory=set)
    refused: list[str] = field(default_factory=list)
    began: datetime | None = None
    ended: datetime | None = None

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values, named as in the announcements of those who write orders."""
        return {
            "changes": self.changes,
            "orders": len(self.orderids),
            "refused": self.refused,
            "written_from": self.began.isoformat() if self.began else None,
            "written_until": self.ended.isoformat() if self.ended else None,
        }


@dataclass(slots=True, kw_only=True)
class Redrive:
    """One redrive, by which all changes go.

    Args:
        write: runs a statement on the lake, for the table `redrives`.
        now: the time, in UTC.
    """

    run_id: str
    stream: StreamWriter
    write: Write
    now: Callable[[], datetime] = utcnow
    outcome: Outcome = field(default_factory=Outcome)

    def put(self, replays: Iterable[Replay]) -> None:
        """Put changes to the stream, and write down which it acknowledged and which don't fit.

        What breaks off in between has been put and isn't written down: it is put again next time.
        """
        self.outcome.began = self.outcome.began or self.now()
        for acknowledged in self.stream.put(self._fitting(replays)):
            self.outcome.ended = self.now()
            self.outcome.changes += len(acknowledged)
            self.outcome.orderids |= {r.orderid for r in acknowledged if r.orderid is not None}
            for statement in record_statements(self.run_id, self.outcome.ended, acknowledged):
                self.write(statement)

    def _fitting(self, replays: Iterable[Replay]) -> Iterator[Replay]:
        for replay in replays:
            if replay.fits:
                yield replay
            else:
                self.outcome.refused.append(
                    f"{replay}: its {replay.size:,} bytes are more than the stream takes"
                )


def record_statements(run_id: str, at: datetime, replays: Iterable[Replay]) -> Iterator[str]:
    """The statements that write down what was redriven, none longer than Athena takes."""
    head = (
        "INSERT INTO redrives\n"
        "(run_id, redriven_at, source, payload_digest, failures, event_id, orderid)\n"
        "VALUES\n"
    )
    rows: list[str] = []
    size = 0
    for r in replays:
        row = (
            f"({_literal(run_id)}, TIMESTAMP '{at.astimezone(UTC):%Y-%m-%d %H:%M:%S.%f}', "
            f"{_literal(r.source)}, {_literal(r.digest)}, {r.failures}, "
            f"{_literal(r.event_id)}, {_literal(r.orderid)})"
        )
        length = len(row.encode()) + 2
        if rows and size + length > _STATEMENT_BYTES:
            yield head + ",\n".join(rows)
            rows, size = [], 0
        rows.append(row)
        size += length
    if rows:
        yield head + ",\n".join(rows)


def _literal(text: str | None) -> str:
    """Text in SQL. It may come from a payload, which may be anything, so it is cut and plain."""
    if text is None:
        return "CAST(NULL AS varchar)"
    plain = "".join(c if c.isprintable() else "?" for c in text[:_SHOWN_CHARACTERS])
    return "'" + plain.replace("'", "''") + "'"


def quarantined_replays(
    client: S3Client, waiting: Iterable[tuple[str, int, str]]
) -> Iterator[Replay]:
    """The payloads of quarantined records, from the objects that Firehose wrote.

    Args:
        waiting: digest, number of failures and object (s3://…) of each, ordered by object.

    Raises:
        LookupError: an object no longer has what it had.
    """
    for uri, rows in groupby(waiting, key=lambda row: row[2]):
        wanted = {digest: failures for digest, failures, _ in rows}
        place = urlsplit(uri)
        for failure in failures_in(client, place.netloc, place.path.lstrip("/")):
            payload = b64decode(failure["rawData"])
            failures = wanted.pop(payload_digest(payload), None)
            if failures is not None:
                yield replay_of("quarantine", payload, failures)
        if wanted:
            raise LookupError(f"{uri} has no record of {', '.join(wanted)}")


def redrive_dead_letters(
    redrive: Redrive,
    queue: DeadLetterQueue,
    streams: DynamoDBStreamsClient,
    restore: Callable[[], object],
) -> None:
    """Redrive the changes that the pipe's dead letters point to, and delete these messages.

    Changes that the stream has forgotten are made up for by `restore`, once for all of them. A
    message is deleted when all its changes are acknowledged; any other stays in the queue.
    """
    forgotten: list[Message] = []
    with queue:
        for messages in queue.receive():
            replays: list[Replay] = []
            done: list[Message] = []
            for message in messages:
                try:
                    letter = dead_letter_of(message.body)
                except Unreadable as error:
                    redrive.outcome.refused.append(f"message {message.message_id}: {error}")
                    continue
                reading = read_again(streams, letter)
                found = [_fitted("dlq", event) for event in reading.events]
                replays += found
                if all(replay.fits for replay in found):
                    (done if reading.whole else forgotten).append(message)
            redrive.put(replays)
            queue.delete(done)
        if forgotten:
            restore()
            queue.delete(forgotten)


def restore_orders(
    redrive: Redrive, connect: Connect, outputs: Mapping[str, str], query: Query
) -> None:
    """Compare the whole table with silver, and redrive each order that differs as it is now.

    What is on its way, because it was just written or redriven, doesn't count as different.
    Orders that break the rules are left alone: they would only be quarantined again.

    Args:
        outputs: those of the deployment's stacks.
        query: asks the lake.
    """
    restored: set[str] = set()
    while True:
        found = reconcile(connect, outputs, Plan(max_shown=_RESTORED_AT_ONCE))
        orderids = [o.orderid for o in found.named if o.orderid not in restored]
        events = restoring_events(
            orderids, connect("dynamodb"), outputs["OrdersTableName"], query, redrive.now
        )
        redrive.put(_fitted("table", event) for event in events)
        restored.update(orderids)
        if not orderids or found.mismatches <= len(found.named):
            return


def _fitted(source: Source, event: bytes) -> Replay:
    """An event, reduced if it is too large for the stream, as the pipe may have found it."""
    replay = replay_of(source, event)
    return replay if replay.fits else replay_of(source, reduced(event))
