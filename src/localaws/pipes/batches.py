"""The changes of one shard on their way: gathered into batches, tried, tried again, given up.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-batching-concurrency.html
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import takewhile
from typing import Final, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from localaws.pipes.changes import Change
from localaws.pipes.settings import PipeSettings
from localaws.pipes.target import Failure

log = logging.getLogger(__name__)

#: A batch closes at this payload.
BATCH_BYTES: Final = 6 * 1024 * 1024
# AWS says that retries back off, not how fast.
_FIRST_DELAY: Final = timedelta(milliseconds=100)
_LONGEST_DELAY: Final = timedelta(seconds=10)


class Condition(StrEnum):
    """Why changes are given up."""

    RETRIES = "RetryAttemptsExhausted"
    AGE = "MaximumRecordAgeExceeded"


class Target(Protocol):
    """What takes changes."""

    def put(self, changes: list[Change]) -> list[Failure | None]:
        """Put changes; returns for each why it wasn't taken, or None."""


#: Tells of changes that are given up; raises ClientError or BotoCoreError if nobody listens.
GiveUp = Callable[[list[Change], Condition, datetime], None]
#: Is told of each try: the changes, and the failures of those that weren't taken.
Witness = Callable[[list[Change], list[Failure]], None]


@dataclass(slots=True)
class _Fragment:
    """A batch, or what is left of it.

    Attributes:
        retries: those that count.
        tries: all of them; the delay grows with it.
        verdict: it is given up, and only its dead letter is to be sent.
    """

    changes: list[Change]
    retries: int = 0
    tries: int = 0
    due: datetime | None = None
    verdict: Condition | None = None

    def put_off(self, now: datetime) -> None:
        self.tries += 1
        # The exponent is bounded, since a timedelta is.
        delay = _FIRST_DELAY * 2 ** min(self.tries - 1, 16)
        self.due = now + min(delay, _LONGEST_DELAY)


@dataclass(slots=True)
class Lane:
    """The changes of one shard. One batch is under way at a time, so their order is kept."""

    settings: PipeSettings
    target: Target
    give_up: GiveUp
    witness: Witness = lambda _changes, _failures: None
    _waiting: deque[Change] = field(default_factory=deque)
    _opened: datetime | None = None
    _closing: bool = False
    #: What is left of the batch under way, the first last.
    _fragments: list[_Fragment] = field(default_factory=list)

    @property
    def full(self) -> bool:
        """Whether the lane has enough to do, so that its shard needn't be read."""
        return bool(self._fragments) or len(self._waiting) >= 2 * self.settings.batch_size

    @property
    def empty(self) -> bool:
        """Whether nothing is on its way."""
        return not self._fragments and not self._waiting

    def take(self, changes: Iterable[Change], now: datetime) -> None:
        """Add changes, in their order."""
        self._waiting.extend(changes)
        if self._waiting and self._opened is None:
            self._opened = now

    def close(self) -> None:
        """No more changes will come: what waits needn't wait for company."""
        self._closing = True

    def step(self, now: datetime) -> None:
        """Send all batches that are due."""
        while self._fragments or self._batch_is_due(now):
            if not self._fragments:
                self._fragments.append(_Fragment(self._next_batch(now)))
            fragment = self._fragments[-1]
            if fragment.due is not None and fragment.due > now:
                return
            self._fragments.pop()
            self._fragments.extend(reversed(self._attempt(fragment, now)))

    def _batch_is_due(self, now: datetime) -> bool:
        if not self._waiting or self._opened is None:
            return False
        return (
            self._closing
            or len(self._waiting) >= self.settings.batch_size
            or now - self._opened >= self.settings.window
            or sum(change.size for change in self._waiting) >= BATCH_BYTES
        )

    def _next_batch(self, now: datetime) -> list[Change]:
        batch: list[Change] = []
        size = 0
        while self._waiting and len(batch) < self.settings.batch_size:
            size += self._waiting[0].size
            if batch and size > BATCH_BYTES:
                break
            batch.append(self._waiting.popleft())
        self._opened = now if self._waiting else None
        return batch

    def _attempt(self, fragment: _Fragment, now: datetime) -> list[_Fragment]:
        """Try a fragment; returns what is left of it, in order."""
        if fragment.verdict is not None:
            return self._send_dead_letter(fragment, now)
        expired = self._expired(fragment.changes, now)
        if expired:
            young = fragment.changes[len(expired) :]
            rest = [_Fragment(young, fragment.retries, fragment.tries)] if young else []
            return [_Fragment(expired, verdict=Condition.AGE), *rest]
        results = self.target.put(fragment.changes)
        failures = [result for result in results if result is not None]
        self.witness(fragment.changes, failures)
        if not failures:
            return []
        # What the target took isn't sent again.
        fragment.changes = [
            change
            for change, result in zip(fragment.changes, results, strict=True)
            if result is not None
        ]
        return self._after_failure(fragment, failures, now)

    def _after_failure(
        self, fragment: _Fragment, failures: list[Failure], now: datetime
    ) -> list[_Fragment]:
        """Wait, halve, or give up.

        AWS says that a batch is halved until one failed record is left, not when. Here its
        retries come first, since most failures pass; halves then have one try each.
        """
        settings, changes = self.settings, fragment.changes
        ours = any(not failure.internal for failure in failures)
        exhausted = ours and settings.retries is not None and fragment.retries >= settings.retries
        unlimited = settings.retries is None
        if settings.bisect and ours and len(changes) > 1 and (exhausted or unlimited):
            middle = len(changes) // 2
            return [
                _Fragment(half, fragment.retries, fragment.tries)
                for half in (changes[:middle], changes[middle:])
            ]
        if exhausted:
            fragment.verdict, fragment.due = Condition.RETRIES, None
            return [fragment]
        fragment.retries += ours
        fragment.put_off(now)
        return [fragment]

    def _expired(self, changes: list[Change], now: datetime) -> list[Change]:
        """The changes at the front that are too old."""
        age = self.settings.record_age
        if age is None:
            return []
        return list(
            takewhile(
                lambda change: now - datetime.fromtimestamp(change.created, UTC) > age, changes
            )
        )

    def _send_dead_letter(self, fragment: _Fragment, now: datetime) -> list[_Fragment]:
        assert fragment.verdict is not None
        try:
            self.give_up(fragment.changes, fragment.verdict, now)
        except (ClientError, BotoCoreError) as error:
            log.warning("the dead letter could not be sent and is sent again: %s", error)
            fragment.put_off(now)
            return [fragment]
        return []

    def snapshot(self) -> list[list[str | float | None]]:
        """All changes that are on their way, in their order, as JSON types."""
        under_way = [c for fragment in reversed(self._fragments) for c in fragment.changes]
        return [
            [c.sequence_number, c.created, c.data.decode(), c.key]
            for c in [*under_way, *self._waiting]
        ]
