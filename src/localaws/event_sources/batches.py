"""The records of one shard on their way: gathered into batches, tried, split, given up.

https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Any, Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from localaws.event_sources.invocation import Outcome
from localaws.event_sources.records import Record
from localaws.event_sources.settings import MappingSettings

log = logging.getLogger(__name__)

#: A batch closes at this payload.
BATCH_BYTES: Final = 6 * 1024 * 1024 - 1024
# AWS says that retries back off, not how fast.
_FIRST_DELAY: Final = timedelta(milliseconds=100)
_LONGEST_DELAY: Final = timedelta(seconds=10)


class Condition(StrEnum):
    """Why records are given up."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "RecordAgeExceeded"


class Target(Protocol):
    """What takes records."""

    def invoke(self, records: list[Record]) -> Outcome:
        """Have records processed."""


@dataclass(slots=True)
class Fragment:
    """A batch, or what is left of it.

    Attributes:
        retries: those that count.
        tries: all invocations with these records; the delay grows with them.
        verdict: it is given up, and only its destination is to be told.
        outcome: that of the last try.
    """

    records: list[Record]
    retries: int = 0
    tries: int = 0
    due: datetime | None = None
    verdict: Condition | None = None
    outcome: Outcome | None = None

    def put_off(self, now: datetime) -> None:
        """Wait before the next try, longer each time."""
        # The exponent is bounded, since a timedelta is.
        delay = _FIRST_DELAY * 2 ** min(max(0, self.tries - 1), 16)
        self.due = now + min(delay, _LONGEST_DELAY)

    def part(self, records: list[Record], retries: int) -> Fragment:
        """Some of the records, with what they went through."""
        return Fragment(records, retries, self.tries, outcome=self.outcome)


#: Tells of records that are given up; raises ClientError or BotoCoreError if nobody listens.
GiveUp = Callable[[Fragment, datetime], None]
#: Is told of each try: its records, and its outcome.
Witness = Callable[[list[Record], Outcome, datetime], None]


@dataclass(slots=True)
class Lane:
    """The records of one shard. One batch is under way at a time, so their order is kept."""

    settings: MappingSettings
    target: Target
    give_up: GiveUp
    witness: Witness = lambda _records, _outcome, _now: None
    _waiting: deque[Record] = field(default_factory=deque)
    _waiting_bytes: int = 0
    _opened: datetime | None = None
    #: What is left of the batch under way, the first last.
    _fragments: list[Fragment] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether the lane has enough to do, so that its shard needn't be read."""
        return bool(self._fragments) or len(self._waiting) >= 2 * self.settings.batch_size

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self._fragments and not self._waiting

    def take(self, records: Iterable[Record], now: datetime) -> None:
        """Add records, in their order."""
        for record in records:
            self._waiting.append(record)
            self._waiting_bytes += record.size
        if self._waiting and self._opened is None:
            self._opened = now

    def step(self, now: datetime) -> None:
        """Send all batches that are due."""
        while self._fragments or self._batch_is_due(now):
            if not self._fragments:
                self._fragments.append(Fragment(self._next_batch(now)))
            fragment = self._fragments[-1]
            if fragment.due is not None and fragment.due > now:
                return
            self._fragments.pop()
            self._fragments.extend(reversed(self._attempt(fragment, now)))

    def _batch_is_due(self, now: datetime) -> bool:
        if not self._waiting or self._opened is None:
            return False
        return (
            len(self._waiting) >= self.settings.batch_size
            or now - self._opened >= self.settings.window
            or self._waiting_bytes >= BATCH_BYTES
        )

    def _next_batch(self, now: datetime) -> list[Record]:
        batch: list[Record] = []
        size = 0
        while self._waiting and len(batch) < self.settings.batch_size:
            size += self._waiting[0].size
            if batch and size > BATCH_BYTES:
                break
            record = self._waiting.popleft()
            self._waiting_bytes -= record.size
            batch.append(record)
        self._opened = now if self._waiting else None
        return batch

    def _attempt(self, fragment: Fragment, now: datetime) -> list[Fragment]:
        """Try a fragment; returns what is left of it, in order."""
        if fragment.verdict is not None:
            return self._discard(fragment, now)
        expired = self._expired(fragment.records, now)
        if expired:
            old = fragment.part(fragment.records[:expired], fragment.retries)
            old.verdict = Condition.AGE
            young = fragment.part(fragment.records[expired:], fragment.retries)
            return [old, young] if young.records else [old]
        fragment.tries += 1
        fragment.outcome = outcome = self.target.invoke(fragment.records)
        self.witness(fragment.records, outcome, now)
        if outcome.failed_from is None:
            return []
        if outcome.refusal is not None:
            fragment.put_off(now)
            return [fragment]
        return self._after_failure(fragment, outcome.failed_from, now)

    def _after_failure(self, fragment: Fragment, first: int, now: datetime) -> list[Fragment]:
        """Split, try again, or give up; splitting uses up no retries.

        A batch that was done in part is split where the failure begins; any other in the middle.
        """
        records = fragment.records
        if first:
            if self.settings.bisect:
                return [fragment.part(records[first:], fragment.retries)]
            fragment.records = records[first:]
        elif self.settings.bisect and len(records) > 1:
            middle = len(records) // 2
            return [
                fragment.part(records[:middle], fragment.retries),
                fragment.part(records[middle:], fragment.retries),
            ]
        if self.settings.retries is not None and fragment.retries >= self.settings.retries:
            fragment.verdict, fragment.due = Condition.RETRIES, None
            return [fragment]
        fragment.retries += 1
        fragment.put_off(now)
        return [fragment]

    def _expired(self, records: list[Record], now: datetime) -> int:
        """How many of the records, from the first on, are too old."""
        age = self.settings.record_age
        if age is None:
            return 0
        return sum(
            1
            for _ in takewhile(
                lambda record: now - datetime.fromtimestamp(record.arrived, UTC) > age, records
            )
        )

    def _discard(self, fragment: Fragment, now: datetime) -> list[Fragment]:
        try:
            self.give_up(fragment, now)
        except (ClientError, BotoCoreError) as error:
            log.warning("the failure destination can't be told, and is told again: %s", error)
            fragment.put_off(now)
            return [fragment]
        return []

    def snapshot(self) -> list[list[Any]]:
        """All records that are on their way, in their order, as JSON types."""
        under_way = [r for fragment in reversed(self._fragments) for r in fragment.records]
        return [record.to_json() for record in [*under_way, *self._waiting]]
