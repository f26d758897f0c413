"""A report's files in the lake: CSV for people, Parquet for programs, and a manifest beside them.

A day's report has a stable key. Computed again with the same result, nothing is written; with
another, the old files are kept as an earlier version, and the manifest says what differs.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Container, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal, localcontext
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

import pyarrow as pa
from pyarrow import parquet

from salesflow.numbers import EXACT
from salesflow.result_files import read_table

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ARROW_TYPES: Final[Mapping[str, pa.DataType]] = {
    "tinyint": pa.int8(),
    "smallint": pa.int16(),
    "integer": pa.int32(),
    "bigint": pa.int64(),
    "real": pa.float32(),
    "double": pa.float64(),
    "boolean": pa.bool_(),
    "date": pa.date32(),
    "timestamp": pa.timestamp("us"),
}
_CONTENT_TYPES: Final = {
    "csv": "text/csv; charset=utf-8",
    "parquet": "application/vnd.apache.parquet",
    "json": "application/json",
}


@dataclass(frozen=True)
class Result:
    """What a report's query gave.

    Attributes:
        csv: the rows as Athena writes them: values quoted, nothing where there is none.
        columns: Athena's description of the columns (ColumnInfo).
    """

    csv: bytes
    columns: Sequence[Mapping[str, Any]]
    query_id: str
    scanned_bytes: int

    def table(self) -> pa.Table:
        """The rows with their types; what Athena can't say in CSV, such as an array, as text.

        Raises:
            NoResultFile: the CSV file isn't of these columns.
        """
        return read_table(
            self.csv, {column["Name"]: _arrow_type(column) for column in self.columns}
        )


@dataclass(frozen=True)
class Sum:
    """What a column adds up to, in both versions, and the difference; exact, as text."""

    before: str
    after: str
    difference: str


@dataclass(frozen=True)
class Restatement:
    """How a version of a report differs from the one before.

    Attributes:
        version: the one before.
        csv: the key under which it is kept.
        rows_gone: rows that only the version before has; a changed row is gone and new.
        sums: by column that adds up, where they differ.
    """

    version: int
    csv: str
    rows_gone: int
    rows_new: int
    sums: dict[str, Sum] = field(default_factory=dict)


@dataclass(frozen=True)
class Manifest:
    """What lies under a report's key, and where it came from.

    Attributes:
        watermark: until when all that was written had been merged when it was computed, ISO 8601;
            None if nobody knew.
        sql: digest of the query, without its day.
        csv, parquet: digests of the files.
        restated: how it differs from the version before; None for the first.
        run_id: the run that stored it; empty if that wasn't noted.
    """

    report: str
    day: str
    version: int
    rows: int
    computed_at: str
    watermark: str | None
    query_id: str
    scanned_bytes: int
    sql: str
    csv: str
    parquet: str
    restated: Restatement | None = None
    run_id: str = ""

    @classmethod
    def from_json(cls, text: bytes) -> Manifest:
        """The manifest that was stored."""
        values = json.loads(text)
        if restated := values.pop("restated"):
            sums = {name: Sum(**value) for name, value in restated.pop("sums").items()}
            values["restated"] = Restatement(**restated, sums=sums)
        return cls(**values)

    def to_json(self) -> bytes:
        """As it is stored."""
        return (json.dumps(asdict(self), indent=2) + "\n").encode()


def report_key(name: str, day: str, suffix: str = "csv") -> str:
    """The key of a report's file in the lake's bucket."""
    return f"reports/{name}/dt={day}/{name}.{suffix}"


def version_key(name: str, day: str, version: int, suffix: str) -> str:
    """The key of a version that was replaced, apart from the current ones."""
    return f"report-versions/{name}/dt={day}/{name}.v{version}.{suffix}"


def read_manifest(client: S3Client, bucket: str, name: str, day: str) -> Manifest | None:
    """The manifest of a day's report; None if it was never stored."""
    try:
        answer = client.get_object(Bucket=bucket, Key=report_key(name, day, "json"))
    except client.exceptions.NoSuchKey:
        return None
    return Manifest.from_json(answer["Body"].read())


def read_version(
    client: S3Client, bucket: str, name: str, day: str, version: int
) -> Manifest | None:
    """The manifest of a version of a day's report, the newest or a kept one; None if none."""
    manifest = read_manifest(client, bucket, name, day)
    if manifest is None or manifest.version == version:
        return manifest
    key = version_key(name, day, version, "json")
    try:
        answer = client.get_object(Bucket=bucket, Key=key)
    except client.exceptions.NoSuchKey:
        return None
    return Manifest.from_json(answer["Body"].read())


def store_report(
    client: S3Client,
    bucket: str,
    name: str,
    day: str,
    result: Result,
    *,
    sql: str,
    adds_up: Container[str],
    watermark: str | None,
    run_id: str,
    now: datetime,
) -> tuple[Manifest, bool]:
    """Store a day's report, unless it is what is stored already.

    The manifest is written last: what a crash leaves behind is written again by the next run.

    Args:
        sql: digest of the query, without its day.
        adds_up: the columns of which a restatement tells the sums.
        run_id: what stores it.

    Returns:
        The manifest of what is stored now, and whether that is new.
    """
    table = result.table()
    digest = sha256(result.csv).hexdigest()
    before = read_manifest(client, bucket, name, day)
    if before is not None and before.csv == digest:
        return before, False
    restated = None
    if before is not None:
        restated = _keep(client, bucket, before, table, adds_up)
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, compression="zstd")
    manifest = Manifest(
        report=name,
        day=day,
        version=1 if before is None else before.version + 1,
        rows=table.num_rows,
        computed_at=now.isoformat(),
        watermark=watermark,
        query_id=result.query_id,
        scanned_bytes=result.scanned_bytes,
        sql=sql,
        csv=digest,
        parquet=sha256(buffer.getvalue()).hexdigest(),
        restated=restated,
        run_id=run_id,
    )
    for suffix, body in (
        ("csv", result.csv),
        ("parquet", buffer.getvalue()),
        ("json", manifest.to_json()),
    ):
        client.put_object(
            Bucket=bucket,
            Key=report_key(name, day, suffix),
            Body=body,
            ContentType=_CONTENT_TYPES[suffix],
        )
    return manifest, True


def _keep(
    client: S3Client, bucket: str, before: Manifest, after: pa.Table, adds_up: Container[str]
) -> Restatement:
    """Keep the files that are about to be replaced, and tell how their rows differ."""
    kept = {
        suffix: version_key(before.report, before.day, before.version, suffix)
        for suffix in _CONTENT_TYPES
    }
    # Whoever crashed after this may have written new files: what is kept already stays.
    if not _exists(client, bucket, kept["json"]):
        for suffix, key in kept.items():
            source = report_key(before.report, before.day, suffix)
            client.copy_object(Bucket=bucket, Key=key, CopySource={"Bucket": bucket, "Key": source})
    key = kept["parquet"]
    body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    return difference(parquet.read_table(pa.BufferReader(body)), after, before, adds_up)


def _exists(client: S3Client, bucket: str, key: str) -> bool:
    return client.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1)["KeyCount"] > 0


def difference(
    before: pa.Table, after: pa.Table, manifest: Manifest, adds_up: Container[str]
) -> Restatement:
    """How the rows of a report differ from those of the version before, whose manifest is given.

    Args:
        adds_up: the columns whose sum means something; of the others none is told.
    """
    old, new = _rows(before), _rows(after)
    sums = {}
    for column in after.column_names:
        if column not in adds_up or column not in before.column_names:
            continue
        first, last = _sum(before.column(column)), _sum(after.column(column))
        if first is not None and last is not None and first != last:
            sums[column] = Sum(
                *(f"{sum_:f}" for sum_ in (first, last, EXACT.subtract(last, first)))
            )
    return Restatement(
        version=manifest.version,
        csv=version_key(manifest.report, manifest.day, manifest.version, "csv"),
        rows_gone=(old - new).total(),
        rows_new=(new - old).total(),
        sums=sums,
    )


def _rows(table: pa.Table) -> Counter[tuple[tuple[str, Any], ...]]:
    return Counter(tuple(row.items()) for row in table.to_pylist())


def _sum(column: pa.ChunkedArray) -> Decimal | None:
    """What a column adds up to, exactly; None unless it holds whole numbers or decimals."""
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_decimal(kind)):
        return None
    with localcontext(EXACT):
        values = (Decimal(value) for value in column.to_pylist() if value is not None)
        return sum(values, Decimal(0))


def _arrow_type(column: Mapping[str, Any]) -> pa.DataType:
    if column["Type"] == "decimal":
        return pa.decimal128(column["Precision"], column["Scale"])
    return _ARROW_TYPES.get(column["Type"], pa.string())
