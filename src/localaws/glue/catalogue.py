"""What a crawl writes into the Data Catalog, through the API that everybody has."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from localaws.glue.grouping import Note, Table
from localaws.glue.merging import (
    CRAWLER,
    DEPRECATED,
    Policy,
    differs,
    folder,
    fundamental_changes,
    inherited,
    marked,
    partition_to_be,
    table_to_be,
)
from localaws.glue.storage import Author, partition_input, table_input
from localaws.service import Params
from localaws.table_input import PARTITION_INPUT, TABLE_INPUT

#: BatchCreatePartition and BatchUpdatePartition take as many at a time.
_BATCH = 100


@dataclass
class Changes:
    """What a crawl changed, by ADD, UPDATE and DELETE: names of tables, numbers of partitions."""

    tables: dict[str, list[str]] = field(default_factory=dict)
    partitions: dict[str, int] = field(default_factory=dict)

    def table(self, kind: str, name: str) -> None:
        """Count a table that was added, updated or deleted (or deprecated)."""
        self.tables.setdefault(kind, []).append(name)

    def partition(self, kind: str, count: int) -> None:
        """Count partitions that were added, updated or deleted (or deprecated)."""
        if count:
            self.partitions[kind] = self.partitions.get(kind, 0) + count


class Catalogue:
    """The database that a crawler writes to.

    Args:
        glue: a client of the Data Catalog.
        now: the time of the crawl, UTC.
        note: is told what the crawl changed, and what it left as it was.
    """

    def __init__(
        self, glue: Any, database: str, policy: Policy, author: Author, now: datetime, note: Note
    ) -> None:
        self._glue, self._database, self._policy, self._author = glue, database, policy, author
        self._now_ms = int(now.timestamp() * 1000)
        self._note = note
        self.changes = Changes()

    def write(self, prefix: str, tables: Sequence[Table], targets: Sequence[str]) -> Changes:
        """Make the catalogue agree with what was found, as far as the policy goes.

        Args:
            prefix: the crawler's TablePrefix.
            targets: the folders that were crawled, as S3 URIs: the crawler's tables in them
                that were not found any more are gone.
        """
        found = {self._name(prefix.lower() + table.name, table): table for table in tables}
        for name, table in found.items():
            self._write_table(name, table)
        pages = self._glue.get_paginator("get_tables").paginate(DatabaseName=self._database)
        for existing in [table for page in pages for table in page["TableList"]]:
            location = folder(existing.get("StorageDescriptor", {}).get("Location", ""))
            if (
                existing["Name"] not in found
                and existing.get("Parameters", {}).get(CRAWLER) == self._author.crawler
                and any(location.startswith(target) for target in targets)
            ):
                self._drop_table(existing)
        return self.changes

    def _name(self, name: str, table: Table) -> str:
        """The table's name; with a hash behind it if another table has that name already."""
        existing = self._table(name)
        if existing is None or _is_same(existing, table):
            return name
        return f"{name}_{hashlib.md5(table.location.encode()).hexdigest()}"  # noqa: S324 - a name

    def _table(self, name: str) -> Params | None:
        try:
            table: Params = self._glue.get_table(DatabaseName=self._database, Name=name)["Table"]
        except ClientError as error:
            if error.response["Error"]["Code"] == "EntityNotFoundException":
                return None
            raise
        return table

    def _write_table(self, name: str, table: Table) -> None:
        found = table_input(table, name, self._author)
        existing = self._table(name)
        if existing is not None:
            written = self._update_table(existing, found)
        elif self._policy.new_tables:
            self._glue.create_table(DatabaseName=self._database, TableInput=found)
            self.changes.table("ADD", name)
            self._note(f"Created table {name} in database {self._database}")
            written = found
        else:
            self._note(f"{table.location} would be a new table: passed over")
            return
        if table.keys:
            self._write_partitions(name, table, written)

    def _update_table(self, existing: Params, found: Params) -> Params:
        """Update a table if the policy allows it; gives the table as it then is."""
        name = existing["Name"]
        wanted = table_to_be(existing, found, self._policy)
        if self._policy.merge and (changes := fundamental_changes(existing, found)):
            self._note(f"Table {name} has another {', '.join(changes)} now")
            self._deprecate_table(existing)
            return existing
        if not differs(existing, wanted):
            return existing
        if self._policy.update == "LOG":
            self._note(f"Table {name} has changed: left as it was")
            return existing
        self._glue.update_table(DatabaseName=self._database, TableInput=_only(wanted, TABLE_INPUT))
        self.changes.table("UPDATE", name)
        self._note(f"Updated table {name} in database {self._database}")
        return wanted

    def _write_partitions(self, name: str, table: Table, written: Params) -> None:
        place = {"DatabaseName": self._database, "TableName": name}
        pages = self._glue.get_paginator("get_partitions").paginate(**place)
        existing = {tuple(p["Values"]): p for page in pages for p in page["Partitions"]}
        found = {
            tuple(table.values(folders)): partition_input(table, folders, objects, self._author)
            for folders, objects in table.partitions().items()
        }
        news = [
            inherited(partition, written) if self._policy.inherit else partition
            for values, partition in found.items()
            if values not in existing
        ]
        for batch in _batches(news):
            _check(self._glue.batch_create_partition(**place, PartitionInputList=batch))
        self.changes.partition("ADD", len(news))
        updated = {}
        for values, partition in existing.items():
            wanted = partition_to_be(partition, found.get(values), written, self._policy)
            if differs(partition, wanted):
                updated[values] = wanted
        self._update_partitions(place, list(updated.values()))
        self.changes.partition("UPDATE", len(updated))
        self._drop_partitions(
            place,
            [
                updated.get(values, partition)
                for values, partition in existing.items()
                if values not in found and CRAWLER in partition.get("Parameters", {})
            ],
        )
        if news or updated:
            self._note(f"Table {name}: {len(news)} partitions added, {len(updated)} updated")

    def _update_partitions(self, place: Params, partitions: Sequence[Params]) -> None:
        for batch in _batches(partitions):
            entries = [
                {"PartitionValueList": p["Values"], "PartitionInput": _only(p, PARTITION_INPUT)}
                for p in batch
            ]
            _check(self._glue.batch_update_partition(**place, Entries=entries))

    def _drop_partitions(self, place: Params, gone: Sequence[Params]) -> None:
        """Do with partitions whose objects are gone what DeleteBehavior says."""
        if not gone:
            return
        if self._policy.delete == "LOG":
            self._note(
                f"Table {place['TableName']}: {len(gone)} partitions gone, left as they were"
            )
            return
        if self._policy.delete == "DELETE_FROM_DATABASE":
            for partition in gone:
                self._glue.delete_partition(**place, PartitionValues=partition["Values"])
        else:
            gone = [p for p in gone if DEPRECATED not in p["Parameters"]]
            self._update_partitions(place, [marked(p, self._now_ms) for p in gone])
        self.changes.partition("DELETE", len(gone))

    def _drop_table(self, gone: Params) -> None:
        """Do with a table whose objects are gone what DeleteBehavior says."""
        name = gone["Name"]
        match self._policy.delete:
            case "LOG":
                self._note(f"Table {name} is gone: left as it was")
            case "DELETE_FROM_DATABASE":
                self._glue.delete_table(DatabaseName=self._database, Name=name)
                self.changes.table("DELETE", name)
                self._note(f"Deleted table {name} from database {self._database}")
            case _:
                self._deprecate_table(gone)

    def _deprecate_table(self, table: Params) -> None:
        if DEPRECATED in table.get("Parameters", {}):
            return
        wanted = _only(marked(table, self._now_ms), TABLE_INPUT)
        self._glue.update_table(DatabaseName=self._database, TableInput=wanted)
        self.changes.table("DELETE", table["Name"])
        self._note(f"Deprecated table {table['Name']} in database {self._database}")


def _is_same(existing: Params, table: Table) -> bool:
    location = existing.get("StorageDescriptor", {}).get("Location", "")
    return folder(location) == folder(table.location) and len(
        existing.get("PartitionKeys", ())
    ) == len(table.keys)


def _batches(items: Sequence[Params]) -> Iterator[Sequence[Params]]:
    for start in range(0, len(items), _BATCH):
        yield items[start : start + _BATCH]


def _check(answer: Params) -> None:
    """Batch operations answer with errors instead of raising them."""
    for error in answer.get("Errors", ()):
        detail = error["ErrorDetail"]
        raise ClientError(
            {"Error": {"Code": detail["ErrorCode"], "Message": detail["ErrorMessage"]}},
            "BatchCreatePartition",
        )


def _only(item: Params, names: Sequence[str]) -> Params:
    """What of a table or partition can be written back: what was never given is read as empty
    text, which the API doesn't take."""
    return {name: item[name] for name in names if item.get(name) not in (None, "")}
