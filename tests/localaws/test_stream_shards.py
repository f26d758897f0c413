"""Reading the shards of a stream: order, new shards, positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from localaws.shards import LATEST, TRIM_HORIZON, Page, Position, Shard, ShardReader

START = datetime(2026, 7, 1, tzinfo=UTC)


@dataclass
class Stream:
    """A stream in memory. A closed shard has an end; iterators may be told to expire."""

    content: dict[str, list[str]]
    parents: dict[str, tuple[str, ...]] = field(default_factory=dict)
    closed: set[str] = field(default_factory=set)
    trimmed: dict[str, int] = field(default_factory=dict)
    expired: set[str] = field(default_factory=set)
    page_size: int = 2

    def shards(self) -> list[Shard]:
        return [Shard(name, self.parents.get(name, ())) for name in self.content]

    def iterator(self, shard_id: str, position: Position) -> str:
        records = self.content[shard_id]
        horizon = self.trimmed.get(shard_id, 0)
        start = {"TRIM_HORIZON": horizon, "LATEST": len(records)}.get(position.kind)
        if start is None:
            start = records.index(str(position.value)) + 1
            if start <= horizon:
                raise failure("TrimmedDataAccessException")
        return f"{shard_id}/{start}"

    def page(self, iterator: str, limit: int) -> Page:
        if iterator in self.expired:
            raise failure("ExpiredIteratorException")
        shard_id, _, start = iterator.partition("/")
        end = min(int(start) + limit, len(self.content[shard_id]))
        at_end = shard_id in self.closed and end == len(self.content[shard_id])
        records = self.content[shard_id][int(start) : end]
        return Page(records, None if at_end else f"{shard_id}/{end}")

    def sequence_number(self, record: str) -> str:
        return record


def failure(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code}}, "GetRecords")


def read(reader: ShardReader, seconds: float = 0) -> list[str]:
    now = START + timedelta(seconds=seconds)
    return [record for _, page in reader.read(now) for record in page.records]


@pytest.mark.behaviour("streams", "A shard is read when its parents have been read to their end")
def test_parents_are_read_before_their_children() -> None:
    stream = Stream(
        {"parent": ["1", "2", "3"], "child": ["4"], "other": ["x"]},
        parents={"child": ("parent",)},
        closed={"parent"},
    )
    reader = ShardReader(stream, TRIM_HORIZON)
    assert read(reader) == ["1", "2", "x"]
    assert read(reader) == ["3", "4"]


@pytest.mark.behaviour("streams", "A shard of which the parent is trimmed is read at once")
def test_child_of_a_trimmed_parent_is_read() -> None:
    reader = ShardReader(Stream({"child": ["4"]}, parents={"child": ("gone",)}), TRIM_HORIZON)
    assert read(reader) == ["4"]


@pytest.mark.behaviour("streams", "New shards are found, and read from their beginning")
def test_new_shards_are_found() -> None:
    stream = Stream({"a": ["1"]})
    reader = ShardReader(stream, LATEST)
    assert read(reader) == []
    stream.content["a"].append("2")
    stream.closed.add("a")
    stream.content["b"] = ["3"]
    stream.parents["b"] = ("a",)
    assert read(reader) == ["2"]
    assert read(reader) == ["3"]


def test_unrelated_new_shards_are_found_after_a_while() -> None:
    stream = Stream({"a": ["1"]})
    reader = ShardReader(stream, TRIM_HORIZON)
    assert read(reader) == ["1"]
    stream.content["b"] = ["2"]
    assert read(reader, seconds=9) == []
    assert read(reader, seconds=11) == ["2"]


@pytest.mark.behaviour("streams", "An expired iterator is replaced; nothing is lost or repeated")
def test_expired_iterator_is_replaced() -> None:
    stream = Stream({"a": ["1", "2"]})
    reader = ShardReader(stream, TRIM_HORIZON)
    assert read(reader) == ["1", "2"]
    stream.expired.add("a/2")
    stream.content["a"].append("3")
    assert read(reader) == []
    stream.expired.clear()
    assert read(reader) == ["3"]


@pytest.mark.behaviour("streams", "Records that were trimmed before they were read are skipped")
def test_trimmed_position_goes_on_at_the_horizon() -> None:
    stream = Stream({"a": ["1", "2", "3", "4"]})
    reader = ShardReader(stream, TRIM_HORIZON)
    assert read(reader) == ["1", "2"]
    state = reader.snapshot()
    stream.trimmed["a"] = 3
    restored = ShardReader(stream, TRIM_HORIZON)
    restored.restore(state)
    assert read(restored) == []
    assert read(restored) == ["4"]


def test_restored_reader_goes_on() -> None:
    stream = Stream({"a": ["1", "2", "3"]})
    reader = ShardReader(stream, TRIM_HORIZON)
    assert read(reader) == ["1", "2"]
    restored = ShardReader(stream, TRIM_HORIZON)
    restored.restore(reader.snapshot())
    assert read(restored) == ["3"]


def test_other_errors_are_raised() -> None:
    class Forbidden(Stream):
        def page(self, iterator: str, limit: int) -> Page:
            raise failure("AccessDeniedException")

    with pytest.raises(ClientError, match="AccessDenied"):
        read(ShardReader(Forbidden({"a": ["1"]}), TRIM_HORIZON))


def test_busy_shard_is_not_read() -> None:
    reader = ShardReader(Stream({"a": ["1"], "b": ["2"]}), TRIM_HORIZON)
    pages = list(reader.read(START, frozenset({"a"})))
    assert [shard_id for shard_id, _ in pages] == ["b"]


def test_all_shards_ended_is_the_end_of_the_stream() -> None:
    reader = ShardReader(Stream({"a": ["1"]}, closed={"a"}), TRIM_HORIZON)
    assert not reader.exhausted
    read(reader)
    assert reader.exhausted
