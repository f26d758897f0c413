"""The deployments that the dashboard shows: their clients, their outputs, their feeds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import lru_cache, partial
from typing import Annotated, Any, Final

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Query

from salesflow.dashboard.failures import NotDeployed
from salesflow.dashboard.lake import lake_data, read_lake
from salesflow.dashboard.live import live_data, read_live
from salesflow.dashboard.pipeline import pipeline_data, read_pipeline
from salesflow.deployment import Connect, StackMissing, deployment_prefix, stack_outputs
from salesflow_airflow.dashboard.feed import Feed, Kind
from salesflow_airflow.defaults import STAGE_LENGTH, STAGE_PATTERN
from salesflow_airflow.deployment import connect

KEPT_SECONDS: Final = 300.0
"""After so long the outputs are read anew: the stacks may differ."""

KEPT_AFTER_FAILURE_SECONDS: Final = 10.0
"""After so long the clients are made anew, too, if they failed: the connection may differ.

As long as they serve they stay: to make them takes a second of a core, and memory.
"""

MOST_FEEDS: Final = 8
"""So many feeds are kept; beyond that, those that nobody follows are forgotten."""

# An AWS that can't be reached is to be told of in about five seconds. The poller asks again anyway.
QUICK: Final = Config(
    connect_timeout=1,
    read_timeout=2.5,
    retries={"mode": "standard", "total_max_attempts": 2},
)

Stage = Annotated[str | None, Query(pattern=STAGE_PATTERN, max_length=STAGE_LENGTH)]
"""Of a request; the usual one if it names none."""

Reader = Callable[[Connect, Mapping[str, str], datetime], Mapping[str, Any]]


class Deployment:
    """Reads a stage's deployment, in several threads at once.

    Args:
        connect: makes the client of a service.
    """

    def __init__(
        self,
        stage: str,
        connect: Callable[[str], Any],
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.stage = stage
        self._connect = connect
        self._stopwatch = stopwatch
        self._lock = threading.Lock()
        self._made = float("-inf")
        self._clients = _Clients(connect)
        self._outputs: Mapping[str, str] = {}
        self._failed = False
        self._refused: tuple[float, Exception] | None = None

    def read(self, reader: Reader, now: datetime) -> Mapping[str, Any]:
        """What a reader reads.

        Raises:
            NotDeployed: the stacks aren't there.
        """
        failed = True
        try:
            clients, outputs = self._open()
            data = reader(clients, outputs, now)
            failed = False
        except NotDeployed:
            failed = False
            raise
        finally:
            self._failed = failed
        return data

    def _open(self) -> tuple[Connect, Mapping[str, str]]:
        began = self._stopwatch()
        with self._lock:
            # All who waited for the same look share what came of it: one after the other, each
            # would wait as long again.
            if self._refused and self._refused[0] > began:
                raise self._refused[1]
            kept = KEPT_AFTER_FAILURE_SECONDS if self._failed else KEPT_SECONDS
            if self._stopwatch() - self._made > kept:
                self._made, self._outputs = self._stopwatch(), {}
                if self._failed:
                    self._clients = _Clients(self._connect)
            if not self._outputs:
                cloudformation = self._clients("cloudformation")
                try:
                    self._outputs = stack_outputs(cloudformation, deployment_prefix(self.stage))
                except StackMissing:
                    raise NotDeployed(self.stage) from None
                except (BotoCoreError, ClientError) as error:
                    self._refused = self._stopwatch(), error
                    raise
            return self._clients, self._outputs


class _Clients:
    """The clients of AWS's services, one of each."""

    def __init__(self, connect: Connect) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._made: dict[str, Any] = {}

    def __call__(self, service: str) -> Any:
        with self._lock:
            if service not in self._made:
                self._made[service] = self._connect(service)
            return self._made[service]


def kinds_of(deployment: Deployment) -> list[Kind]:
    """What is shown of a deployment, and how often it is read."""
    prefix = deployment_prefix(deployment.stage)

    def live(connect: Connect, outputs: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        return live_data(read_live(connect, outputs, now))

    def pipeline(connect: Connect, outputs: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        return pipeline_data(read_pipeline(connect, outputs, now, prefix))

    def lake(connect: Connect, outputs: Mapping[str, str], now: datetime) -> Mapping[str, Any]:
        return lake_data(read_lake(connect, outputs, now))

    return [
        Kind("live", 0.5, partial(deployment.read, live)),
        Kind("pipeline", 10, partial(deployment.read, pipeline)),
        Kind("lake", 60, partial(deployment.read, lake)),
    ]


@lru_cache(maxsize=32)
def opened(stage: str, config: Config) -> Deployment:
    """The deployment of a stage, its clients kept, for what is asked for once."""
    return Deployment(stage, partial(connect, config=config))


class Deployments:
    """The feeds of a process, one of each stage that was asked for."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="salesflow-dashboard")
        self._feeds: dict[str, Feed] = {}

    def open(self, stage: str) -> Feed:
        """The feed of a stage."""
        if stage not in self._feeds:
            if len(self._feeds) >= MOST_FEEDS:
                self._feeds = {name: feed for name, feed in self._feeds.items() if feed.viewers}
            deployment = Deployment(stage, partial(connect, config=QUICK))
            self._feeds[stage] = Feed(kinds_of(deployment), self._executor)
        return self._feeds[stage]

    def close(self) -> None:
        """Tell all viewers that nothing will come any more."""
        for feed in self._feeds.values():
            feed.close()
