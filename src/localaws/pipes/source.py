"""DynamoDB Streams, as a pipe reads it."""

from __future__ import annotations

from typing import Any

import msgspec

from localaws.pipes.changes import head_of
from localaws.service import Aws, Params
from localaws.shards import Page, Position, Shard
from localaws.unparsed import unparsed_client


class _Records(msgspec.Struct):
    """GetRecordsOutput, its records as JSON text."""

    Records: list[msgspec.Raw]
    NextShardIterator: str | None = None


class TableStream:
    """A table's stream.

    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Streams.html
    """

    page_size: int = 1000

    def __init__(self, aws: Aws, arn: str) -> None:
        self.arn = arn
        self._client = unparsed_client(aws, "dynamodbstreams", GetRecordsOutput=_Records)

    def shards(self) -> list[Shard]:
        """All shards of the stream. Raises ClientError."""
        shards: list[Shard] = []
        start: Params = {}
        while True:
            answer = self._client.describe_stream(StreamArn=self.arn, **start)
            description = answer["StreamDescription"]
            for shard in description["Shards"]:
                parent = shard.get("ParentShardId")
                shards.append(Shard(shard["ShardId"], (parent,) if parent else ()))
            last = description.get("LastEvaluatedShardId")
            if not last:
                return shards
            start = {"ExclusiveStartShardId": last}

    def status(self) -> str:
        """ENABLED, DISABLED, or while that changes ENABLING or DISABLING. Raises ClientError."""
        answer = self._client.describe_stream(StreamArn=self.arn, Limit=1)
        return str(answer["StreamDescription"]["StreamStatus"])

    def iterator(self, shard_id: str, position: Position) -> str:
        """An iterator of a shard. Raises ClientError."""
        start = {} if position.value is None else {"SequenceNumber": position.value}
        answer = self._client.get_shard_iterator(
            StreamArn=self.arn, ShardId=shard_id, ShardIteratorType=position.kind, **start
        )
        return str(answer["ShardIterator"])

    def page(self, iterator: str, limit: int) -> Page:
        """The next records. Raises ClientError."""
        answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        return Page(answer["Records"], answer["NextShardIterator"])

    def sequence_number(self, record: Any) -> str:
        """The sequence number of a record."""
        return head_of(record).dynamodb.SequenceNumber
