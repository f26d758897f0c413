"""One poller for all who look: what is shown is read once, however many there are.

It reads only while somebody looks, each kind at its own interval, in threads of its own so that
the API server's event loop never waits for AWS. A viewer who is slow gets the newest state next,
not all that were in between.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from salesflow.dashboard.failures import NotDeployed, sentence_of
from salesflow.dashboard.json_values import time_text

SHORTEST_PAUSE: Final = 2.0
LONGEST_PAUSE: Final = 10.0
"""Between so many seconds after a failed read there is another, whatever the interval."""

_log = logging.getLogger(__name__)

Read = Callable[[datetime], Mapping[str, Any]]
"""Reads a kind of data as JSON values. Blocks; raises what AWS's clients raise."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What is read together: its name, the seconds between reads, and how."""

    name: str
    interval: float
    read: Read


@dataclass(frozen=True, slots=True)
class State:
    """The newest known of a kind.

    Attributes:
        number: counts up with every read of a feed.
        payload: {"read_at", "since", "error", "data"} as JSON, in one line.
        deployed: false if it couldn't be read since there is nothing.
    """

    kind: str
    number: int
    payload: str
    deployed: bool = True


@dataclass(frozen=True, slots=True)
class Clock:
    """The clocks of a feed: the time of day, a stopwatch, and how it waits."""

    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stopwatch: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep


@dataclass(slots=True)
class _Known:
    """What a feed knows of a kind."""

    kind: Kind
    state: State | None = None
    data: str = "null"
    read_at: datetime | None = None
    since: datetime | None = None
    ended: float = float("-inf")
    reading: asyncio.Task[State] | None = None

    @property
    def pause(self) -> float:
        """Seconds from one read to the next."""
        if self.since is None:
            return self.kind.interval
        return min(max(self.kind.interval, SHORTEST_PAUSE), LONGEST_PAUSE)


class Viewer:
    """Somebody who looks: gets what is new to them."""

    def __init__(self, feed: Feed) -> None:
        self._feed = feed
        self._seen = 0

    async def news(self, seconds: float) -> list[State]:
        """The newest states that this viewer hasn't had, in the order of their reading.

        Waits for them; there may be none within the seconds.
        """
        feed = self._feed
        if not feed.after(self._seen):
            await asyncio.wait({feed.next_news()}, timeout=seconds)
        fresh = feed.after(self._seen)
        self._seen = max((state.number for state in fresh), default=self._seen)
        return fresh


class Feed:
    """The newest of some kinds of data, for all viewers of a process.

    All of it runs in one event loop.
    """

    def __init__(self, kinds: Sequence[Kind], executor: Executor, clock: Clock | None = None):
        self._known = {kind.name: _Known(kind) for kind in kinds}
        self._executor = executor
        self._clock = clock or Clock()
        self._numbers = 0
        self._viewers = 0
        self._pollers: list[asyncio.Task[None]] = []
        self._news: asyncio.Future[None] | None = None
        self.closed = False

    @property
    def viewers(self) -> int:
        """How many look now."""
        return self._viewers

    @contextmanager
    def viewer(self) -> Iterator[Viewer]:
        """Look, until the block ends."""
        self._viewers += 1
        if self._viewers == 1:
            self._pollers = [
                asyncio.create_task(self._poll(known)) for known in self._known.values()
            ]
        try:
            yield Viewer(self)
        finally:
            self._viewers -= 1
            if self._viewers == 0:
                for poller in self._pollers:
                    poller.cancel()
                self._pollers = []

    async def newest(self, name: str) -> State:
        """The newest state of a kind: what the viewers have, or read now if that is too old."""
        known = self._known[name]
        age = self._clock.stopwatch() - known.ended
        if known.state is not None and (self._viewers or age < known.pause):
            return known.state
        return await asyncio.shield(self._read(known))

    def after(self, number: int) -> list[State]:
        """The newest states that were read after the one of that number, the oldest first."""
        states = [known.state for known in self._known.values() if known.state is not None]
        return sorted(
            (state for state in states if state.number > number), key=lambda state: state.number
        )

    def next_news(self) -> asyncio.Future[None]:
        """Is done when the next read has ended, or the feed."""
        if self._news is None:
            self._news = asyncio.get_running_loop().create_future()
        return self._news

    def close(self) -> None:
        """Tell the viewers that nothing will come any more."""
        self.closed = True
        self._tell()

    def _tell(self) -> None:
        news, self._news = self._news, None
        if news is not None:
            news.set_result(None)

    async def _poll(self, known: _Known) -> None:
        due = known.ended + known.pause
        while True:
            await self._clock.sleep(max(0.0, due - self._clock.stopwatch()))
            began = self._clock.stopwatch()
            await asyncio.shield(self._read(known))
            due = (began if known.since is None else known.ended) + known.pause

    def _read(self, known: _Known) -> asyncio.Task[State]:
        """The read that is under way, or a new one: there is never more than one of a kind."""
        if known.reading is None:
            known.reading = asyncio.create_task(self._reading(known))
        return known.reading

    async def _reading(self, known: _Known) -> State:
        now = self._clock.now()
        read = known.kind.read
        loop = asyncio.get_running_loop()
        work = loop.run_in_executor(self._executor, lambda: _line(read(now)))
        await asyncio.wait({work})
        sentence = None
        if error := work.exception():
            sentence = sentence_of(error)
            if sentence is None:
                _log.error("The dashboard can't read %s", known.kind.name, exc_info=error)
                sentence = "The dashboard has failed; the log of Airflow's API server says how."
            known.since = known.since or now
        else:
            known.data, known.read_at, known.since = work.result(), now, None
        known.ended = self._clock.stopwatch()
        self._numbers += 1
        known.state = State(
            known.kind.name,
            self._numbers,
            _payload(known, sentence),
            deployed=not isinstance(error, NotDeployed),
        )
        known.reading = None
        self._tell()
        return known.state


def _payload(known: _Known, sentence: str | None) -> str:
    times = {"read_at": time_text(known.read_at), "since": time_text(known.since)}
    head = _line(times | {"error": sentence})
    return f'{head[:-1]},"data":{known.data}}}'


def _line(value: Mapping[str, Any]) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
