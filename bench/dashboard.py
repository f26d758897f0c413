"""The dashboard in a real Airflow API server: how late, how dear, and how many may look."""

from __future__ import annotations

import asyncio
import itertools
import json
import math
import statistics
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import boto3
import httpx

from bench.live import BATCH, CHANGES_PER_SECOND, SECONDS
from bench.measurement import Measurement
from bench.servers import STAGE, airflow_api_server, deploy, local_aws
from salesflow.dashboard.lake import read_lake
from salesflow.dashboard.live import read_live
from salesflow.dashboard.pipeline import read_pipeline
from salesflow.deployment import Connect, deployment_prefix
from salesflow.generator import history, live
from salesflow.writer import TableWriter, connect

VIEWERS = 50
WATCH_SECONDS = 600.0
WATCHED_CHANGES_PER_SECOND = 20
ASK_SECONDS = 5.0
SHORTEST_STREAM = 590.0
"""The server ends a stream after ten minutes, so that whoever follows it is still logged in."""

ARRIVAL_SECONDS = 60
HISTORY_ORDERS = 2000
HISTORY_DAYS = 8
LATE_AIM = 2.0
ANSWER_AIM = 0.5
GROWTH_AIM = 10.0

READS_PER_HOUR = {"live": 7200, "pipeline": 360, "lake": 60}

# US East (N. Virginia), dollars a request, without free tiers. What isn't here is free.
PRICES = {
    # https://aws.amazon.com/cloudwatch/pricing/ ($0.01 per 1,000)
    ("cloudwatch", "GetMetricStatistics"): 0.01 / 1000,
    # https://aws.amazon.com/s3/pricing/ ($0.005 per 1,000 lists, $0.0004 per 1,000 reads)
    ("s3", "ListObjectsV2"): 0.005 / 1000,
    ("s3", "GetObject"): 0.0004 / 1000,
    # https://aws.amazon.com/sqs/pricing/ ($0.40 per million)
    ("sqs", "GetQueueAttributes"): 0.40 / 1e6,
    # https://aws.amazon.com/glue/pricing/ ($1 per million)
    ("glue", "GetTable"): 1 / 1e6,
    ("glue", "GetCrawler"): 1 / 1e6,
    # https://aws.amazon.com/athena/pricing/ ($5 per TB, 10 MB at least; a token that is known
    # starts nothing)
    ("athena", "StartQueryExecution"): 5 * 10e6 / 1e12,
}
READ_UNIT_PRICE = 0.125 / 1e6
"""Of an on-demand table: https://aws.amazon.com/dynamodb/pricing/on-demand/"""


def measure(watch_seconds: float = WATCH_SECONDS) -> list[Measurement]:
    """Seconds from write to event, dollars an hour, and what fifty viewers get."""
    with local_aws(), tempfile.TemporaryDirectory() as home:
        outputs = deploy(["storage", "streaming", "analytics"])
        _write_history(outputs)
        cost = sum(_dollars_per_hour(outputs).values())
        with airflow_api_server(Path(home), {"SALESFLOW_STAGE": STAGE}) as server:
            delays = sorted(_delays(outputs, server.url, server.headers))
            with _shop(outputs):
                watched = asyncio.run(
                    _watch(server.url, server.headers, watch_seconds, server.memory)
                )
    p50, p99 = statistics.median(delays), delays[len(delays) * 99 // 100]
    at = f"at {CHANGES_PER_SECOND} changes/s"
    answers = sorted(watched.seconds)
    answer = answers[len(answers) * 99 // 100]
    growth = watched.memory[-1] - watched.memory[0]
    return [
        Measurement(f"dashboard: write to event, p50, {at}", p50, "s"),
        Measurement(
            f"dashboard: write to event, p99, {at}", p99, "s", f"< {LATE_AIM:g}", p99 < LATE_AIM
        ),
        Measurement("dashboard: AWS's price while somebody looks", cost, "$/hour"),
        Measurement(
            f"dashboard: JSON routes, p99, {VIEWERS} viewers",
            answer,
            "s",
            f"< {ANSWER_AIM:g}",
            answer < ANSWER_AIM,
        ),
        Measurement(
            f"dashboard: failed answers, {VIEWERS} viewers",
            watched.failed,
            "",
            "0",
            watched.failed == 0,
        ),
        Measurement(
            f"dashboard: live events a second and viewer, {VIEWERS} viewers",
            watched.events / VIEWERS / watch_seconds,
            "1/s",
        ),
        Measurement("dashboard: API server's memory, at the start", watched.memory[0], "MB"),
        Measurement(
            f"dashboard: API server's memory, growth in {watch_seconds:g} s",
            growth,
            "MB",
            f"< {GROWTH_AIM:g}",
            growth < GROWTH_AIM,
        ),
    ]


def _write_history(outputs: dict[str, str]) -> None:
    """Orders of the days that are compared, and wait until they are counted."""
    writes = history(orders=HISTORY_ORDERS, days=HISTORY_DAYS, until=datetime.now(UTC), seed=5)
    counts = TableWriter(client=connect(), table=outputs["OrdersTableName"]).write(writes)
    deadline = time.monotonic() + ARRIVAL_SECONDS * 2
    while _changes(read_live(_client, outputs, datetime.now(UTC)).so_far[0]) < counts.writes:
        if time.monotonic() > deadline:
            raise RuntimeError(f"{counts.writes} changes aren't counted")
        time.sleep(0.5)


def _client(service: str) -> Any:
    client: Any = boto3.client
    return client(service)


def _changes(figures: Any) -> int:
    return int(figures.changes)


# ---------------------------------------------------------------------- from write to event


def _delays(outputs: dict[str, str], url: str, headers: dict[str, str]) -> list[float]:
    """For each write the seconds from its acknowledgement to the event that has as many."""
    watch = _Viewer(url, headers)
    watch.start()
    before = watch.until(1)[-1][1]
    writer = TableWriter(client=connect(), table=outputs["OrdersTableName"])
    start = datetime.now(UTC) - timedelta(minutes=5)
    writes = live(interval_seconds=0.01, start=start, seed=1, hurry=100_000)
    acknowledged: list[float] = []
    begin = time.perf_counter()
    for number in range(SECONDS * CHANGES_PER_SECOND // BATCH):
        time.sleep(max(0.0, begin + number * BATCH / CHANGES_PER_SECOND - time.perf_counter()))
        writer.write(islice(writes, BATCH))
        acknowledged += [time.perf_counter()] * BATCH
    seen = iter(watch.until(before + len(acknowledged)))
    at, counted = next(seen)
    delays = []
    for number, done in enumerate(acknowledged, start=before + 1):
        while counted < number:
            at, counted = next(seen)
        delays.append(max(0.0, at - done))
    return delays


class _Viewer(threading.Thread):
    """Follows the events, and notes when how many of today's changes were told."""

    def __init__(self, url: str, headers: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self._url, self._headers = url, headers
        self._seen: list[tuple[float, int]] = []
        self._ended = threading.Event()

    def run(self) -> None:
        with httpx.stream(
            "GET", f"{self._url}/api/events", headers=self._headers, timeout=30
        ) as answer:
            kind = ""
            for line in answer.iter_lines():
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data: ") and kind == "live":
                    data = json.loads(line.removeprefix("data: "))["data"]
                    so_far = data["so_far"]["today"] if data else {}
                    names = ("inserted", "modified", "removed", "refused")
                    counted = sum(so_far.get(name, 0) for name in names)
                    self._seen.append((time.perf_counter(), counted))
                if self._ended.is_set():
                    return

    def until(self, changes: int) -> list[tuple[float, int]]:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while not self._seen or self._seen[-1][1] < changes:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._seen[-1:]} of {changes} changes were told")
            time.sleep(0.05)
        if changes > 1:
            self._ended.set()
        return self._seen


# ---------------------------------------------------------------------- what it costs


def _dollars_per_hour(outputs: dict[str, str]) -> dict[str, float]:
    """By kind: the counted requests and read units of one reading, at AWS's prices."""
    prefix = deployment_prefix(STAGE)
    now = datetime.now(UTC)
    readings: dict[str, Callable[[Connect], Any]] = {
        "live": lambda connect: read_live(connect, outputs, now),
        "pipeline": lambda connect: read_pipeline(connect, outputs, now, prefix),
        "lake": lambda connect: read_lake(connect, outputs, now),
    }
    dollars = {}
    for kind, reading in readings.items():
        meter = _Meter()
        reading(meter.connect)
        dollars[kind] = meter.dollars * READS_PER_HOUR[kind]
    # What a lake with tables takes besides: at most one question a reading, and its reports.
    question = PRICES["athena", "StartQueryExecution"]
    reports = 6 * 2 * PRICES["s3", "GetObject"]
    dollars["lake"] += (question + reports) * READS_PER_HOUR["lake"]
    return dollars


@dataclass
class _Meter:
    """Counts what clients ask for."""

    requests: Counter[tuple[str, str]] = field(default_factory=Counter)
    read_units: float = 0.0

    def connect(self, service: str) -> Any:
        client = _client(service)
        client.meta.events.register("after-call", self._note)
        return client

    def _note(self, model: Any, parsed: Any, **_: Any) -> None:
        service = model.service_model.service_name
        self.requests[service, model.name] += 1
        if (service, model.name) == ("dynamodb", "Query"):
            # An eventually consistent read: half a unit for every 4 KB that are begun.
            size = sum(_size(item) for item in parsed["Items"])
            self.read_units += 0.5 * max(1, math.ceil(size / 4096))

    @property
    def dollars(self) -> float:
        requests = sum(PRICES.get(key, 0.0) * count for key, count in self.requests.items())
        return requests + self.read_units * READ_UNIT_PRICE


def _size(item: dict[str, dict[str, Any]]) -> int:
    """Bytes of an item, numbers by their digits: rather too many than too few."""
    return sum(
        len(name.encode()) + len(str(next(iter(value.values()))).encode())
        for name, value in item.items()
    )


# ---------------------------------------------------------------------- many viewers


@contextmanager
def _shop(outputs: dict[str, str]) -> Iterator[None]:
    """Orders come and change while the block runs."""
    closed = threading.Event()
    writer = TableWriter(client=connect(), table=outputs["OrdersTableName"])
    writes = live(interval_seconds=0.1, start=datetime.now(UTC), seed=2, hurry=100_000)

    def sell() -> None:
        while not closed.wait(1):
            writer.write(islice(writes, WATCHED_CHANGES_PER_SECOND))

    with ThreadPoolExecutor(1) as executor:
        selling = executor.submit(sell)
        try:
            yield
        finally:
            closed.set()
        selling.result()


@dataclass
class _Watched:
    """What all viewers got."""

    seconds: list[float] = field(default_factory=list)
    failed: int = 0
    events: int = 0
    memory: list[float] = field(default_factory=list)


async def _watch(url: str, headers: dict[str, str], seconds: float, memory: Any) -> _Watched:
    """Fifty who follow the events, and ask for JSON now and then."""
    watched = _Watched()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(headers=headers, timeout=30, limits=limits) as client:
        following = [asyncio.create_task(_follow(client, url, watched)) for _ in range(VIEWERS)]
        asking = [
            asyncio.create_task(_ask(client, url, watched, number)) for number in range(VIEWERS)
        ]
        await asyncio.sleep(min(10.0, seconds / 4))  # what everybody needs once is there
        watched.seconds.clear()
        watched.events = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            watched.memory.append(memory())
            await asyncio.sleep(min(5.0, max(0.0, end - time.monotonic())))
        for task in following + asking:
            task.cancel()
        results = await asyncio.gather(*following, *asking, return_exceptions=True)
    watched.failed += sum(not isinstance(result, asyncio.CancelledError) for result in results)
    return watched


async def _follow(client: httpx.AsyncClient, url: str, watched: _Watched) -> None:
    """As a browser does: when the server has ended a stream, which it does now and then, anew."""
    while True:
        begin = time.monotonic()
        async with client.stream("GET", f"{url}/api/events") as answer:
            answer.raise_for_status()
            async for chunk in answer.aiter_bytes():
                watched.events += chunk.count(b"event: live")
        if time.monotonic() - begin < SHORTEST_STREAM:
            raise RuntimeError("a stream ended early")


async def _ask(client: httpx.AsyncClient, url: str, watched: _Watched, number: int) -> None:
    await asyncio.sleep(ASK_SECONDS * number / VIEWERS)
    for kind in itertools.cycle(("live", "pipeline", "lake")):
        begin = time.perf_counter()
        answer = await client.get(f"{url}/api/{kind}")
        watched.seconds.append(time.perf_counter() - begin)
        if not answer.is_success or answer.json()["error"]:
            watched.failed += 1
        await asyncio.sleep(ASK_SECONDS)
