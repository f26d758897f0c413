"""Keeps the lake's Iceberg tables small and quick, and proves that no row changed by it.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-data-optimization.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from salesflow.queries import Answer, QueryFailed, Row

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

Query = Callable[[str], Answer]
"""Runs a statement on the lake."""

_ROUNDS: Final = 50
_MORE_TO_DO: Final = ("ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED", "ICEBERG_VACUUM_MORE_RUNS_NEEDED")
"""Athena compacts at most 100 partitions at once, and says so when there are more; likewise with
the files that a VACUUM deletes."""
_CONFLICT: Final = "ICEBERG_COMMIT_ERROR"
_KEYS_AT_ONCE: Final = 1000


class RowsChanged(Exception):
    """A compaction wrote other rows than it read. The snapshot before it still has the right ones.

    As long as nobody vacuums the table, they can be queried with FOR VERSION AS OF.
    """


class NotFinished(Exception):
    """Athena always had more to do, or somebody always was quicker; the message has its words."""


class NotDeleted(Exception):
    """S3 refused to delete some objects; the message names them."""


@dataclass(frozen=True, slots=True)
class Compaction:
    """What a compaction did to a table.

    Attributes:
        snapshots: how many it made: none if there was nothing to compact.
        rows: how many there were after it, and before; None without snapshots.
        files_before, files_after: data files of the table. A merge that ran meanwhile counts too.
    """

    table: str
    snapshots: int
    rows: int | None
    files_before: int
    files_after: int


def iceberg_tables(client: GlueClient, database: str) -> list[str]:
    """The names of the database's Iceberg tables."""
    pages = client.get_paginator("get_tables").paginate(DatabaseName=database)
    return sorted(
        table["Name"]
        for page in pages
        for table in page["TableList"]
        if table.get("Parameters", {}).get("table_type", "").upper() == "ICEBERG"
    )


def compact(query: Query, table: str) -> Compaction:
    """Bring a table's small files together, and check that its rows are the same as before.

    What is compared is each snapshot that replaced files with the one that it was made of, so a
    merge that comes in between changes nothing about the check.

    Raises:
        RowsChanged: they aren't the same.
        NotFinished: a merge always came in between.
    """
    known = {snapshot for snapshot, *_ in _snapshots(query, table)}
    files_before = _files(query, table)
    _until_done(query, f"OPTIMIZE {table} REWRITE DATA USING BIN_PACK")
    rows: int | None = None
    made = [
        (snapshot, parent)
        for snapshot, parent, operation in _snapshots(query, table)
        if snapshot not in known and operation == "replace"
    ]
    for snapshot, parent in made:
        columns = _columns(query, table, parent)
        before, after = (
            _row(query, checksum_statement(table, columns, version))
            for version in (parent, snapshot)
        )
        if before != after:
            raise RowsChanged(
                f"compacting {table} has changed it: snapshot {parent} has {before[0]} rows with "
                f"checksum {before[1]}, snapshot {snapshot} has {after[0]} with {after[1]}"
            )
        rows = int(after[0] or 0)
    return Compaction(table, len(made), rows, files_before, _files(query, table))


def checksum_statement(table: str, columns: Sequence[str], snapshot: str | None) -> str:
    """The statement that counts the rows of a snapshot, and takes a checksum of all of them.

    It is the same in whatever order the rows are, and another if one changes, is missing or stands
    there twice. https://trino.io/docs/current/functions/aggregate.html#checksum
    """
    values = ", ".join(f'"{name}"' for name in columns)
    return (
        f"SELECT count(*), to_hex(checksum(ROW({values})))\n"
        f'FROM "{table}" FOR VERSION AS OF {snapshot}'
    )


def _columns(query: Query, table: str, snapshot: str | None) -> list[str]:
    """The columns that a table had at a snapshot: more may have been added since."""
    answer = query(f'SELECT *\nFROM "{table}" FOR VERSION AS OF {snapshot} LIMIT 0')
    return [name for name, _ in answer.columns]


def vacuum(query: Query, table: str) -> None:
    """Expire the snapshots that are older than the table's properties say, with their files.

    Raises:
        NotFinished: after many rounds there is still more.
    """
    _until_done(query, f"VACUUM {table}")


def _until_done(query: Query, statement: str) -> None:
    """Run a statement again as long as Athena says that there is more to do, or that it collided.

    Of two that commit to a table at once, the later one fails; nothing is lost, as both can be
    repeated.
    """
    for _ in range(_ROUNDS):
        try:
            query(statement)
        except QueryFailed as failure:
            if not any(code in str(failure) for code in (*_MORE_TO_DO, _CONFLICT)):
                raise
            last = failure
        else:
            return
    raise NotFinished(f"after {_ROUNDS} rounds of {statement}: {last}")


def _snapshots(query: Query, table: str) -> list[Row]:
    """Id, id of the parent and operation of a table's snapshots, the oldest first."""
    answer = query(
        "SELECT CAST(snapshot_id AS varchar), CAST(parent_id AS varchar), operation\n"
        f'FROM "{table}$snapshots" ORDER BY committed_at'
    )
    return list(answer.rows)


def _files(query: Query, table: str) -> int:
    return int(_row(query, f'SELECT count(*)\nFROM "{table}$files"')[0] or 0)


def _row(query: Query, statement: str) -> Row:
    [row] = query(statement).rows
    return row


def clear_query_results(client: S3Client, results_uri: str, before: datetime) -> tuple[int, int]:
    """Delete query results that were written before a time; their number and bytes.

    On AWS the bucket's lifecycle rule has done so already.

    Args:
        results_uri: where Athena writes them, s3://bucket/folder/. Nothing else is touched.

    Raises:
        ValueError: that is no folder.
        NotDeleted: names what S3 refused to delete.
    """
    place = urlsplit(results_uri)
    prefix = place.path.lstrip("/")
    if place.scheme != "s3" or not prefix.rstrip("/") or not prefix.endswith("/"):
        raise ValueError(f"{results_uri} is no folder of a bucket")
    count = size = 0
    for old in _batches(_older(client, place.netloc, prefix, before)):
        keys: list[ObjectIdentifierTypeDef] = [{"Key": entry["Key"]} for entry in old]
        answer = client.delete_objects(Bucket=place.netloc, Delete={"Objects": keys, "Quiet": True})
        if errors := answer.get("Errors"):
            named = "; ".join(f"{e.get('Key')}: {e.get('Message')}" for e in errors)
            raise NotDeleted(f"{len(errors)} query results couldn't be deleted: {named}")
        count += len(old)
        size += sum(entry["Size"] for entry in old)
    return count, size


def _older(
    client: S3Client, bucket: str, prefix: str, before: datetime
) -> Iterator[Mapping[str, Any]]:
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            if entry["LastModified"] < before:
                yield entry


def _batches(entries: Iterator[Mapping[str, Any]]) -> Iterator[list[Mapping[str, Any]]]:
    batch: list[Mapping[str, Any]] = []
    for entry in entries:
        batch.append(entry)
        if len(batch) == _KEYS_AT_ONCE:
            yield batch
            batch = []
    if batch:
        yield batch
