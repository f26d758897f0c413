"""Query executions: what is known of each, from its start to the end of its retention."""

from __future__ import annotations

import random
import string
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localaws.athena.errors import athena_error
from localaws.athena.storage import Place
from localaws.athena.types import Column
from localaws.service import Params

#: How long Athena keeps the history of queries.
RETENTION = timedelta(days=45)
ENGINE_VERSION = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}
FINAL_STATES = ("SUCCEEDED", "FAILED", "CANCELLED")


@dataclass
class Execution:
    """One query execution.

    Attributes:
        id: the QueryExecutionId.
        query: as the client sent it.
        request: what else the client sent and an idempotent repetition must repeat.
        settings: the ResultConfiguration in force, without the OutputLocation.
        output: the result file; for INSERT and the like what its companions are named after.
        text_result: whether the result is a text file, without a header and with one value a line.
        engine_id: the engine's own id of the query, which data files are named after.
        columns: of the result, once it is known.
        changed: what was done to how many rows, for what changes rows.
        cancelled: set when the query is to stop.
        decided: whether it has come to where it is too late to stop it.
    """

    id: str
    query: str
    workgroup: str
    database: str
    submitted: datetime
    type: str
    substatement: str | None
    output: Place
    context: Params = field(default_factory=dict)
    request: Params = field(default_factory=dict)
    settings: Params = field(default_factory=dict)
    parameters: list[str] = field(default_factory=list)
    scan_limit: int | None = None
    reuse_minutes: int | None = None
    state: str = "QUEUED"
    reason: str | None = None
    error: Params | None = None
    started: datetime | None = None
    completed: datetime | None = None
    engine_id: str = ""
    scanned_bytes: int = 0
    columns: list[Column] = field(default_factory=list)
    changed: tuple[str, int] | None = None
    manifest: str | None = None
    rows: int = 0
    output_bytes: int = 0
    reused: bool = False
    cancelled: threading.Event = field(default_factory=threading.Event, repr=False)
    decided: bool = False
    _deciding: threading.Lock = field(default_factory=threading.Lock, repr=False)

    @property
    def text_result(self) -> bool:
        """Whether the result is text: one value a line, no header in the file."""
        return self.output.key.endswith(".txt")

    @property
    def final(self) -> bool:
        """Whether the query has ended."""
        return self.state in FINAL_STATES

    def start(self, now: datetime) -> None:
        """The engine takes the query up."""
        self.state, self.started = "RUNNING", now
        suffix = "".join(random.choices(string.ascii_lowercase + string.digits, k=5))  # noqa: S311
        self.engine_id = f"{now:%Y%m%d_%H%M%S}_{random.randrange(100000):05}_{suffix}"  # noqa: S311

    def cancel(self) -> bool:
        """Have the query stop, unless it is too late; returns whether it will."""
        with self._deciding:
            if not self.decided:
                self.cancelled.set()
            return not self.decided

    def decide(self) -> bool:
        """Come to where the query can't be stopped any more; returns whether it got there."""
        with self._deciding:
            self.decided = not self.cancelled.is_set()
            return self.decided

    def end(self, state: str, now: datetime, reason: str | None = None) -> None:
        """The query has come to an end; one that is at its end already stays as it is."""
        if self.final:
            return
        self.state, self.completed, self.reason = state, now, reason
        if state == "FAILED":
            self.error = athena_error(reason or "")

    def described(self) -> Params:
        """The QueryExecution of the API."""
        return {
            "QueryExecutionId": self.id,
            "Query": self.query,
            "StatementType": self.type,
            "SubstatementType": self.substatement,
            "ResultConfiguration": {"OutputLocation": self.output.uri, **self.settings},
            "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": self._reuse()},
            "QueryExecutionContext": self.context or None,
            "Status": {
                "State": self.state,
                "StateChangeReason": self.reason,
                "SubmissionDateTime": self.submitted,
                "CompletionDateTime": self.completed,
                "AthenaError": self.error,
            },
            "Statistics": self._statistics(),
            "WorkGroup": self.workgroup,
            "EngineVersion": ENGINE_VERSION,
            "ExecutionParameters": self.parameters or None,
        }

    def timeline(self) -> dict[str, int]:
        """How long each phase took, in milliseconds."""
        ended = self.completed or self.submitted
        started = self.started or ended
        return {
            "QueryQueueTimeInMillis": _millis(started - self.submitted),
            "ServicePreProcessingTimeInMillis": 0,
            "EngineExecutionTimeInMillis": _millis(ended - started),
            "ServiceProcessingTimeInMillis": 0,
            "TotalExecutionTimeInMillis": _millis(ended - self.submitted),
        }

    def _statistics(self) -> Params:
        return {
            "DataScannedInBytes": self.scanned_bytes,
            "DataManifestLocation": self.manifest,
            "ResultReuseInformation": {"ReusedPreviousResult": self.reused},
            **self.timeline(),
        }

    def _reuse(self) -> Params:
        return {
            "Enabled": self.reuse_minutes is not None,
            "MaxAgeInMinutes": self.reuse_minutes,
        }

    def snapshot(self) -> Params:
        """As JSON types."""
        passing = ("cancelled", "decided", "_deciding")
        state = {n: getattr(self, n) for n in self.__dataclass_fields__ if n not in passing}
        for name in ("submitted", "started", "completed"):
            state[name] = state[name].isoformat() if state[name] else None
        state["output"] = [self.output.bucket, self.output.key, dict(self.output.options)]
        state["columns"] = [vars(column) for column in self.columns]
        return state

    @classmethod
    def restored(cls, state: Params) -> Execution:
        """From what ``snapshot`` gave."""
        taken: dict[str, Any] = dict(state)
        for name in ("submitted", "started", "completed"):
            taken[name] = datetime.fromisoformat(taken[name]) if taken[name] else None
        taken["output"] = Place(*taken["output"])
        taken["columns"] = [Column(**column) for column in taken["columns"]]
        taken["changed"] = tuple(taken["changed"]) if taken["changed"] else None
        return cls(**taken)


def _millis(duration: timedelta) -> int:
    return max(int(duration.total_seconds() * 1000), 0)


class Executions:
    """All executions that are still known, newest last; not safe without the service's lock."""

    def __init__(self) -> None:
        self._by_id: dict[str, Execution] = {}
        self._by_token: dict[str, str] = {}

    def add(self, execution: Execution, token: str) -> None:
        """Remember an execution and the client's token for it."""
        self._by_id[execution.id] = execution
        self._by_token[token] = execution.id

    def get(self, execution_id: str) -> Execution | None:
        """An execution by its id."""
        return self._by_id.get(execution_id)

    def by_token(self, token: str) -> Execution | None:
        """The execution that a client started with a token."""
        return self._by_id.get(self._by_token.get(token, ""))

    def of(self, workgroup: str) -> list[Execution]:
        """A workgroup's executions, newest first."""
        return [e for e in reversed(self._by_id.values()) if e.workgroup == workgroup]

    def in_state(self, state: str) -> list[Execution]:
        """The executions in a state, oldest first."""
        return [e for e in self._by_id.values() if e.state == state]

    def reusable(self, like: Execution) -> Execution | None:
        """The newest execution whose result may be given for another, if there is one."""
        if like.reuse_minutes is None or like.substatement != "SELECT":
            return None
        oldest = like.submitted - timedelta(minutes=like.reuse_minutes)
        for other in self.of(like.workgroup):
            same = (other.query, other.database) == (like.query, like.database)
            same = same and other.parameters == like.parameters and other.state == "SUCCEEDED"
            if same and other.completed is not None and other.completed >= oldest:
                return other
        return None

    def forget_before(self, oldest: datetime) -> None:
        """Drop what ended before a time."""
        old = {e.id for e in self._by_id.values() if e.completed and e.completed < oldest}
        if old:
            self._by_id = {key: e for key, e in self._by_id.items() if key not in old}
            self._by_token = {key: e for key, e in self._by_token.items() if e not in old}

    def forget_workgroup(self, workgroup: str) -> None:
        """Drop a workgroup's executions."""
        gone = {e.id for e in self.of(workgroup)}
        self._by_id = {key: e for key, e in self._by_id.items() if key not in gone}
        self._by_token = {key: e for key, e in self._by_token.items() if e not in gone}

    def clear(self) -> None:
        """Drop all."""
        self._by_id.clear()
        self._by_token.clear()

    def snapshot(self) -> Params:
        """As JSON types."""
        return {
            "executions": [e.snapshot() for e in self._by_id.values()],
            "tokens": dict(self._by_token),
        }

    def restore(self, state: Params, now: datetime) -> None:
        """From what ``snapshot`` gave; what ran then has failed."""
        self.clear()
        for taken in state["executions"]:
            execution = Execution.restored(taken)
            if execution.state == "RUNNING":
                execution.end("FAILED", now, INTERRUPTED)
            self._by_id[execution.id] = execution
        self._by_token.update(state["tokens"])


INTERRUPTED = "INTERNAL_ERROR: the local AWS was stopped while this query ran. Run it again."
