"""DynamoDB's tables: items one by one, and the records of their streams by their place in it."""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from localaws.durable.directory import Changes, DataDirectory
from localaws.durable.rows import Mirror
from localaws.durable.scoped import Scope, decode, encode, scope_of, scope_text

_ITEMS: Final = "dynamodb/items/"
_RECORDS: Final = "dynamodb/records/"
_TRIMMED: Final = "dynamodb/trimmed"
#: What MiniStack derives from the items.
_DERIVED: Final = frozenset({"items", "ItemCount", "TableSizeBytes", "_index_members"})
_TABLES: Final = "tables"
_STREAM: Final = frozenset({"stream_records", "stream_trimmed"})

_item = msgspec.json.Encoder()


@dataclass(slots=True)
class _Written:
    """How much of a stream is written: the absolute positions of its first and next record."""

    first: int
    end: int


class Tables:
    """What is written of DynamoDB.

    Args:
        stores: MiniStack's own dictionaries by name, each keyed by account, region and name.
    """

    def __init__(self, stores: Mapping[str, dict[Scope, Any]]) -> None:
        self._stores = stores
        self._definitions = {
            name: Mirror(f"dynamodb/{name}") for name in stores if name not in _STREAM
        }
        self._ids: set[str] = set()
        self._streams: dict[str, _Written] = {}
        #: Written from other threads, too (the reaper of items whose time has come).
        self._touched: deque[tuple[dict[str, Any], tuple[str, str] | None]] = deque()

    def touch(self, table: dict[str, Any], partition: str, sort: str) -> None:
        """An item was written or removed."""
        self._touched.append((table, (partition, sort)))

    def touch_all(self, table: dict[str, Any]) -> None:
        """All items of a table were exchanged."""
        self._touched.append((table, None))

    def collect(self, changes: Changes, *, definitions: bool) -> None:
        """Add what isn't written yet.

        Args:
            definitions: whether more than items may have changed.
        """
        tables = self._stores[_TABLES]
        if definitions or any(_id(table) not in self._ids for table, _ in self._touched):
            self._collect_definitions(changes)
        while self._touched:
            table, key = self._touched.popleft()
            store = _ITEMS + _id(table)
            if _id(table) not in self._ids:
                continue  # the table is gone, or never was a table of its own
            if key is None:
                changes.drop(store)
                for partition, items in table["items"].items():
                    for sort, item in items.items():
                        changes.put(store, _key(partition, sort), _item.encode(item))
                continue
            item = table["items"].get(key[0], {}).get(key[1])
            if item is None:
                changes.delete(store, _key(*key))
            else:
                changes.put(store, _key(*key), _item.encode(item))
        for scope, records in self._stores["stream_records"].items():
            if scope in tables:
                self._collect_records(scope, records, changes)

    def _collect_definitions(self, changes: Changes) -> None:
        for name, mirror in self._definitions.items():
            entries = self._stores[name]
            if name == _TABLES:
                entries = {
                    scope: {k: v for k, v in table.items() if k not in _DERIVED}
                    for scope, table in entries.items()
                }
            mirror.update({scope_text(s): encode(entry) for s, entry in entries.items()}, changes)
        tables = self._stores[_TABLES].values()
        found = {_id(table): table for table in tables}
        for gone in self._ids - found.keys():
            changes.drop(_ITEMS + gone)
        for new in found.keys() - self._ids:
            if found[new]["items"]:  # a copy of another table
                self.touch_all(found[new])
        self._ids = set(found)
        streams = {_stream(table) for table in tables}
        for stream in self._streams.keys() - streams:
            changes.drop(_RECORDS + stream)
            changes.delete(_TRIMMED, stream)
            del self._streams[stream]

    def _collect_records(self, scope: Scope, records: list[Any], changes: Changes) -> None:
        stream = _stream(self._stores[_TABLES][scope])
        first = self._stores["stream_trimmed"].get(scope, 0)
        end = first + len(records)
        written = self._streams.setdefault(stream, _Written(first, first))
        store = _RECORDS + stream
        for position in range(max(written.end, first), end):
            value = _item.encode(records[position - first])
            changes.put(store, _position(position), value)
        if first > written.first:
            changes.trim(store, _position(first))
            changes.put(_TRIMMED, stream, str(first).encode())
        written.first, written.end = first, end

    def load(self, directory: DataDirectory) -> None:
        """Fill MiniStack's dictionaries with what is in the directory."""
        for name, mirror in self._definitions.items():
            for key, value in directory.rows(mirror.store):
                mirror.loaded(key, value)
                self._stores[name][scope_of(key)] = decode(value)
        trimmed = dict(directory.rows(_TRIMMED))
        for scope, table in self._stores[_TABLES].items():
            self._ids.add(_id(table))
            items: defaultdict[str, dict[str, Any]] = defaultdict(dict)
            count = 0
            for key, value in directory.rows(_ITEMS + _id(table)):
                partition, sort = msgspec.json.decode(key, type=tuple[str, str])
                items[partition][sort] = msgspec.json.decode(value)
                count += 1
            table |= {"items": items, "ItemCount": count, "TableSizeBytes": count * 200}
            stream = _stream(table)
            records = [msgspec.json.decode(value) for _, value in directory.rows(_RECORDS + stream)]
            first = int(trimmed.get(stream, b"0"))
            if records or first:
                self._stores["stream_records"][scope] = records
                self._stores["stream_trimmed"][scope] = first
                self._streams[stream] = _Written(first, first + len(records))


def _id(table: Mapping[str, Any]) -> str:
    """A table's identity: a table of the same name that is made later is another one."""
    return str(table.get("TableId") or f"{table['TableArn']}@{table['CreationDateTime']}")


def _stream(table: Mapping[str, Any]) -> str:
    return str(table.get("LatestStreamArn") or _id(table))


def _key(partition: str, sort: str) -> str:
    return _item.encode((partition, sort)).decode()


def _position(number: int) -> str:
    return f"{number:020d}"
