"""The dashboard's feed: how often AWS is read, and what viewers get, in a time that tests move."""

from __future__ import annotations

import asyncio
import heapq
import json
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor, Future
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from salesflow_airflow.dashboard.events import EventStream
from salesflow_airflow.dashboard.feed import Clock, Feed, Kind, State

NOON = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
LOST = ConnectTimeoutError(endpoint_url="https://user:secret@aws.test/")


class Desk(Executor):
    """Does the work where it is submitted, or when it is told to."""

    def __init__(self) -> None:
        self.holds = False
        self.held: list[Callable[[], None]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()

        def work() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except Exception as error:  # noqa: BLE001 - an executor hands on whatever was raised
                future.set_exception(error)

        if self.holds:
            self.held.append(work)
        else:
            work()
        return future

    def release(self) -> None:
        self.holds = False
        while self.held:
            self.held.pop(0)()


@dataclass
class World:
    """A feed of two kinds, and its time: `live` is read every half second, `lake` every minute."""

    seconds: float = 0.0
    reads: dict[str, int] = field(default_factory=lambda: {"live": 0, "lake": 0})
    failure: Exception | None = None
    desk: Desk = field(default_factory=Desk)
    _sleepers: list[tuple[float, int, asyncio.Future[None]]] = field(default_factory=list)
    _numbers: Any = field(default_factory=count)

    def __post_init__(self) -> None:
        clock = Clock(
            now=lambda: NOON + timedelta(seconds=self.seconds),
            stopwatch=lambda: self.seconds,
            sleep=self.sleep,
        )
        kinds = [Kind("live", 0.5, self._reader("live")), Kind("lake", 60, self._reader("lake"))]
        self.feed = Feed(kinds, self.desk, clock)

    def _reader(self, name: str) -> Callable[[datetime], dict[str, Any]]:
        def read(now: datetime) -> dict[str, Any]:
            self.reads[name] += 1
            if self.failure is not None:
                raise self.failure
            return {"at": now.isoformat(), "read": self.reads[name]}

        return read

    async def sleep(self, seconds: float) -> None:
        waking = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self.seconds + seconds, next(self._numbers), waking))
        await waking

    async def advance(self, seconds: float) -> None:
        """Let time pass, and all that is due in it happen."""
        end = self.seconds + seconds
        await settle()
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, waking = heapq.heappop(self._sleepers)
            self.seconds = max(self.seconds, at)
            if not waking.done():
                waking.set_result(None)
            await settle()
        self.seconds = end


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


def run(scene: Callable[[World], Awaitable[None]]) -> None:
    async def play() -> None:
        await scene(World())

    asyncio.run(play())


def payload(state: State) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(state.payload)
    return content


def test_twenty_viewers_cost_as_many_reads_as_one() -> None:
    async def reads(viewers: int) -> dict[str, int]:
        world = World()
        entered = [world.feed.viewer() for _ in range(viewers)]
        for each in entered:
            each.__enter__()
        await world.advance(60)
        for each in entered:
            each.__exit__(None, None, None)
        return world.reads

    one, twenty = asyncio.run(reads(1)), asyncio.run(reads(20))
    assert one == twenty == {"live": 121, "lake": 2}


def test_nothing_is_read_before_the_first_viewer_and_after_the_last() -> None:
    async def scene(world: World) -> None:
        await world.advance(300)
        assert world.reads == {"live": 0, "lake": 0}
        with world.feed.viewer(), world.feed.viewer():
            await world.advance(1)
        before = dict(world.reads)
        await world.advance(300)
        assert world.reads == before
        assert asyncio.all_tasks() == {asyncio.current_task()}

    run(scene)


def test_a_viewer_who_comes_back_at_once_causes_no_read_before_it_is_due() -> None:
    async def scene(world: World) -> None:
        for _ in range(10):
            with world.feed.viewer():
                await world.advance(1)
        assert world.reads == {"live": 21, "lake": 1}

    run(scene)


def test_a_slow_viewer_gets_the_newest_state_and_none_before() -> None:
    async def scene(world: World) -> None:
        with world.feed.viewer() as slow:
            await world.advance(0)
            assert {state.kind for state in await slow.news(1)} == {"live", "lake"}
            await world.advance(30)
            [state] = await slow.news(1)
            assert payload(state)["data"]["read"] == world.reads["live"] == 61
            assert not slow_has_more(world, state)

    def slow_has_more(world: World, state: State) -> bool:
        return bool(world.feed.after(state.number))

    run(scene)


def test_a_new_viewer_is_told_at_once_what_is_known() -> None:
    async def scene(world: World) -> None:
        with world.feed.viewer():
            await world.advance(20)
            with world.feed.viewer() as late:
                states = await late.news(0)
                assert [state.kind for state in states] == ["lake", "live"]
                assert payload(states[0])["read_at"] == "2026-03-01T12:00:00Z"
                assert payload(states[1])["read_at"] == "2026-03-01T12:00:20Z"

    run(scene)


def test_a_request_without_viewers_reads_unless_that_was_just_done() -> None:
    async def scene(world: World) -> None:
        first = await world.feed.newest("lake")
        world.seconds = 59
        assert await world.feed.newest("lake") is first
        world.seconds = 60
        assert payload(await world.feed.newest("lake"))["data"]["read"] == 2
        assert world.reads == {"live": 0, "lake": 2}

    run(scene)


def test_requests_at_the_same_time_share_one_read() -> None:
    async def scene(world: World) -> None:
        world.desk.holds = True
        requests = [asyncio.create_task(world.feed.newest("live")) for _ in range(50)]
        await settle()
        requests.pop().cancel()  # whoever goes takes nothing away from the others
        await settle()
        world.desk.release()
        assert {state.number for state in await asyncio.gather(*requests)} == {1}
        assert world.reads["live"] == 1

    run(scene)


def test_a_slow_read_is_not_overtaken_by_another() -> None:
    async def scene(world: World) -> None:
        world.desk.holds = True
        with world.feed.viewer():
            await world.advance(5)
        with world.feed.viewer():
            await world.advance(5)
            assert len(world.desk.held) == 2  # one of each kind
            world.desk.release()
            await settle()

    run(scene)


def test_while_aws_is_lost_the_last_data_stay_and_it_recovers_by_itself() -> None:
    async def scene(world: World) -> None:
        with world.feed.viewer() as viewer:
            await world.advance(10)
            world.failure = LOST
            await world.advance(20)
            lost = {state.kind: payload(state) for state in await viewer.news(0)}["live"]
            assert lost["read_at"] == "2026-03-01T12:00:10Z"
            assert lost["since"] == "2026-03-01T12:00:10.500Z"
            assert lost["error"] == "AWS can't be reached."
            assert lost["data"]["read"] == 21
            world.failure = None
            await world.advance(2)
            found = {state.kind: payload(state) for state in await viewer.news(0)}["live"]
            assert (found["error"], found["since"]) == (None, None)
            assert found["data"]["read"] > 21

    run(scene)


def test_a_failed_read_is_tried_again_soon_but_not_at_once() -> None:
    async def scene(world: World) -> None:
        world.failure = LOST
        with world.feed.viewer():
            await world.advance(20)
            assert world.reads == {"live": 11, "lake": 3}

    run(scene)


def test_an_error_that_nobody_foresaw_is_logged_and_told_without_its_text(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scene(world: World) -> None:
        world.failure = KeyError("secret")
        state = await world.feed.newest("live")
        assert payload(state)["error"].startswith("The dashboard has failed")
        assert "secret" not in state.payload
        world.failure = None
        world.seconds = 2
        assert payload(await world.feed.newest("live"))["error"] is None

    run(scene)
    assert "KeyError: 'secret'" in caplog.text


class Connection:
    """The ASGI side of a viewer: what was sent, and whether they are still there."""

    def __init__(self) -> None:
        self.sent: list[dict[str, Any]] = []
        self.left = asyncio.Event()
        self.reads_on = asyncio.Event()
        self.reads_on.set()

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        await self.reads_on.wait()
        self.sent.append(message)

    @property
    def text(self) -> str:
        return b"".join(message.get("body", b"") for message in self.sent).decode()


def stream(feed: Feed, connection: Connection, **options: float) -> asyncio.Task[None]:
    answer = EventStream(feed, **options)
    return asyncio.create_task(answer({"type": "http"}, connection.receive, connection.send))


def test_events_say_their_kind_number_and_data() -> None:
    async def scene(world: World) -> None:
        connection = Connection()
        streaming = stream(world.feed, connection)
        await world.advance(0)
        connection.left.set()
        await streaming
        assert ("content-type", "text/event-stream; charset=utf-8") in [
            (name.decode(), value.decode()) for name, value in connection.sent[0]["headers"]
        ]
        retry, live, lake, rest = connection.text.split("\n\n")
        assert (retry, rest) == ("retry: 2000", "")
        lines = live.split("\n")
        assert lines[:2] == ["event: live", "id: 1"]
        assert json.loads(lines[2].removeprefix("data: "))["data"]["read"] == 1
        assert lake.startswith("event: lake\nid: 2\n")

    run(scene)


def test_whoever_leaves_while_nothing_can_be_sent_is_no_viewer_any_more() -> None:
    async def scene(world: World) -> None:
        connection = Connection()
        streaming = stream(world.feed, connection)
        await world.advance(1)
        connection.reads_on.clear()
        await world.advance(1)
        assert world.feed.viewers == 1
        connection.left.set()
        await streaming
        assert world.feed.viewers == 0

    run(scene)


def test_a_viewer_of_nothing_new_hears_a_heartbeat() -> None:
    async def scene(world: World) -> None:
        world.desk.holds = True
        connection = Connection()
        streaming = stream(world.feed, connection, heartbeat=0.01, longest=0.05)
        await streaming
        assert ": nothing new\n\n" in connection.text
        assert connection.sent[-1] == {
            "type": "http.response.body",
            "body": b"",
            "more_body": False,
        }
        world.desk.release()
        await settle()

    run(scene)


def test_a_closing_feed_ends_its_streams() -> None:
    async def scene(world: World) -> None:
        connection = Connection()
        streaming = stream(world.feed, connection)
        await world.advance(1)
        world.feed.close()
        await streaming
        assert connection.sent[-1]["more_body"] is False
        assert world.feed.viewers == 0

    run(scene)
