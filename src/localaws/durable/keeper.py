"""Writes what a request has changed, before the request is answered.

The tables, data streams and queues that the pipeline writes to thousands of times a second are
written record by record; of all other services, the entries that differ from what was written
last. Objects of S3 are files already.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping
from typing import Any, Final, Protocol

from localaws.durable.directory import Changes, DataDirectory, NotKept
from localaws.durable.queues import Queues
from localaws.durable.rows import Mirror
from localaws.durable.scoped import Scope
from localaws.durable.stacks import being_updated, interrupt, progress
from localaws.durable.streams import DataStreams
from localaws.durable.tables import Tables

log = logging.getLogger(__name__)

_STATE: Final = "state/"
#: DynamoDB's requests that change items only.
_ITEM_WRITES: Final = frozenset(
    {"PutItem", "UpdateItem", "DeleteItem", "BatchWriteItem", "TransactWriteItems"}
    | {"ExecuteStatement", "BatchExecuteStatement", "ExecuteTransaction"}
    | {"GetItem", "BatchGetItem", "Query", "Scan"}
)
#: Kinesis's requests that change no stream. DescribeStream does: it makes a new one active.
_RECORD_WRITES: Final = frozenset({"PutRecord", "PutRecords", "GetRecords", "GetShardIterator"})
#: What may be lost: it is written at a clean stop only.
_NOT_KEPT: Final = frozenset({"PutMetricData", "PutLogEvents", "CreateLogStream"})
_READS: Final = ("Get", "List", "Describe", "BatchGet", "Search", "Lookup", "Filter", "Validate")
_ONE_BY_ONE: Final = frozenset({"dynamodb", "kinesis", "sqs"})


class MiniStack(Protocol):
    """What is to be kept, as `localaws.registry` finds it."""

    def stores(self, module: str) -> Mapping[str, dict[Scope, Any]]:
        """A module's dictionaries themselves, by name."""

    def modules(self) -> Collection[str]:
        """The modules in use that have state."""

    def rows(self, module: str, *, everything: bool) -> dict[str, bytes]:
        """A module's state as rows.

        Args:
            everything: with the metrics, which grow with time.
        """

    def take(self, module: str, rows: Mapping[str, bytes]) -> None:
        """Give a module the state that `rows` gave."""

    def object_failure(self) -> str | None:
        """Why an object of S3 could not be written since the last call, if so."""

    def later(self) -> None:
        """Have `Keeper.settle` called once, when what requests have set off has happened."""


class Keeper:
    """Keeps MiniStack's state in a data directory. All calls are made on one thread."""

    def __init__(self, directory: DataDirectory, ministack: MiniStack) -> None:
        self._directory = directory
        self._ministack = ministack
        self.tables = Tables(ministack.stores("dynamodb"))
        self._streams = DataStreams(ministack.stores("kinesis"))
        self._queues = Queues(ministack.stores("sqs"))
        self._stacks = ministack.stores("cloudformation")
        self._progress = ""
        self._mirrors: dict[str, Mirror] = {}
        #: Modules whose state may differ from what is written.
        self._changed: set[str] = set()
        self._settling: set[str] = set()
        #: What could not be written yet.
        self._changes = Changes()

    def load(self, now: str) -> None:
        """Give MiniStack the state that is in the directory.

        Args:
            now: when the operations on stacks that a kill interrupted are said to have failed.
        """
        self.tables.load(self._directory)
        self._streams.load(self._directory)
        self._queues.load(self._directory)
        for store in self._directory.stores(_STATE):
            module = store.removeprefix(_STATE)
            rows = dict(self._directory.rows(store))
            for key, value in rows.items():
                self._mirror(module).loaded(key, value)
            self._ministack.take(module, rows)
        if interrupt(self._stacks["stacks"], self._stacks["stack_events"], now):
            self._changed.add("cloudformation")
        self._progress = progress(self._stacks["stack_events"])

    def request(self, modules: Collection[str], action: str) -> None:
        """Write what a request has changed.

        Args:
            modules: those that answered it.
            action: the operation, or the HTTP method for services that have none.

        Raises:
            NotKept: the client must be told that its request failed.
        """
        if "dynamodb" in modules and action not in _ITEM_WRITES:
            self._changed.add("dynamodb")
        elif "kinesis" in modules and action not in _RECORD_WRITES:
            self._changed.add("kinesis")
        elif "sqs" in modules and not action.startswith(_READS):
            self._changed.add("sqs")
        elif not _reads_only(action) and not _ONE_BY_ONE & set(modules):
            self._changed.update(modules)
            self._settling.update(modules)
            self._ministack.later()
        if "cloudformation" in modules:
            self._look_at_stacks()
        if failure := self._ministack.object_failure():
            raise NotKept(failure)
        self._write()

    def settle(self) -> None:
        """Write what requests have set off: a function becomes active, a stack is made."""
        self._changed |= self._settling
        self._settling = set()
        self._look_at_stacks()
        try:
            self._write()
        except NotKept as error:
            log.error("%s; it is tried again with the next request", error)  # noqa: TRY400

    def close(self) -> None:
        """Write all that there is, metrics and logs included.

        Raises:
            NotKept: the directory can't be written.
        """
        self._changed = {*self._ministack.modules(), *_ONE_BY_ONE}
        self._write(everything=True)

    def _look_at_stacks(self) -> None:
        """A stack's operation goes on after its request, and changes any service."""
        now = progress(self._stacks["stack_events"])
        if now != self._progress:
            self._progress = now
            self._changed.update(self._ministack.modules(), _ONE_BY_ONE)
            self._ministack.later()

    def _write(self, *, everything: bool = False) -> None:
        changed, self._changed = self._changed, set()
        self.tables.collect(self._changes, definitions="dynamodb" in changed)
        self._streams.collect(self._changes, definitions="kinesis" in changed)
        self._queues.collect(self._changes, definitions="sqs" in changed)
        for module in sorted(changed & set(self._ministack.modules()) - _ONE_BY_ONE):
            try:
                rows = self._ministack.rows(module, everything=everything)
            except NotKept:
                self._changed |= changed
                raise
            leave: set[str] = set()
            if module == "cloudformation":
                updating = tuple(f"\x00{name!r}" for name in being_updated(self._stacks["stacks"]))
                leave = {
                    row for row in rows if row.startswith("stacks\n") and row.endswith(updating)
                }
            self._mirror(module).update(rows, self._changes, leave)
        if self._changes:
            self._directory.write(self._changes)
            self._changes = Changes()

    def _mirror(self, module: str) -> Mirror:
        return self._mirrors.setdefault(module, Mirror(_STATE + module))


def _reads_only(action: str) -> bool:
    return action in {"GET", "HEAD", *_NOT_KEPT} or action.startswith(_READS)
