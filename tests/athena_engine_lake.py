"""A lake to query: tables in the local AWS's catalogue, files in its S3, an engine over both."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from localaws.athena.catalog import Catalog, view_text
from localaws.athena.engine import Column, Engine
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws
from localaws.service import Aws

OPENX = "org.openx.data.jsonserde.JsonSerDe"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
TEXT = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"
OPEN_CSV = "org.apache.hadoop.hive.serde2.OpenCSVSerde"
NOW = datetime(2025, 7, 11, 8, 30, 15, 250_000, tzinfo=UTC)
Columns = Mapping[str, str]


class Lake:
    """Bucket ``lake`` and database ``sales``, with an engine whose clock stands still."""

    def __init__(self, local: LocalAws, scratch: Path, **engine: Any) -> None:
        self.s3 = local.aws.client("s3")
        self.glue = local.aws.client("glue")
        self.s3.create_bucket(Bucket="lake")
        self.glue.create_database(DatabaseInput={"Name": "sales"})
        iceberg = IcebergTables(local.aws)
        self.engine = Engine(
            Catalog(self.glue), self.s3, iceberg, scratch, clock=lambda: NOW, **engine
        )

    def table(
        self,
        name: str,
        columns: Columns,
        *,
        keys: Columns | None = None,
        serde: str = OPENX,
        parameters: Mapping[str, str] | None = None,
        serde_parameters: Mapping[str, str] | None = None,
    ) -> None:
        """Create a table whose files lie in the folder of its name."""
        self.glue.create_table(
            DatabaseName="sales",
            TableInput={
                "Name": name,
                "TableType": "EXTERNAL_TABLE",
                "Parameters": dict(parameters or {}),
                "PartitionKeys": _columns(keys or {}),
                "StorageDescriptor": storage(
                    f"s3://lake/{name}/", columns, serde, serde_parameters
                ),
            },
        )

    def partition(
        self,
        table: str,
        values: Sequence[str],
        columns: Columns,
        *,
        location: str | None = None,
        serde: str = OPENX,
    ) -> None:
        """Add a partition; it lies in the folder of its values unless told otherwise."""
        folder = location or f"s3://lake/{table}/{'/'.join(values)}/"
        self.glue.create_partition(
            DatabaseName="sales",
            TableName=table,
            PartitionInput={
                "Values": list(values),
                "StorageDescriptor": storage(folder, columns, serde, None),
            },
        )

    def view(self, name: str, sql: str, columns: Columns) -> None:
        """Create a view as Athena stores it."""
        self.glue.create_table(
            DatabaseName="sales",
            TableInput={
                "Name": name,
                "TableType": "VIRTUAL_VIEW",
                "Parameters": {"presto_view": "true", "comment": "Presto View"},
                "StorageDescriptor": {"Columns": _columns(columns)},
                "ViewOriginalText": view_text(sql, "sales", list(columns.items())),
                "ViewExpandedText": "/* Presto View */",
            },
        )

    def put(self, key: str, content: str | bytes) -> int:
        """Store an object, packed if its key ends with .gz; returns its size in bytes."""
        body = content.encode() if isinstance(content, str) else content
        if key.endswith(".gz"):
            body = gzip.compress(body)
        self.s3.put_object(Bucket="lake", Key=key, Body=body)
        return len(body)

    def put_json(self, key: str, *rows: Mapping[str, Any]) -> int:
        """Store rows as JSON lines."""
        return self.put(key, "".join(json.dumps(row) + "\n" for row in rows))

    def put_parquet(self, key: str, table: pa.Table) -> int:
        """Store a Parquet file."""
        out = io.BytesIO()
        pq.write_table(table, out)
        return self.put(key, out.getvalue())

    def rows(self, sql: str, **options: Any) -> list[tuple[Any, ...]]:
        """The rows that a query gives."""
        return rows(self.engine, sql, **options)


def rows(engine: Engine, sql: str, **options: Any) -> list[tuple[Any, ...]]:
    """The rows that a query gives, in the database ``sales``."""
    result = engine.select(sql, "sales", **options)
    return [tuple(batch) for batch in _values(result.reader)]


def columns(engine: Engine, sql: str) -> list[Column]:
    """The columns that a query gives."""
    result = engine.select(sql, "sales")
    result.reader.read_all()
    return result.columns


def scanned(engine: Engine, sql: str) -> int:
    """The bytes that a query reads."""
    result = engine.select(sql, "sales")
    result.reader.read_all()
    return result.scanned_bytes


def _values(reader: pa.RecordBatchReader) -> list[tuple[Any, ...]]:
    table = reader.read_all()
    return list(zip(*(column.to_pylist() for column in table.columns), strict=True))


def storage(
    location: str, columns: Columns, serde: str, serde_parameters: Mapping[str, str] | None
) -> dict[str, Any]:
    """A StorageDescriptor."""
    return {
        "Columns": _columns(columns),
        "Location": location,
        "SerdeInfo": {
            "SerializationLibrary": serde,
            "Parameters": dict(serde_parameters or {}),
        },
    }


def _columns(columns: Columns) -> list[dict[str, str]]:
    return [{"Name": name, "Type": kind} for name, kind in columns.items()]


def engine_without_tables(scratch: Path) -> Engine:
    """An engine for queries that read nothing."""
    nowhere = IcebergTables(Aws("http://127.0.0.1:9"))
    return Engine(Catalog(None), None, nowhere, scratch, clock=lambda: NOW)
