"""How long it takes from an acknowledged write to the live totals that have it."""

from __future__ import annotations

import statistics
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

import boto3

from bench.measurement import Measurement
from bench.servers import deploy, local_aws
from salesflow.generator import live
from salesflow.live import LiveTotals
from salesflow.orders import Write
from salesflow.writer import TableWriter, connect

CHANGES_PER_SECOND = 200
SECONDS = 20
BATCH = 20
LOOK_SECONDS = 0.05
ARRIVAL_SECONDS = 60
AIM_SECONDS = 2


def measure() -> list[Measurement]:
    """Seconds from write to total, and how fast a backlog is counted."""
    with local_aws():
        outputs = deploy(["storage", "streaming"])
        began = datetime.now(UTC)
        delays = sorted(_delays(outputs, began, _writes()))
        backlog, elapsed = _backlog(outputs, began)
    p50, p99 = statistics.median(delays), delays[len(delays) * 99 // 100]
    at = f"at {CHANGES_PER_SECOND} changes/s"
    return [
        Measurement(f"live totals: write to total, p50, {at}", p50, "s"),
        Measurement(
            f"live totals: write to total, p99, {at}",
            p99,
            "s",
            f"< {AIM_SECONDS}",
            p99 < AIM_SECONDS,
        ),
        Measurement("live totals: a backlog is counted", backlog / elapsed, "changes/s"),
    ]


def _writes() -> Iterator[Write]:
    """Orders as they come in a busy shop, and what becomes of them."""
    now = datetime.now(UTC)
    return live(interval_seconds=0.01, start=now - timedelta(minutes=5), seed=1, hurry=100_000)


def _delays(outputs: dict[str, str], began: datetime, writes: Iterator[Write]) -> list[float]:
    """For each write the seconds from its acknowledgement until as many are counted."""
    writer = TableWriter(client=connect(), table=outputs["OrdersTableName"])
    watch = _Watch(outputs, began)
    watch.start()
    acknowledged: list[float] = []
    begin = time.perf_counter()
    for number in range(SECONDS * CHANGES_PER_SECOND // BATCH):
        due = begin + number * BATCH / CHANGES_PER_SECOND
        time.sleep(max(0.0, due - time.perf_counter()))
        writer.write(islice(writes, BATCH))
        acknowledged += [time.perf_counter()] * BATCH
    seen = watch.until(len(acknowledged))
    delays = []
    look = iter(seen)
    at, counted = next(look)
    for number, done in enumerate(acknowledged, start=1):
        while counted < number:
            at, counted = next(look)
        delays.append(max(0.0, at - done))
    return delays


class _Watch(threading.Thread):
    """Looks at the totals again and again, and notes when how many changes were counted of those
    that happened since the benchmark began."""

    def __init__(self, outputs: dict[str, str], began: datetime) -> None:
        super().__init__(daemon=True)
        client: Any = boto3.client("dynamodb")
        self._totals = LiveTotals(client, outputs["LiveTotalsName"])
        self._first = began
        self._seen: list[tuple[float, int]] = []
        self._ended = threading.Event()

    def run(self) -> None:
        while not self._ended.is_set():
            minutes = self._totals.minutes(self._first, datetime.now(UTC))
            counted = sum(period.figures.changes for period in minutes)
            self._seen.append((time.perf_counter(), counted))
            self._ended.wait(LOOK_SECONDS)

    def until(self, changes: int) -> list[tuple[float, int]]:
        deadline = time.monotonic() + ARRIVAL_SECONDS
        while not self._seen or self._seen[-1][1] < changes:
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self._seen[-1][1]} of {changes} changes were counted")
            time.sleep(LOOK_SECONDS)
        self._ended.set()
        self.join()
        return self._seen


def _backlog(outputs: dict[str, str], began: datetime) -> tuple[int, float]:
    """How many changes waited while the mapping was off, and the seconds until all counted."""
    client: Any = boto3.client("lambda")
    (mapping,) = client.list_event_source_mappings()["EventSourceMappings"]
    _turn(client, mapping["UUID"], on=False)
    watch = _Watch(outputs, began)
    written = 5000
    writes = islice(live(interval_seconds=0.01, start=datetime.now(UTC), seed=2, hurry=1), written)
    TableWriter(client=connect(), table=outputs["OrdersTableName"]).write(writes)
    time.sleep(5)  # for the pipe
    watch.start()
    before = watch.until(0)[-1][1]
    again = _Watch(outputs, began)
    _turn(client, mapping["UUID"], on=True)
    begin = time.perf_counter()
    again.start()
    return written, again.until(before + written)[-1][0] - begin


def _turn(client: Any, uuid: str, *, on: bool) -> None:
    client.update_event_source_mapping(UUID=uuid, Enabled=on)
    wanted = "Enabled" if on else "Disabled"
    while client.get_event_source_mapping(UUID=uuid)["State"] != wanted:
        time.sleep(LOOK_SECONDS)
