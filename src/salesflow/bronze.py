"""The changelog's table in the Glue Data Catalog, held to the declared schema; its objects in S3.

A crawler infers: a price with a fraction is a double to it, and a column that no order has had is
none. It finds partitions and unforeseen columns; the types of the known ones are declared here.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from salesflow.deliveries import BRONZE_PREFIX
from salesflow.numbers import NotANumber, parse_decimal
from salesflow.schema import CHANGELOG_COLUMNS, PRICE_TYPE, PRICE_WHOLE_DIGITS

if TYPE_CHECKING:
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

# What GetTable and GetPartition answer beyond what UpdateTable and UpdatePartition take.
_TABLE_INPUT: Final = frozenset(
    {
        "Name",
        "Description",
        "Owner",
        "LastAccessTime",
        "LastAnalyzedTime",
        "Retention",
        "StorageDescriptor",
        "PartitionKeys",
        "ViewOriginalText",
        "ViewExpandedText",
        "TableType",
        "Parameters",
        "TargetTable",
    }
)
_PARTITION_INPUT: Final = frozenset(
    {"Values", "LastAccessTime", "StorageDescriptor", "Parameters", "LastAnalyzedTime"}
)
_PARTITIONS_AT_ONCE: Final = 100


class TableMissing(LookupError):
    """No crawl has made the table yet: nothing has arrived."""


class PartitionsRefused(Exception):
    """Glue couldn't update some partitions; the message names them."""


def declared_columns(columns: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The declared columns in their order, then those that only the crawler knows."""
    declared: list[dict[str, Any]] = [
        {"Name": column.name, "Type": column.glue_type, "Comment": column.description}
        for column in CHANGELOG_COLUMNS
    ]
    known = {column.name for column in CHANGELOG_COLUMNS}
    return declared + [dict(column) for column in columns if column["Name"] not in known]


def declare_columns(client: GlueClient, database: str, table: str) -> list[str]:
    """Make the table and its partitions hold the declared columns, with their types.

    Whatever holds them already is left alone. Returns what was changed: the table's columns as
    "name: old type -> new type", and the partitions as "dt=…/hour=…".

    Raises:
        TableMissing: there is no such table yet.
        PartitionsRefused: names the partitions.
    """
    try:
        description = client.get_table(DatabaseName=database, Name=table)["Table"]
    except client.exceptions.EntityNotFoundException:
        raise TableMissing(f"there is no table {database}.{table} yet") from None
    columns = description["StorageDescriptor"].get("Columns", [])
    wanted = declared_columns(columns)
    changes: list[str] = []
    if _types(columns) != _types(wanted):
        before = dict(_types(columns))
        changes = [
            f"{name}: {before.get(name, 'none')} -> {kind}"
            for name, kind in _types(wanted)
            if before.get(name) != kind
        ] or ["order of the columns"]
        update: Any = {key: value for key, value in description.items() if key in _TABLE_INPUT}
        update["StorageDescriptor"] = dict(description["StorageDescriptor"], Columns=wanted)
        client.update_table(DatabaseName=database, TableInput=update)
    return changes + _declare_in_partitions(client, database, table, wanted)


def column_problems(columns: Sequence[Mapping[str, Any]]) -> list[str]:
    """Declared columns that a table lacks, or has with another type."""
    types = dict(_types(columns))
    return [
        f"column {column.name} is {types.get(column.name, 'missing')}, not {column.glue_type}"
        for column in CHANGELOG_COLUMNS
        if types.get(column.name) != column.glue_type
    ]


def _declare_in_partitions(
    client: GlueClient, database: str, table: str, wanted: list[dict[str, Any]]
) -> list[str]:
    """A partition whose types differ from the table's makes Athena fail.

    https://docs.aws.amazon.com/athena/latest/ug/updates-and-partitions.html
    """
    entries: list[Any] = []
    pages = client.get_paginator("get_partitions").paginate(DatabaseName=database, TableName=table)
    for partition in (partition for page in pages for partition in page["Partitions"]):
        storage = partition.get("StorageDescriptor", {})
        if _types(storage.get("Columns", [])) != _types(wanted):
            update: Any = {k: v for k, v in partition.items() if k in _PARTITION_INPUT}
            update["StorageDescriptor"] = dict(storage, Columns=wanted)
            entries.append({"PartitionValueList": partition["Values"], "PartitionInput": update})
    for start in range(0, len(entries), _PARTITIONS_AT_ONCE):
        answer = client.batch_update_partition(
            DatabaseName=database,
            TableName=table,
            Entries=entries[start : start + _PARTITIONS_AT_ONCE],
        )
        if errors := answer.get("Errors"):
            named = "; ".join(
                f"{'/'.join(e.get('PartitionValueList', []))}: "
                f"{e.get('ErrorDetail', {}).get('ErrorMessage')}"
                for e in errors
            )
            raise PartitionsRefused(f"{len(errors)} partitions weren't updated: {named}")
    return ["partition " + "/".join(entry["PartitionValueList"]) for entry in entries]


def _types(columns: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    return [(column["Name"], column.get("Type", "")) for column in columns]


def unreadable_objects(
    client: S3Client, bucket: str, partitions: Iterable[Sequence[str]]
) -> Iterator[str]:
    """The objects of partitions of the changelog that Athena can't read, each with the reason.

    Athena fails on the first of them, and doesn't always say which it is.
    """
    for dt, hour in partitions:
        prefix = f"{BRONZE_PREFIX}dt={dt}/hour={hour}/"
        pages = client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        for entry in (entry for page in pages for entry in page.get("Contents", [])):
            key = entry["Key"]
            if not key.removeprefix(prefix).startswith(("_", ".")):
                body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
                if problem := _unreadable(key, body):
                    yield f"s3://{bucket}/{key}: {problem}"


def _unreadable(key: str, body: bytes) -> str | None:
    """Why an object isn't lines of JSON of the changelog's types."""
    if key.endswith(".gz") and body:
        try:
            body = gzip.decompress(body)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            return f"it isn't gzip: {error}"
    for number, line in enumerate(body.split(b"\n"), 1):
        try:
            row = json.loads(line, parse_int=str, parse_float=str) if line.strip() else {}
        except (ValueError, RecursionError) as error:
            return f"line {number} isn't JSON: {error}"
        if not isinstance(row, dict):
            return f"line {number} is no JSON object"
        for column in CHANGELOG_COLUMNS:
            value = row.get(column.name)
            if value is not None and not _fits(value, column.glue_type):
                return f"line {number}: {column.name} is no {column.glue_type}"
    return None


def _fits(value: Any, glue_type: str) -> bool:
    """Whether a value of a JSON row, its numbers as text, can be one of a column."""
    if glue_type == "string":
        return True
    try:
        number = parse_decimal(value)
    except (NotANumber, TypeError):
        return False
    if glue_type == PRICE_TYPE:
        return abs(number) < 10**PRICE_WHOLE_DIGITS
    bits = {"int": 31, "bigint": 63}[glue_type]
    return -(2**bits) <= number < 2**bits and number == int(number)
