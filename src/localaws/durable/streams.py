"""Kinesis: records by shard and sequence number, and the iterators that were given out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from localaws.durable.directory import Changes, DataDirectory
from localaws.durable.rows import Mirror
from localaws.durable.scoped import Scope, decode, encode, scope_of, scope_text

_RECORDS: Final = "kinesis/records/"
_ITERATORS: Final = "kinesis/iterators"
_STREAMS: Final = "streams"
_TOKENS: Final = "shard_iterators"
_NUMBER: Final = "SequenceNumber"

_record = msgspec.json.Encoder()


class DataStreams:
    """What is written of Kinesis.

    Args:
        stores: MiniStack's own dictionaries by name, each keyed by account, region and name.
    """

    def __init__(self, stores: Mapping[str, dict[Scope, Any]]) -> None:
        self._stores = stores
        self._definitions = {name: Mirror(f"kinesis/{name}") for name in stores if name != _TOKENS}
        #: By shard, the sequence numbers of the first and the last record that are written.
        self._shards: dict[str, tuple[str, str]] = {}
        #: Iterators in the order in which they were given out, as MiniStack's dictionary has them.
        self._iterators: deque[Scope] = deque()

    def collect(self, changes: Changes, *, definitions: bool) -> None:
        """Add what isn't written yet.

        Args:
            definitions: whether more than records may have changed.
        """
        found = {_id(shard): shard for shard in self._all_shards()}
        if definitions or found.keys() != self._shards.keys():
            self._collect_definitions(changes)
            for gone in self._shards.keys() - found.keys():
                changes.drop(_RECORDS + gone)
                del self._shards[gone]
        for shard_id, shard in found.items():
            self._collect_records(shard_id, shard["records"], changes)
        self._collect_iterators(changes)

    def _all_shards(self) -> list[dict[str, Any]]:
        return [
            shard
            for stream in self._stores[_STREAMS].values()
            for shard in stream["shards"].values()
        ]

    def _collect_definitions(self, changes: Changes) -> None:
        for name, mirror in self._definitions.items():
            entries = self._stores[name]
            if name == _STREAMS:
                entries = {scope: _without_records(stream) for scope, stream in entries.items()}
            mirror.update({scope_text(s): encode(entry) for s, entry in entries.items()}, changes)

    def _collect_records(
        self, shard_id: str, records: list[dict[str, Any]], changes: Changes
    ) -> None:
        first, last = self._shards.get(shard_id, ("", ""))
        fresh = []
        for record in reversed(records):
            if record[_NUMBER] == last:
                break
            fresh.append(record)
        store = _RECORDS + shard_id
        for record in reversed(fresh):
            changes.put(store, record[_NUMBER], _record.encode(record))
        if records and first and records[0][_NUMBER] > first:
            changes.trim(store, records[0][_NUMBER])
        elif first and not records:
            changes.drop(store)
        self._shards[shard_id] = (
            (records[0][_NUMBER], records[-1][_NUMBER]) if records else ("", last)
        )

    def _collect_iterators(self, changes: Changes) -> None:
        tokens = self._stores[_TOKENS]
        fresh = []
        for scope in reversed(tokens):
            if self._iterators and scope == self._iterators[-1]:
                break
            fresh.append(scope)
        while self._iterators and self._iterators[0] not in tokens:
            changes.delete(_ITERATORS, scope_text(self._iterators.popleft()))
        for scope in reversed(fresh):
            changes.put(_ITERATORS, scope_text(scope), encode(tokens[scope]))
            self._iterators.append(scope)

    def load(self, directory: DataDirectory) -> None:
        """Fill MiniStack's dictionaries with what is in the directory."""
        for name, mirror in self._definitions.items():
            for key, value in directory.rows(mirror.store):
                mirror.loaded(key, value)
                self._stores[name][scope_of(key)] = decode(value)
        for shard in self._all_shards():
            records = [
                msgspec.json.decode(value) for _, value in directory.rows(_RECORDS + _id(shard))
            ]
            shard["records"] = records
            self._shards[_id(shard)] = (
                (records[0][_NUMBER], records[-1][_NUMBER]) if records else ("", "")
            )
        given = [(scope_of(key), decode(value)) for key, value in directory.rows(_ITERATORS)]
        for scope, iterator in sorted(given, key=lambda entry: entry[1]["created_at"]):
            self._stores[_TOKENS][scope] = iterator
            self._iterators.append(scope)


def _id(shard: Mapping[str, Any]) -> str:
    """A shard's identity: where its sequence numbers begin, which no other shard has."""
    return str(shard["starting_sequence_number"])


def _without_records(stream: Mapping[str, Any]) -> dict[str, Any]:
    shards = {
        shard_id: {k: v for k, v in shard.items() if k != "records"}
        for shard_id, shard in stream["shards"].items()
    }
    return {**stream, "shards": shards}
