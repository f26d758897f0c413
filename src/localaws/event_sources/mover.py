"""An enabled mapping: reads its stream, and invokes its function."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from botocore.exceptions import BotoCoreError, ClientError

from localaws.data_stream import DataStream
from localaws.event_sources.batches import Fragment, Lane
from localaws.event_sources.destination import FailureQueue, failure_of
from localaws.event_sources.invocation import Function, Outcome
from localaws.event_sources.records import Record, record_of
from localaws.event_sources.settings import MappingSettings
from localaws.metrics import Metrics
from localaws.service import Aws, Params
from localaws.shards import TRIM_HORIZON, Position, ShardReader

log = logging.getLogger(__name__)


@dataclass
class Mover:
    """Moves the records of one mapping."""

    aws: Aws
    function_arn: str
    settings: MappingSettings
    metrics: Metrics
    #: What AWS calls LastProcessingResult.
    result: str = "No records processed"
    _lanes: dict[str, Lane] = field(default_factory=dict)
    _found: bool = False

    def __post_init__(self) -> None:
        # Kinesis tells the time of arrival in whole milliseconds.
        start = self.settings.start
        self._oldest = int(start.timestamp() * 1000) / 1000 if start else 0.0
        self._stream = DataStream(self.aws, self.settings.source)
        self._reader = ShardReader(
            self._stream, Position("AT_TIMESTAMP", self._oldest) if start else TRIM_HORIZON
        )
        self._function = self._target()

    def configure(self, function_arn: str, settings: MappingSettings) -> None:
        """Go on with other settings from where the mapping is."""
        self.function_arn, self.settings = function_arn, settings
        self._function = self._target()
        for lane in self._lanes.values():
            lane.settings, lane.target = settings, self._function

    @property
    def idle(self) -> bool:
        """Whether the last look found nothing, and nothing is on its way."""
        return not self._found and all(lane.empty for lane in self._lanes.values())

    def step(self, now: datetime) -> bool:
        """Read once and invoke what is due; True if more waits to be read."""
        more = self._read(now)
        for lane in self._lanes.values():
            lane.step(now)
        return more

    def _read(self, now: datetime) -> bool:
        more = self._found = False
        full = frozenset(shard_id for shard_id, lane in self._lanes.items() if lane.full)
        try:
            for shard_id, page in self._reader.read(now, full):
                if page.records:
                    self._found = True
                    self._lane(shard_id).take(self._records(shard_id, page.records), now)
                more = more or len(page.records) >= self._stream.page_size // 2
        except (ClientError, BotoCoreError) as error:
            self.result = f"PROBLEM: {error}"
            log.warning("the source of %s can't be read: %s", self.function_arn, error)
        return more

    def _records(self, shard_id: str, sent: list[Params]) -> list[Record]:
        return [
            record_of(self.settings.source, self.aws.region, shard_id, record)
            for record in sent
            if record["ApproximateArrivalTimestamp"] >= self._oldest
        ]

    def _target(self) -> Function:
        return Function(
            self.aws, self.function_arn, reports_failures=self.settings.reports_failures
        )

    def _lane(self, shard_id: str) -> Lane:
        if shard_id not in self._lanes:
            self._lanes[shard_id] = Lane(
                self.settings, self._function, partial(self._give_up, shard_id), self._witness
            )
        return self._lanes[shard_id]

    def _give_up(self, shard_id: str, fragment: Fragment, now: datetime) -> None:
        queue = self.settings.destination
        if queue is None:
            count = len(fragment.records)
            log.warning("%s: %d records are lost: %s", self.function_arn, count, fragment.verdict)
            return
        message = failure_of(
            fragment,
            now,
            function_arn=self.function_arn,
            stream_arn=self.settings.source,
            shard_id=shard_id,
        )
        FailureQueue(self.aws, queue).send(message)

    def _witness(self, records: list[Record], outcome: Outcome, now: datetime) -> None:
        """https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html"""
        if outcome.refusal is not None:
            self.result = f"PROBLEM: {outcome.refusal}"
            log.warning("%s can't be invoked: %s", self.function_arn, outcome.refusal)
            return
        self.result = "OK" if outcome.failed_from is None else "PROBLEM: Function call failed"
        age = max(0.0, now.timestamp() - records[-1].arrived) * 1000
        name = self.function_arn.partition(":function:")[2].partition(":")[0]
        self.metrics.add("IteratorAge", age, "Milliseconds", {"FunctionName": name})

    # ------------------------------------------------------------------ state

    def snapshot(self) -> Params:
        """Positions, and what was read and isn't processed, as JSON types."""
        return {
            "shards": self._reader.snapshot(),
            "records": {shard_id: lane.snapshot() for shard_id, lane in self._lanes.items()},
        }

    def restore(self, state: Params, now: datetime) -> None:
        """Take up what ``snapshot`` gave."""
        self._reader.restore(state["shards"])
        for shard_id, records in state["records"].items():
            self._lane(shard_id).take([Record(*saved) for saved in records], now)
