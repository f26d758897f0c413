"""Delivery to S3: buffers become objects, and objects are written until S3 has them.

https://docs.aws.amazon.com/firehose/latest/dev/retry.html
"""

from __future__ import annotations

import gzip
import logging
from base64 import b64decode, b64encode
from collections import deque
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.firehose.buffers import DeliveryBuffer
from localaws.firehose.records import Fault
from localaws.firehose.settings import Destination
from localaws.metrics import Metrics
from localaws.service import Aws, Params

log = logging.getLogger(__name__)

DATA: Final = "data"
#: Until S3 takes an object, or for so long.
PATIENCE: Final = timedelta(hours=24)
# The lowest level takes a third of the time of the usual one, for objects a fifth larger.
_GZIP_LEVEL: Final = 1
_FIRST_DELAY: Final = timedelta(seconds=1)
_LONGEST_DELAY: Final = timedelta(minutes=2)


@dataclass(slots=True)
class _Object:
    """An object that isn't in S3 yet.

    Attributes:
        records: how many it holds.
        size: bytes of these before they were compressed.
        oldest: arrival of the oldest, epoch seconds.
    """

    bucket: str
    key: str
    body: bytes
    records: int
    size: int
    oldest: float
    is_data: bool
    tries: int = 0
    since: datetime | None = None
    due: datetime | None = None


@dataclass(slots=True)
class Delivery:
    """The S3 side of a delivery stream.

    Attributes:
        version: the stream's version, a part of each object's name.
    """

    aws: Aws
    stream: str
    destination: Destination
    version: str
    metrics: Metrics
    _buffers: dict[str, DeliveryBuffer] = field(default_factory=dict)
    _outbox: deque[_Object] = field(default_factory=deque)

    def add(self, data: bytes, arrived: float, now: datetime) -> None:
        """Add a record for the lake."""
        self._buffer(DATA).add(data + self.destination.delimiter, arrived, now)

    def add_failed(self, error_type: str, line: bytes, arrived: float, now: datetime) -> None:
        """Add a line for the errors, of a type such as processing-failed."""
        self._buffer(error_type).add(line, arrived, now)

    @property
    def backlog(self) -> int:
        """Bytes that S3 didn't take yet."""
        return sum(len(item.body) for item in self._outbox)

    @property
    def oldest(self) -> float | None:
        """Arrival of the oldest record that isn't in S3, epoch seconds."""
        times = [b.oldest for b in self._buffers.values()] + [o.oldest for o in self._outbox]
        return min((time for time in times if time != float("inf")), default=None)

    def step(self, now: datetime) -> list[Fault]:
        """Write all that is due; returns what S3 said against it."""
        destination = self.destination
        for kind, buffer in self._buffers.items():
            if buffer.is_due(destination.size, destination.interval, now):
                self._outbox.append(self._object(kind, buffer))
        return [fault for _ in range(len(self._outbox)) if (fault := self._write(now))]

    def _buffer(self, kind: str) -> DeliveryBuffer:
        if kind not in self._buffers:
            self._buffers[kind] = DeliveryBuffer()
        return self._buffers[kind]

    def _object(self, kind: str, buffer: DeliveryBuffer) -> _Object:
        destination, is_data = self.destination, kind == DATA
        body, records, oldest = buffer.take()
        size = len(body)
        arrival = datetime.fromtimestamp(oldest, UTC)
        names = destination.names
        prefix = names.data(arrival) if is_data else names.errors(kind, arrival)
        # Errors are plain text: the compression is that of the data.
        extension = destination.extension if is_data else ""
        if is_data and destination.gzip:
            body = gzip.compress(body, _GZIP_LEVEL, mtime=0)
        key = prefix + names.suffix(self.stream, self.version, arrival, extension)
        return _Object(destination.bucket, key, body, records, size, oldest, is_data)

    def _write(self, now: datetime) -> Fault | None:
        """Write the first object of the outbox, if it is its time; if not, it goes to the end."""
        item = self._outbox.popleft()
        if item.due is not None and item.due > now:
            self._outbox.append(item)
            return None
        fault = self._put(item)
        self._measure(item, fault is None, now)
        if fault is None:
            return None
        item.since = item.since or now
        if now - item.since > PATIENCE:
            log.error("%s: %d records are lost: %s", self.stream, item.records, fault.message)
            return fault
        item.due = now + min(_FIRST_DELAY * 2 ** min(item.tries, 16), _LONGEST_DELAY)
        item.tries += 1
        self._outbox.append(item)
        return fault

    def _put(self, item: _Object) -> Fault | None:
        key = self.destination.kms_key
        encryption = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key} if key else {}
        try:
            self.aws.client("s3").put_object(
                Bucket=item.bucket,
                Key=item.key,
                Body=item.body,
                ContentType="application/octet-stream",
                **encryption,
            )
        except ClientError as error:
            told = error.response["Error"]
            return Fault(f"S3.{told['Code']}", told.get("Message", ""))
        except BotoCoreError as error:
            return Fault("S3.ServiceUnavailable", str(error))
        return None

    def _measure(self, item: _Object, success: bool, now: datetime) -> None:
        """https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html"""
        if not item.is_data:
            return
        stream = {"DeliveryStreamName": self.stream}
        age = max(0.0, now.timestamp() - item.oldest)
        self.metrics.add("DeliveryToS3.Success", int(success), "Count", stream)
        self.metrics.add("DeliveryToS3.DataFreshness", age, "Seconds", stream)
        if success:
            self.metrics.add("DeliveryToS3.Records", item.records, "Count", stream)
            self.metrics.add("DeliveryToS3.Bytes", item.size, "Bytes", stream)

    def snapshot(self) -> Params:
        """What isn't in S3 yet, as JSON types."""
        outbox: list[dict[str, Any]] = []
        for item in self._outbox:
            saved = asdict(item)
            del saved["since"], saved["due"]
            outbox.append({**saved, "body": b64encode(item.body).decode()})
        buffers = {kind: buffer.to_json() for kind, buffer in self._buffers.items()}
        return {"outbox": outbox, "buffers": {k: b for k, b in buffers.items() if b}}

    def restore(self, state: Params, now: datetime) -> None:
        """Take up what ``snapshot`` gave."""
        for saved in state["outbox"]:
            self._outbox.append(_Object(**{**saved, "body": b64decode(saved["body"])}))
        for kind, buffer in state["buffers"].items():
            self._buffer(kind).restore(buffer, now)
