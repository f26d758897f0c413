"""One consumer's way through the shards of a stream, as DynamoDB and Kinesis have them.

A shard is read from its parents' end on, in order; new shards are found as they appear; an
iterator that expired is replaced by the position behind the last record that was read.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final, Protocol

from botocore.exceptions import ClientError

from localaws.service import Params

#: How long a list of shards is good; an end of a shard makes it stale at once.
DISCOVERY: Final = timedelta(seconds=10)

_GONE: Final = frozenset({"ResourceNotFoundException"})
_EXPIRED: Final = frozenset({"ExpiredIteratorException"})
_TRIMMED: Final = frozenset({"TrimmedDataAccessException"})


@dataclass(frozen=True, slots=True)
class Shard:
    """A shard as a stream lists it."""

    shard_id: str
    parents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Position:
    """Where reading a shard starts: an iterator type, with its sequence number or timestamp
    (epoch seconds)."""

    kind: str
    value: str | float | None = None

    def to_json(self) -> list[Any]:
        """As JSON types."""
        return [self.kind, self.value]


TRIM_HORIZON: Final = Position("TRIM_HORIZON")
LATEST: Final = Position("LATEST")


@dataclass(frozen=True, slots=True)
class Page:
    """What one GetRecords gave: records as the stream's consumer wants them. No `next_iterator`
    is the end of a closed shard."""

    records: list[Any]
    next_iterator: str | None
    millis_behind: int = 0


class Stream(Protocol):
    """The calls that DynamoDB Streams and Kinesis have in common. They raise ClientError."""

    @property
    def page_size(self) -> int:
        """The most records that one GetRecords gives."""

    def shards(self) -> list[Shard]:
        """All shards that can be read."""

    def iterator(self, shard_id: str, position: Position) -> str:
        """An iterator of a shard, from a position on."""

    def page(self, iterator: str, limit: int) -> Page:
        """The next records."""

    def sequence_number(self, record: Any) -> str:
        """The sequence number of a record."""


def error_code(error: ClientError) -> str:
    """The code of an AWS error."""
    return str(error.response["Error"]["Code"])


@dataclass(slots=True)
class _Progress:
    shard: Shard
    position: Position
    iterator: str | None = None
    ended: bool = False


@dataclass(slots=True)
class ShardReader:
    """Reads a stream.

    Args:
        start: where the shards that exist at the first look are read from. Shards that appear
            later hold what came after, so they are read from their beginning. Where a latest
            position gets lost, older records may come too: the consumer knows them by their time.
    """

    stream: Stream
    start: Position
    _progress: dict[str, _Progress] = field(default_factory=dict)
    _listed_at: datetime | None = None
    #: What Kinesis calls MillisBehindLatest, of the shard furthest behind.
    millis_behind: int = 0

    def read(self, now: datetime, busy: frozenset[str] = frozenset()) -> Iterator[tuple[str, Page]]:
        """One page of each shard that may be read, with the shard's id.

        Args:
            busy: shards that aren't read now, since their consumer holds enough of them.

        Raises:
            ClientError: the stream can't be read; what was read before counts as read.
        """
        self._discover(now)
        self.millis_behind = 0
        for progress in list(self._progress.values()):
            if progress.shard.shard_id not in busy and self._readable(progress):
                page = self._page(progress)
                if page is not None:
                    self.millis_behind = max(self.millis_behind, page.millis_behind)
                    yield progress.shard.shard_id, page

    @property
    def exhausted(self) -> bool:
        """Whether all shards were read to their end: the stream is closed."""
        return bool(self._progress) and all(p.ended for p in self._progress.values())

    def _discover(self, now: datetime) -> None:
        if self._listed_at is not None and timedelta(0) <= now - self._listed_at < DISCOVERY:
            return
        first_look = not self._progress
        listed = {shard.shard_id: shard for shard in self.stream.shards()}
        for shard_id, shard in listed.items():
            if shard_id not in self._progress:
                start = self.start if first_look else TRIM_HORIZON
                self._progress[shard_id] = _Progress(shard, start)
                if start == LATEST:
                    # Latest is now, not when the shard's turn comes.
                    self._progress[shard_id].iterator = self.stream.iterator(shard_id, start)
        for shard_id in [s for s, p in self._progress.items() if p.ended and s not in listed]:
            del self._progress[shard_id]
        self._listed_at = now

    def _readable(self, progress: _Progress) -> bool:
        """Children wait for their parents; a parent that isn't known is trimmed."""
        parents = [self._progress.get(parent) for parent in progress.shard.parents]
        return not progress.ended and all(p is None or p.ended for p in parents)

    def _page(self, progress: _Progress) -> Page | None:
        shard_id = progress.shard.shard_id
        try:
            if progress.iterator is None:
                progress.iterator = self.stream.iterator(shard_id, progress.position)
            page = self.stream.page(progress.iterator, self.stream.page_size)
        except ClientError as error:
            self._recover(progress, error)
            return None
        if page.records:
            last = self.stream.sequence_number(page.records[-1])
            progress.position = Position("AFTER_SEQUENCE_NUMBER", last)
        progress.iterator = page.next_iterator
        if page.next_iterator is None:
            self._end(progress)
        return page

    def _recover(self, progress: _Progress, error: ClientError) -> None:
        code = error_code(error)
        progress.iterator = None
        if code in _TRIMMED or (code in _EXPIRED and progress.position == LATEST):
            # Latest was then: from now on it would skip what came meanwhile.
            progress.position = TRIM_HORIZON
        elif code in _GONE and self._is_unlisted(progress.shard.shard_id):
            self._end(progress)
        elif code not in _EXPIRED:
            raise error

    def _is_unlisted(self, shard_id: str) -> bool:
        return all(shard.shard_id != shard_id for shard in self.stream.shards())

    def _end(self, progress: _Progress) -> None:
        progress.ended = True
        self._listed_at = None

    def snapshot(self) -> Params:
        """The positions, as JSON types."""
        return {
            shard_id: {
                "parents": list(p.shard.parents),
                "position": p.position.to_json(),
                "ended": p.ended,
            }
            for shard_id, p in self._progress.items()
        }

    def restore(self, state: Params) -> None:
        """Take up the positions that ``snapshot`` gave."""
        for shard_id, saved in state.items():
            position = Position(*saved["position"])
            self._progress[shard_id] = _Progress(
                Shard(shard_id, tuple(saved["parents"])),
                TRIM_HORIZON if position == LATEST else position,
                ended=saved["ended"],
            )
