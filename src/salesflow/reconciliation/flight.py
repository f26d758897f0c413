"""Orders that differ because a change of theirs is on its way.

Silver is complete until a time, and orders go on changing. What has changed since then stands in
the Kinesis stream, with what the order was before and after. An order is in flight if the changes
there lead from what silver has to what the table has, without a gap, and all of them came to the
stream since. Anything else is a mismatch: what came before isn't on its way any more, it is lost.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from salesflow.changes import Refused
from salesflow.reconciliation.fingerprints import fingerprint, item_values
from salesflow.reconciliation.ledger import REFUSED, Candidate, Change, State, Verdict
from salesflow.schema import KEY_ATTRIBUTE, SEQUENCE_NUMBER_DIGITS

if TYPE_CHECKING:
    from mypy_boto3_kinesis import KinesisClient

# What the clocks of the table and of the stream may differ by, and a reason's chance to be seen:
# a change that came shortly before silver was complete, and isn't in it.
_MARGIN: Final = timedelta(minutes=1)


class Judgement(NamedTuple):
    """A verdict, or why there is none: what is wrong, if that is known.

    Without either, there is no explanation yet: a change may not have come to the stream.
    """

    verdict: Verdict | None
    reason: str | None = None


@dataclass(slots=True)
class ChangeStream:
    """Reads the changes since a time from the Kinesis stream, shard by shard, as they come.

    If the stream no longer has them all, nothing is amiss: what it has forgotten isn't on its way.

    https://docs.aws.amazon.com/kinesis/latest/APIReference/API_GetRecords.html

    Attributes:
        since: what came since then is read.
        wanted: whether the changes of an order are.
        records: how many were read so far.
        newest: the time of the newest change so far (UTC, in whole seconds).
        moved_at: when a record was last read.
        behind: whether there was more to read at the last look.
    """

    client: KinesisClient
    name: str
    since: datetime
    wanted: Callable[[str], bool]
    now: Callable[[], datetime]
    records: int = 0
    newest: datetime | None = None
    moved_at: datetime | None = None
    behind: bool = True
    _iterators: dict[str, str | None] = field(default_factory=dict)

    def read(self) -> Iterator[Change]:
        """The changes that are wanted in one page of every shard."""
        self._discover()
        self.behind = False
        for shard, iterator in self._iterators.items():
            if iterator is None:
                continue
            answer = self.client.get_records(ShardIterator=iterator, Limit=10_000)
            # A shard that was split or merged ends; its children are found at the next look.
            following = answer.get("NextShardIterator")
            self._iterators[shard] = following
            self.behind |= following is None or answer.get("MillisBehindLatest", 0) > 0
            for record in answer["Records"]:
                self.records += 1
                self.moved_at = self.now()
                yield from self._change(record)

    def at_rest(self, asked: datetime, quiet: timedelta) -> bool:
        """Whether all that was changed until a time must have come.

        Nothing has come since for as long as a change may take; or something has that is so much
        newer, as changes may never end.
        """
        if self.newest is not None and self.newest >= asked + quiet:
            return True
        return self.now() - max(asked, self.moved_at or asked) >= quiet

    def _discover(self) -> None:
        for page in self.client.get_paginator("list_shards").paginate(StreamName=self.name):
            for shard in page["Shards"]:
                if shard["ShardId"] not in self._iterators:
                    self._iterators[shard["ShardId"]] = self.client.get_shard_iterator(
                        StreamName=self.name,
                        ShardId=shard["ShardId"],
                        ShardIteratorType="AT_TIMESTAMP",
                        Timestamp=self.since - _MARGIN,
                    )["ShardIterator"]

    def _change(self, record: Mapping[str, Any]) -> Iterator[Change]:
        """What is no change of an order is the transform's to refuse, and explains nothing here."""
        try:
            event = json.loads(record["Data"])
            stream = event["dynamodb"]
            orderid = stream["Keys"][KEY_ATTRIBUTE]["S"]
            number = stream["SequenceNumber"].zfill(SEQUENCE_NUMBER_DIGITS)
            created = datetime.fromtimestamp(int(stream["ApproximateCreationDateTime"]), UTC)
            has_old, has_new = _IMAGES[event["eventName"]]
        except (
            ValueError,
            ArithmeticError,
            LookupError,
            TypeError,
            AttributeError,
            RecursionError,
        ):
            return
        self.newest = max(created, self.newest or created)
        if not isinstance(orderid, str) or not self.wanted(orderid):
            return
        before = state_of(stream.get("OldImage"), created) if has_old else None
        after = state_of(stream.get("NewImage"), created) if has_new else None
        arrived = record["ApproximateArrivalTimestamp"].timestamp()
        yield Change(orderid, number, created.timestamp(), arrived, before, after)


# Whether a change has an old image, and whether it has a new one.
_IMAGES: Final = {"INSERT": (False, True), "MODIFY": (True, True), "REMOVE": (True, False)}


def state_of(image: Any, at: datetime) -> State:
    """How an order was, from its image; `REFUSED` if that can't be told.

    A change that was too large for the stream has come without its old image.
    """
    if not isinstance(image, dict):
        return REFUSED
    try:
        return fingerprint(item_values(image, at))
    except (Refused, RecursionError):
        return REFUSED


def judge(order: Candidate, changes: Iterable[Change], complete_until: datetime) -> Judgement:
    """Whether the changes explain why an order differs.

    Args:
        changes: those of the order in the stream, in their order.
    """
    # Streams tell the time of a change in whole seconds, rounded down.
    complete = int(complete_until.timestamp())
    state = order.silver
    for change in changes:
        if change.sequence_number <= (order.sequence_number or ""):
            continue
        at = f"{datetime.fromtimestamp(change.created, UTC):%Y-%m-%d %H:%M:%S} UTC"
        if REFUSED not in (state, change.before) and change.before != state:
            return Judgement(None, f"silver lacks what the order was before its change of {at}")
        if change.after != REFUSED and max(change.created, change.arrived) < complete:
            return Judgement(None, f"its change of {at} is not in silver")
        if change.after == order.item:
            return Judgement(Verdict.IN_FLIGHT)
        state = change.after
    return Judgement(None)
