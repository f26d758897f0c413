"""The deployments that the dashboard shows: their clients, their outputs, their feeds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final

from botocore.config import Config

from salesflow.dashboard.failures import NotDeployed
from salesflow.dashboard.lake import lake_data, read_lake
from salesflow.dashboard.live import live_data, read_live
from salesflow.dashboard.pipeline import pipeline_data, read_pipeline
from salesflow.deployment import Connect, StackMissing, deployment_prefix, stack_outputs
from salesflow_airflow.dashboard.feed import Feed, Kind
from salesflow_airflow.deployment import connect

KEPT_SECONDS: Final = 300.0
"""After so long clients and outputs are made anew: the connection or the stacks may differ."""

KEPT_AFTER_FAILURE_SECONDS: Final = 10.0

# An AWS that can't be reached is to be told of in about five seconds. The poller asks again anyway.
_CONFIG: Final = Config(
    connect_timeout=1,
    read_timeout=2.5,
    retries={"mode": "standard", "total_max_attempts": 2},
)

Reader = Callable[[Connect, Mapping[str, str], datetime], Mapping[str, Any]]


@dataclass(frozen=True)
class _Access:
    made: float
    connect: Connect
    outputs: Mapping[str, str]


class Deployment:
    """Reads a stage's deployment, in several threads at once."""

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
        self._access: _Access | None = None
        self._failed = False

    def read(self, reader: Reader, now: datetime) -> Mapping[str, Any]:
        """What a reader reads.

        Raises:
            NotDeployed: the stacks aren't there.
        """
        access = self._open()
        failed = True
        try:
            data = reader(access.connect, access.outputs, now)
            failed = False
        finally:
            self._failed = failed
        return data

    def _open(self) -> _Access:
        with self._lock:
            kept = KEPT_AFTER_FAILURE_SECONDS if self._failed else KEPT_SECONDS
            if self._access is None or self._stopwatch() - self._access.made > kept:
                clients = _Clients(self._connect)
                try:
                    outputs = stack_outputs(
                        clients("cloudformation"), deployment_prefix(self.stage)
                    )
                except StackMissing:
                    self._access = None
                    raise NotDeployed(self.stage) from None
                self._access = _Access(self._stopwatch(), clients, outputs)
            return self._access


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


class Deployments:
    """The feeds of a process, one of each stage that was asked for and is deployed."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(4, thread_name_prefix="salesflow-dashboard")
        self._feeds: dict[str, Feed] = {}

    def open(self, stage: str) -> Feed:
        """The feed of a stage."""
        if stage not in self._feeds:
            deployment = Deployment(stage, partial(connect, config=_CONFIG))
            self._feeds[stage] = Feed(kinds_of(deployment), self._executor)
        return self._feeds[stage]
