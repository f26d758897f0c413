"""A Kinesis data stream, as its consumers read it."""

from __future__ import annotations

from localaws.service import Aws, Params
from localaws.shards import Page, Position, Shard
from localaws.unparsed import unparsed_client


class DataStream:
    """A Kinesis data stream.

    https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html
    """

    # AWS gives up to 10,000. Fewer hold up the other requests of this process less.
    page_size: int = 2000

    def __init__(self, aws: Aws, arn: str) -> None:
        self.arn = arn
        self._client = unparsed_client(aws, "kinesis")

    def shards(self) -> list[Shard]:
        """All shards of the stream. Raises ClientError."""
        shards: list[Shard] = []
        page: Params = {"StreamARN": self.arn}
        while True:
            answer = self._client.list_shards(**page)
            for shard in answer["Shards"]:
                parents = (shard.get("ParentShardId"), shard.get("AdjacentParentShardId"))
                shards.append(Shard(shard["ShardId"], tuple(p for p in parents if p)))
            if not answer.get("NextToken"):
                return shards
            page = {"NextToken": answer["NextToken"]}

    def iterator(self, shard_id: str, position: Position) -> str:
        """An iterator of a shard. Raises ClientError."""
        name = "Timestamp" if position.kind == "AT_TIMESTAMP" else "StartingSequenceNumber"
        start = {} if position.value is None else {name: position.value}
        answer = self._client.get_shard_iterator(
            StreamARN=self.arn, ShardId=shard_id, ShardIteratorType=position.kind, **start
        )
        return str(answer["ShardIterator"])

    def page(self, iterator: str, limit: int) -> Page:
        """The next records. Raises ClientError."""
        answer = self._client.get_records(ShardIterator=iterator, Limit=limit)
        behind = answer.get("MillisBehindLatest", 0)
        return Page(answer["Records"], answer.get("NextShardIterator"), behind)

    def sequence_number(self, record: Params) -> str:
        """The sequence number of a record."""
        return str(record["SequenceNumber"])
