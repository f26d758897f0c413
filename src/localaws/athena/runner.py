"""Runs queries in threads of their own, a few at a time, and sees them through to a final state."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from localaws.athena import results
from localaws.athena.executions import Execution, Executions
from localaws.athena.failures import STOPPED, QueryCancelled, QueryFailed, ScanLimitExceeded
from localaws.athena.glue_tables import GlueTables
from localaws.athena.statements import Statement

if TYPE_CHECKING:
    from localaws.athena.dispatch import Handler
    from localaws.athena.engine import Engine
    from localaws.athena.run import Outcome

log = logging.getLogger(__name__)

#: How many queries run at once. AWS's quota for active DML queries is 150 to 200 by region;
#: those above it are queued, as here.
ACTIVE = 4
SCAN_LIMIT = "Bytes scanned limit was exceeded"
#: How long `step` waits for a running query before it returns.
PATIENCE = 0.05
#: How long a reset waits for the queries that it stops.
STOP_SECONDS = 30

#: Gives the statement that an execution is to run, with its parameters.
Resolve = Callable[[Execution], tuple[Statement, Sequence[str]]]


class Runner:
    """Runs executions.

    Args:
        lock: guards the executions' state; released while queries run.
        tools: gives the engine, the catalogue and a boto3 client of S3.
        resolve: parses an execution's query; raises QueryFailed if that can't be done any more.
        handlers: gives what runs each statement.
    """

    def __init__(
        self,
        executions: Executions,
        lock: threading.RLock,
        tools: Callable[[], tuple[Engine, GlueTables, Any]],
        resolve: Resolve,
        handlers: Callable[[], Mapping[type[Statement], Handler]],
    ) -> None:
        self._executions = executions
        self._changed = threading.Condition(lock)
        self._tools = tools
        self._resolve = resolve
        self._handlers = handlers
        self._threads: dict[str, threading.Thread] = {}

    def step(self, now: datetime) -> bool:
        """Start what is queued and may run, and wait a moment for what runs.

        Returns:
            True while there are queries that have not ended.
        """
        with self._changed:
            for execution in self._executions.in_state("QUEUED"):
                if len(self._threads) >= ACTIVE:
                    break
                self._start(execution, max(now, execution.submitted))
            if self._threads:
                self._changed.wait(PATIENCE)
            return bool(self._threads or self._executions.in_state("QUEUED"))

    def stop(self, execution: Execution) -> None:
        """Cancel a query; one that has ended, or is committing, stays as it is."""
        with self._changed:
            if not execution.final and execution.cancel():
                execution.end("CANCELLED", datetime.now(UTC), STOPPED)

    def stop_all(self) -> None:
        """Cancel all queries, and wait for those that run."""
        with self._changed:
            threads = list(self._threads.values())
            for state in ("QUEUED", "RUNNING"):
                for execution in self._executions.in_state(state):
                    self.stop(execution)
        for thread in threads:
            thread.join(STOP_SECONDS)

    def _start(self, execution: Execution, now: datetime) -> None:
        execution.start(now)
        thread = threading.Thread(
            target=self._work, args=(execution,), name=f"athena-{execution.id[:8]}", daemon=True
        )
        self._threads[execution.id] = thread
        thread.start()

    def _work(self, execution: Execution) -> None:
        began = time.monotonic()
        state, reason = "SUCCEEDED", None
        try:
            self._run(execution)
        except ScanLimitExceeded:
            state, reason = "CANCELLED", SCAN_LIMIT
        except QueryCancelled as error:
            state, reason = "CANCELLED", error.message
        except QueryFailed as error:
            state, reason = "FAILED", error.message
        except ClientError as error:
            fault = error.response["Error"]
            state = "FAILED"
            reason = f"{_OUTSIDE}: {error.operation_name}: {fault['Code']}: {fault['Message']}"
        except BotoCoreError as error:
            state, reason = "FAILED", f"{_OUTSIDE}: {error}"
        except Exception as error:
            # A query without an end would keep its client waiting for ever.
            log.exception("query %s: a fault of the local AWS", execution.id)
            state, reason = "FAILED", f"INTERNAL_ERROR: {type(error).__name__}: {error}"
        ended = (execution.started or execution.submitted) + timedelta(
            seconds=time.monotonic() - began
        )
        if state == "FAILED":
            self._explain_failure(execution, reason or "")
        with self._changed:
            execution.end(state, ended, reason)
            del self._threads[execution.id]
            self._changed.notify_all()

    def _run(self, execution: Execution) -> None:
        with self._changed:
            reused = self._executions.reusable(execution)
            if reused is not None:
                execution.output, execution.columns = reused.output, reused.columns
                execution.rows, execution.output_bytes = reused.rows, reused.output_bytes
                execution.reused = True
                return
        from localaws.athena.run import Run

        engine, tables, s3 = self._tools()
        statement, parameters = self._resolve(execution)
        run = Run(execution, parameters, engine, tables, s3)
        with closing(run):
            outcome = self._handlers()[type(statement)](run, statement)
        run.check()
        self._conclude(execution, s3, outcome)

    def _conclude(self, execution: Execution, s3: Any, outcome: Outcome) -> None:
        """Write what the statement itself has not written."""
        if outcome.text is not None:
            outcome.output_bytes = results.write_text(s3, execution.output, outcome.text)
        if outcome.columns:
            results.write_metadata(
                s3, execution.output, execution.engine_id, outcome.columns, outcome.changed
            )
        if outcome.files:
            manifest = execution.output + "-manifest.csv"
            results.write_text(s3, manifest, "".join(f"{uri}\n" for uri in outcome.files))
            execution.manifest = manifest.uri
        execution.columns, execution.changed = outcome.columns, outcome.changed
        execution.rows, execution.output_bytes = outcome.rows, outcome.output_bytes

    def _explain_failure(self, execution: Execution, reason: str) -> None:
        """Hive's statements leave the reason of a failure as their result."""
        if not reason.startswith("FAILED:"):
            return
        try:
            results.write_text(self._tools()[2], execution.output, reason)
        except (ClientError, BotoCoreError) as error:
            log.warning("query %s: its failure could not be written: %s", execution.id, error)


_OUTSIDE = "GENERIC_INTERNAL_ERROR"
