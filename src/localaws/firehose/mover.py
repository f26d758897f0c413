"""An active delivery stream: takes records in, has them transformed, and delivers them."""

from __future__ import annotations

import json
import logging
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.data_stream import DataStream
from localaws.firehose.buffers import ProcessingBuffer
from localaws.firehose.delivery import Delivery
from localaws.firehose.processor import Function
from localaws.firehose.records import Fault, Record, error_line, kinesis_record
from localaws.firehose.settings import MIB, Destination
from localaws.metrics import Metrics
from localaws.service import Aws, Params
from localaws.shards import Position, ShardReader

log = logging.getLogger(__name__)

PROCESSING_FAILED: Final = "processing-failed"
# Enough to be held while the function or S3 fails; the rest stays in the source.
_MOST_HELD: Final = 256 * MIB
# AWS says how often an invocation is retried, not when.
_FIRST_DELAY: Final = timedelta(seconds=1)
_LONGEST_DELAY: Final = timedelta(minutes=1)


@dataclass(slots=True)
class _Retry:
    """A batch of which an invocation failed."""

    records: list[Record]
    attempts: int
    due: datetime


@dataclass
class Mover:
    """Moves the records of one delivery stream.

    Args:
        source: the ARN of its Kinesis data stream; None for one that is put to directly.
        since: when it was created: what its source got before is not delivered. (AWS starts a
            Kinesis source at LATEST, and a template's next resource sees it active.)
    """

    aws: Aws
    name: str
    arn: str
    source: str | None
    since: datetime
    destination: Destination
    version: str
    metrics: Metrics
    _waiting: ProcessingBuffer = field(default_factory=ProcessingBuffer)
    _retries: list[_Retry] = field(default_factory=list)
    _found: bool = False

    def __post_init__(self) -> None:
        self._dimensions = {"DeliveryStreamName": self.name}
        self._delivery = Delivery(self.aws, self.name, self.destination, self.version, self.metrics)
        # Kinesis tells the time of arrival in whole milliseconds.
        self._oldest = int(self.since.timestamp() * 1000) / 1000
        self._stream = DataStream(self.aws, self.source) if self.source else None
        self._reader = (
            ShardReader(self._stream, Position("AT_TIMESTAMP", self._oldest))
            if self._stream
            else None
        )

    def configure(self, destination: Destination, version: str) -> None:
        """Go on with another configuration."""
        self.destination = self._delivery.destination = destination
        self.version = self._delivery.version = version

    @property
    def idle(self) -> bool:
        """Whether the last look found nothing, and nothing is on its way."""
        held = self._waiting or self._retries or self._delivery.oldest is not None
        return not self._found and not held

    def step(self, direct: list[Record], now: datetime) -> bool:
        """Take in records that were put directly, read the source once, and do what is due; True
        if more waits to be read."""
        self._take(direct, now)
        if direct:
            self._count("IncomingRecords", len(direct), "Count")
            self._count("IncomingBytes", sum(r.size for r in direct), "Bytes")
        more = self._read(now)
        self._process(now)
        for fault in self._delivery.step(now):
            self._log(fault, "s3")
        return more

    def _read(self, now: datetime) -> bool:
        if self._reader is None or self._stream is None or self._held > _MOST_HELD:
            return False
        more = self._found = False
        try:
            for shard_id, page in self._reader.read(now):
                if page.records:
                    self._found = True
                    self._take_page(shard_id, page.records, now)
                more = more or len(page.records) >= self._stream.page_size // 2
        except (ClientError, BotoCoreError) as error:
            log.warning("delivery stream %s: its source can't be read: %s", self.name, error)
        if not self.idle:
            self._count("KinesisMillisBehindLatest", self._reader.millis_behind, "Milliseconds")
        return more

    def _take_page(self, shard_id: str, raw: list[Params], now: datetime) -> None:
        records = [
            kinesis_record(shard_id, record)
            for record in raw
            if record["ApproximateArrivalTimestamp"] >= self._oldest
        ]
        self._take(records, now)
        self._count("DataReadFromKinesisStream.Records", len(records), "Count")
        size = sum(record.size for record in records)
        self._count("DataReadFromKinesisStream.Bytes", size, "Bytes")

    def _take(self, records: list[Record], now: datetime) -> None:
        if self.destination.processor:
            self._waiting.add(records, now)
        else:
            for record in records:
                self._delivery.add(record.decoded, record.arrived, now)

    @property
    def _held(self) -> int:
        retried = sum(record.size for retry in self._retries for record in retry.records)
        return self._waiting.size + retried + self._delivery.backlog

    # ------------------------------------------------------------------ transformation

    def _process(self, now: datetime) -> None:
        """Invoke the function with all batches that are due."""
        due = [retry for retry in self._retries if retry.due <= now]
        self._retries = [retry for retry in self._retries if retry.due > now]
        for retry in due:
            self._invoke(retry.records, retry.attempts, now)
        while processor := self.destination.processor:
            batch = self._waiting.batch(processor.size, processor.interval, now)
            if not batch:
                return
            self._invoke(batch, 0, now)
        # The processor was taken away: what waited for it needs it no more.
        self._take(self._waiting.clear(), now)

    def _invoke(self, records: list[Record], attempts: int, now: datetime) -> None:
        processor = self.destination.processor
        if processor is None:
            self._take(records, now)
            return
        attempts += 1
        started = time.perf_counter()
        function = Function(self.aws, processor.arn, self.arn, self.source)
        invocation = function.invoke(records)
        millis = (time.perf_counter() - started) * 1000
        self._count("ExecuteProcessing.Duration", millis, "Milliseconds")
        self._count("ExecuteProcessing.Success", int(invocation.fault is None), "Count")
        outcomes = invocation.outcomes
        if invocation.fault is not None:
            self._log(invocation.fault, processor.arn)
            if attempts <= processor.retries:
                delay = min(_FIRST_DELAY * 2 ** min(attempts - 1, 16), _LONGEST_DELAY)
                self._retries.append(_Retry(records, attempts, now + delay))
                return
            outcomes = [invocation.fault] * len(records)
        good = 0
        for record, outcome in zip(records, outcomes, strict=True):
            if isinstance(outcome, Fault):
                line = error_line(record, outcome, attempts, now, processor.arn)
                self._delivery.add_failed(PROCESSING_FAILED, line, record.arrived, now)
                continue
            good += record.size
            if outcome is not None:
                self._delivery.add(outcome, record.arrived, now)
        failed = sum(isinstance(outcome, Fault) for outcome in outcomes)
        self._count("SucceedProcessing.Records", len(records) - failed, "Count")
        self._count("SucceedProcessing.Bytes", good, "Bytes")

    # ------------------------------------------------------------------ observation

    def _count(self, name: str, value: float, unit: str) -> None:
        self.metrics.add(name, value, unit, self._dimensions)

    def _log(self, fault: Fault, processor: str) -> None:
        """https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html"""
        log.warning("delivery stream %s: %s: %s", self.name, fault.code, fault.message)
        if self.destination.log is None:
            return
        group, stream = self.destination.log
        event = {
            "deliveryStreamARN": self.arn,
            "destination": f"arn:aws:s3:::{self.destination.bucket}",
            "deliveryStreamVersionId": int(self.version),
            "message": fault.message,
            "errorCode": fault.code,
            "processor": processor,
        }
        try:
            self.aws.client("logs").put_log_events(
                logGroupName=group,
                logStreamName=stream,
                logEvents=[{"timestamp": int(time.time() * 1000), "message": json.dumps(event)}],
            )
        except (ClientError, BotoCoreError) as error:
            log.warning("delivery stream %s can't log: %s", self.name, error)

    # ------------------------------------------------------------------ state

    def snapshot(self) -> Params:
        """Positions, and what was read and isn't delivered, as JSON types."""
        retried = [record.to_json() for retry in self._retries for record in retry.records]
        return {
            "shards": self._reader.snapshot() if self._reader else {},
            "waiting": [*retried, *self._waiting.to_json()],
            "delivery": self._delivery.snapshot(),
        }

    def restore(self, state: Params, now: datetime) -> None:
        """Take up what ``snapshot`` gave."""
        if self._reader:
            self._reader.restore(state["shards"])
        self._waiting.add([Record(*saved) for saved in state["waiting"]], now)
        self._delivery.restore(state["delivery"], now)
