"""Reads the table of orders: all of it, a random part of it, or given orders; and what that costs.

Scan: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_Scan.html
BatchGetItem: https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html
"""

from __future__ import annotations

import time
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any, Final

from salesflow.schema import KEY_ATTRIBUTE, KNOWN_NAMES

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, dict[str, Any]]

BATCH_SIZE: Final = 100
_SEGMENTS_MAX: Final = 1_000_000
_UNIT_BYTES: Final = 4096
_BASE_DELAY_SECONDS: Final = 0.05
_MAX_DELAY_SECONDS: Final = 5.0
_ATTEMPTS: Final = 12


class ReadStalled(Exception):
    """DynamoDB leaves keys unprocessed, however often it is asked."""


@dataclass(slots=True)
class OrdersTable:
    """The table of orders, for reading.

    Attributes:
        units: read capacity units consumed so far, as DynamoDB says; where it says nothing, as
            many as the size of its answers comes to.
    """

    client: DynamoDBClient
    name: str
    sleep: Callable[[float], None] = time.sleep
    units: float = 0.0

    def scan(self, segments: int) -> Iterator[list[Item]]:
        """All items, page by page, read in as many segments at a time.

        Reads are eventually consistent, which costs half. At most one page of each segment is held.

        Raises:
            ClientError: a page can't be read; no more are asked for.
        """

        def ask(segment: int, start: Mapping[str, Any] | None) -> Future[Any]:
            return pool.submit(self._page, segment, segments, start)

        with ThreadPoolExecutor(segments) as pool:
            running = {ask(segment, None): segment for segment in range(segments)}
            while running:
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    segment = running.pop(future)
                    answer = future.result()
                    if last := answer.get("LastEvaluatedKey"):
                        running[ask(segment, last)] = segment
                    yield self._items(answer, consistent=False)

    def sample(self, size: int, random: Random) -> list[Item]:
        """About `size` items: one random segment of as many as make it that large.

        The number of all items is DynamoDB's own, which is up to six hours old; so the segment may
        be larger or smaller, and no more than `size` of it are read.
        """
        total = self.client.describe_table(TableName=self.name)["Table"].get("ItemCount", 0)
        segments = max(1, min(_SEGMENTS_MAX, total // size))
        segment = random.randrange(segments)
        found: list[Item] = []
        start: Mapping[str, Any] | None = None
        while len(found) < size:
            answer = self._page(segment, segments, start, Limit=size - len(found))
            found += self._items(answer, consistent=False)
            start = answer.get("LastEvaluatedKey")
            if start is None:
                break
        return found

    def read(self, orderids: Sequence[str]) -> Iterator[Item]:
        """Those of the orders that exist, as they are now (consistent reads).

        Raises:
            ReadStalled: some can't be read.
        """
        for start in range(0, len(orderids), BATCH_SIZE):
            keys: Any = [
                {KEY_ATTRIBUTE: {"S": orderid}} for orderid in orderids[start : start + BATCH_SIZE]
            ]
            for attempt in range(_ATTEMPTS):
                answer: Any = self.client.batch_get_item(
                    RequestItems={self.name: {"Keys": keys, "ConsistentRead": True}},
                    ReturnConsumedCapacity="TOTAL",
                )
                yield from self._items(
                    {
                        **answer,
                        "Items": answer["Responses"].get(self.name, []),
                        "ConsumedCapacity": (answer.get("ConsumedCapacity") or [None])[0],
                    },
                    consistent=True,
                )
                keys = answer.get("UnprocessedKeys", {}).get(self.name, {}).get("Keys")
                if not keys:
                    break
                self.sleep(min(_MAX_DELAY_SECONDS, _BASE_DELAY_SECONDS * 2**attempt))
            else:
                raise ReadStalled(f"{self.name}: {len(keys)} keys stay unprocessed")

    def _page(
        self, segment: int, segments: int, start: Mapping[str, Any] | None, **more: Any
    ) -> dict[str, Any]:
        if start is not None:
            more["ExclusiveStartKey"] = start
        answer: Any = self.client.scan(
            TableName=self.name,
            Segment=segment,
            TotalSegments=segments,
            ReturnConsumedCapacity="TOTAL",
            **more,
        )
        return dict(answer)

    def _items(self, answer: Mapping[str, Any], *, consistent: bool) -> list[Item]:
        """The items of an answer, as the stream would show them; its cost is noted."""
        if capacity := answer.get("ConsumedCapacity"):
            self.units += capacity["CapacityUnits"]
        else:
            size = int(answer["ResponseMetadata"]["HTTPHeaders"].get("content-length", 0))
            self.units += size / _UNIT_BYTES * (1.0 if consistent else 0.5)
        return [_streamed_item(item) for item in answer["Items"]]


def _streamed_item(item: Item) -> Item:
    """An item as a stream's JSON has it, where boto3 gives what is binary as bytes."""
    if item.keys() <= KNOWN_NAMES:
        return item
    return {
        name: value if name in KNOWN_NAMES else _streamed(value) for name, value in item.items()
    }


def _streamed(value: dict[str, Any]) -> dict[str, Any]:
    ((kind, content),) = value.items()
    match kind:
        case "B":
            return {kind: b64encode(content).decode()}
        case "BS":
            return {kind: [b64encode(member).decode() for member in content]}
        case "M":
            return {kind: {name: _streamed(member) for name, member in content.items()}}
        case "L":
            return {kind: [_streamed(member) for member in content]}
    return value
