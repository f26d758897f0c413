"""What a delivery stream holds: records before the function, and bytes before S3.

https://docs.aws.amazon.com/firehose/latest/dev/basic-deliver.html
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from localaws.firehose.processor import PAYLOAD_LIMIT, payload_size
from localaws.firehose.records import Record
from localaws.service import Params

# Room for the event's other members.
_ENVELOPE = 2048


@dataclass(slots=True)
class ProcessingBuffer:
    """Records that wait for the function."""

    _records: deque[Record] = field(default_factory=deque)
    _opened: datetime | None = None
    size: int = 0

    def __len__(self) -> int:
        return len(self._records)

    def add(self, records: Iterable[Record], now: datetime) -> None:
        """Add records."""
        for record in records:
            self._records.append(record)
            self.size += record.size
        if self._records and self._opened is None:
            self._opened = now

    def batch(self, size: int, interval: timedelta, now: datetime) -> list[Record]:
        """The next records for the function if it is time; else none."""
        if self._opened is None or (self.size < size and now - self._opened < interval):
            return []
        batch: list[Record] = []
        payload, taken = _ENVELOPE, 0
        while self._records:
            record = self._records[0]
            payload += payload_size(record)
            taken += record.size
            if batch and (payload > PAYLOAD_LIMIT or taken > size):
                break
            batch.append(self._records.popleft())
            self.size -= record.size
        self._opened = self._opened if self._records else None
        return batch

    def clear(self) -> list[Record]:
        """Take all records out."""
        records, self._opened, self.size = list(self._records), None, 0
        self._records.clear()
        return records

    def to_json(self) -> list[Any]:
        """The records, as JSON types."""
        return [record.to_json() for record in self._records]


@dataclass(slots=True)
class DeliveryBuffer:
    """Data that waits to become an object.

    Attributes:
        oldest: arrival of the oldest record, epoch seconds.
    """

    _data: list[bytes] = field(default_factory=list)
    _opened: datetime | None = None
    size: int = 0
    oldest: float = float("inf")

    def add(self, data: bytes, arrived: float, now: datetime) -> None:
        """Add a record's data."""
        self._data.append(data)
        self.size += len(data)
        self.oldest = min(self.oldest, arrived)
        if self._opened is None:
            self._opened = now

    def is_due(self, size: int, interval: timedelta, now: datetime) -> bool:
        """Whether it is time to write an object."""
        return self._opened is not None and (self.size >= size or now - self._opened >= interval)

    def take(self) -> tuple[bytes, int, float]:
        """All data, the number of records, and the arrival of the oldest; the buffer is empty."""
        taken = b"".join(self._data), len(self._data), self.oldest
        self._data, self._opened, self.size, self.oldest = [], None, 0, float("inf")
        return taken

    def to_json(self) -> Params | None:
        """The buffer, as JSON types; None if it is empty."""
        if not self._data:
            return None
        data = [b64encode(item).decode() for item in self._data]
        return {"data": data, "oldest": self.oldest}

    def restore(self, state: Params, now: datetime) -> None:
        """Take up what ``to_json`` gave."""
        for item in state["data"]:
            self.add(b64decode(item), state["oldest"], now)
