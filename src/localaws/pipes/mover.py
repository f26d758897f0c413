"""A running pipe: reads its stream, and sends what passes its filter."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Final

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from localaws.metrics import Metrics
from localaws.pipes.batches import Condition, Lane
from localaws.pipes.changes import Change, change_of
from localaws.pipes.settings import PipeSettings
from localaws.pipes.source import TableStream
from localaws.pipes.target import DeadLetters, Failure, KinesisTarget
from localaws.service import Aws, Params
from localaws.shards import LATEST, TRIM_HORIZON, ShardReader, error_code

log = logging.getLogger(__name__)

_CLOSED: Final = frozenset({"DISABLED", "DISABLING"})


class SourceGone(Exception):
    """The stream is disabled or deleted, and all that it still had was read and sent."""


@dataclass
class Mover:
    """Moves the changes of one pipe.

    Args:
        since: when the pipe was created; one that starts at LATEST moves nothing older.
    """

    aws: Aws
    name: str
    arn: str
    settings: PipeSettings
    since: datetime
    metrics: Metrics
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _found: bool = False

    def __post_init__(self) -> None:
        self._stream = TableStream(self.aws, self.settings.source)
        self._reader = ShardReader(self._stream, LATEST if self.settings.latest else TRIM_HORIZON)
        # Streams tell the time of a change in whole seconds.
        self._oldest = int(self.since.timestamp()) if self.settings.latest else 0

    def configure(self, settings: PipeSettings) -> None:
        """Go on with other settings from where the pipe is."""
        self.settings = settings
        for shard_id, lane in self._lanes.items():
            lane.settings = settings
            lane.target = KinesisTarget(self.aws, settings.target)
            lane.give_up = partial(self._give_up, shard_id)

    def check_source(self) -> None:
        """Raise SourceGone if there is no stream to read."""
        try:
            status = self._stream.status()
        except ClientError as error:
            raise self._gone(error) from error
        if status in _CLOSED:
            raise SourceGone(f"the stream {self.settings.source} is disabled")

    def step(self, now: datetime) -> bool:
        """Read once and send what is due; True if more waits to be read.

        Raises:
            SourceGone: there is nothing more to come from this stream.
        """
        full = {shard_id for shard_id, lane in self._lanes.items() if lane.full}
        more = self._read(now, frozenset(full))
        for lane in self._lanes.values():
            lane.step(now)
        if self._reader.exhausted and all(lane.empty for lane in self._lanes.values()):
            self.check_source()
        return more

    def _read(self, now: datetime, full: frozenset[str]) -> bool:
        more = self._found = False
        try:
            for shard_id, page in self._reader.read(now, full):
                if page.records:
                    self._found = True
                    self._lane(shard_id).take(self._changes(page.records), now)
                # A page closes at 1 MB, too, so one that is half full may not be the last.
                more = more or len(page.records) >= self._stream.page_size // 2
                if page.next_iterator is None:
                    self._lane(shard_id).close()
        except ClientError as error:
            raise self._gone(error) from error
        except BotoCoreError as error:
            log.warning("pipe %s: its stream can't be read now: %s", self.name, error)
        return more

    @property
    def idle(self) -> bool:
        """Whether the last look found nothing, and nothing is on its way."""
        return not self._found and all(lane.empty for lane in self._lanes.values())

    def _changes(self, records: list[msgspec.Raw]) -> list[Change]:
        found = (change_of(record, self.settings.rules) for record in records)
        return [change for change in found if change and change.created >= self._oldest]

    def _lane(self, shard_id: str) -> Lane:
        if shard_id not in self._lanes:
            self._lanes[shard_id] = Lane(
                self.settings,
                KinesisTarget(self.aws, self.settings.target),
                partial(self._give_up, shard_id),
                self._witness,
            )
        return self._lanes[shard_id]

    def _give_up(
        self, shard_id: str, changes: list[Change], condition: Condition, now: datetime
    ) -> None:
        queue = self.settings.dead_letter_queue
        if queue is None:
            log.warning("pipe %s: %d changes are lost: %s", self.name, len(changes), condition)
            return
        letters = DeadLetters(self.aws, self.arn, self.settings.source, queue)
        letters.send(shard_id, changes, condition, now)

    def _witness(self, changes: list[Change], failures: list[Failure]) -> None:
        """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-monitoring.html"""
        pipe = {"PipeName": self.name}
        partially = len(failures) < len(changes)
        counts = {
            "Invocations": 1,
            "EventCount": len(changes),
            "ExecutionThrottled": int(any(failure.throttled for failure in failures)),
            "ExecutionFailed": int(bool(failures) and not partially),
            "ExecutionPartiallyFailed": int(bool(failures) and partially),
            "TargetStageFailed": int(bool(failures) and not partially),
            "TargetStagePartiallyFailed": int(bool(failures) and partially),
        }
        for name, count in counts.items():
            self.metrics.add(name, count, "None", pipe)
        self.metrics.add("EventSize", sum(change.size for change in changes), "Bytes", pipe)

    def _gone(self, error: ClientError) -> Exception:
        if error_code(error) == "ResourceNotFoundException":
            return SourceGone(f"the stream {self.settings.source} does not exist")
        return error

    def snapshot(self) -> Params:
        """Positions, and what was read and not yet sent, as JSON types."""
        return {
            "shards": self._reader.snapshot(),
            "changes": {shard_id: lane.snapshot() for shard_id, lane in self._lanes.items()},
        }

    def restore(self, state: Params, now: datetime) -> None:
        """Take up what ``snapshot`` gave."""
        # Latest was then: from now on it would skip what came meanwhile.
        self._reader.start = TRIM_HORIZON
        self._reader.restore(state["shards"])
        for shard_id, changes in state["changes"].items():
            read = [Change(number, at, data.encode(), key) for number, at, data, key in changes]
            self._lane(shard_id).take(read, now)
            if state["shards"].get(shard_id, {}).get("ended"):
                self._lane(shard_id).close()
