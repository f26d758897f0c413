"""A crawler: its definition, its state, its schedule and what it remembers."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass, field
from datetime import datetime

from localaws.errors import AwsError
from localaws.glue import schedule
from localaws.glue.history import KEPT, Run
from localaws.glue.memory import Memory
from localaws.service import Params


@dataclass
class Crawler:
    """A crawler.

    Args:
        definition: as CreateCrawler has it, normalised.
        state: READY, RUNNING or STOPPING.
        is_scheduled: its schedule, if it has one, is in force.
        waits_since: the time up to which its schedule has been looked at.
        run: the run under way.
        runs: the runs that have ended, oldest first.
    """

    definition: Params
    created: datetime
    updated: datetime
    version: int = 1
    state: str = "READY"
    is_scheduled: bool = False
    waits_since: datetime | None = None
    run: Run | None = None
    runs: list[Run] = field(default_factory=list)
    memory: Memory = field(default_factory=Memory)
    #: Somebody called StopCrawler; the crawl looks at it.
    is_stopped: bool = False
    #: On the monotonic clock, in seconds.
    _requested: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """Its name, unique in the account."""
        return str(self.definition["Name"])

    def check_ready(self) -> None:
        """Refuse what can't be done while the crawler runs.

        Raises:
            AwsError: CrawlerRunningException.
        """
        if self.state != "READY":
            raise AwsError(
                "CrawlerRunningException", f"Crawler with name {self.name} has already started"
            )

    def start(self) -> None:
        """Begin a run; it crawls at the next step.

        Raises:
            AwsError: CrawlerRunningException.
        """
        self.check_ready()
        self.state, self.is_stopped = "RUNNING", False
        self.run = Run(str(uuid.uuid4()), self.name)
        self._requested = time.monotonic()

    def stop(self) -> None:
        """Have the run end before it writes anything more.

        Raises:
            AwsError: CrawlerStoppingException, CrawlerNotRunningException.
        """
        if self.state == "STOPPING":
            raise AwsError("CrawlerStoppingException", f"Crawler {self.name} is stopping already")
        if self.state == "READY":
            raise AwsError("CrawlerNotRunningException", f"Crawler {self.name} is not running")
        self.state, self.is_stopped = "STOPPING", True

    def end(self, now: datetime) -> Run | None:
        """Come to rest after a run, which becomes the last one."""
        run = self.run
        if run is not None:
            run.start, run.end = run.start or now, now
            self.runs = [past for past in self.runs if past.end and past.end > now - KEPT] + [run]
        self.state, self.run = "READY", None
        return run

    def schedule(self, expression: str | None) -> None:
        """Take a schedule into force, or none if the expression is empty."""
        self.definition["Schedule"] = expression or None
        self.is_scheduled, self.waits_since = bool(expression), None

    def start_if_due(self, now: datetime) -> None:
        """Start if the schedule says so; a time at which the crawler still runs passes unused."""
        if not self.is_scheduled:
            return
        since, self.waits_since = self.waits_since or now, now
        if self.state == "READY" and schedule.is_due(self.definition["Schedule"], since, now):
            self.start()

    def describe(self) -> Params:
        """As GetCrawler has it."""
        definition = {name: value for name, value in self.definition.items() if name != "Tags"}
        expression = definition.pop("Schedule", None)
        is_running = self.state != "READY"
        return {
            "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
            **definition,
            "Schedule": expression
            and {
                "ScheduleExpression": expression,
                "State": "SCHEDULED" if self.is_scheduled else "NOT_SCHEDULED",
            },
            "State": self.state,
            "CrawlElapsedTime": (
                int((time.monotonic() - self._requested) * 1000) if is_running else 0
            ),
            "CreationTime": self.created,
            "LastUpdated": self.updated,
            "LastCrawl": self.runs[-1].last_crawl() if self.runs else None,
            "Version": self.version,
        }

    def snapshot(self) -> Params:
        """As JSON types."""
        return {
            "definition": self.definition,
            "created": self.created.isoformat(),
            "updated": self.updated.isoformat(),
            "version": self.version,
            "state": self.state,
            "is_scheduled": self.is_scheduled,
            "waits_since": self.waits_since and self.waits_since.isoformat(),
            "run": self.run and self.run.snapshot(),
            "runs": [run.snapshot() for run in self.runs],
            "memory": self.memory.snapshot(),
            "is_stopped": self.is_stopped,
        }

    @classmethod
    def restored(cls, state: Params) -> Crawler:
        """The crawler that ``snapshot`` gave. A run under way begins anew."""
        return cls(
            definition=state["definition"],
            created=datetime.fromisoformat(state["created"]),
            updated=datetime.fromisoformat(state["updated"]),
            version=state["version"],
            state=state["state"],
            is_scheduled=state["is_scheduled"],
            waits_since=state["waits_since"] and datetime.fromisoformat(state["waits_since"]),
            run=Run.restored(state["run"]) if state["run"] else None,
            runs=[Run.restored(run) for run in state["runs"]],
            memory=Memory.restored(state["memory"]),
            is_stopped=state["is_stopped"],
        )
