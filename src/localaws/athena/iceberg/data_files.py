"""The data files that a statement writes to an Iceberg table: Parquet, by partition, measured."""

from __future__ import annotations

import contextlib
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from pyiceberg.io.pyarrow import (
    _get_parquet_writer_kwargs,
    compute_statistics_plan,
    data_file_statistics_from_parquet_metadata,
    parquet_path_to_id_mapping,
    schema_to_pyarrow,
)
from pyiceberg.manifest import DataFile, DataFileContent, FileFormat
from pyiceberg.partitioning import PartitionFieldValue, PartitionKey
from pyiceberg.table import Table, TableProperties
from pyiceberg.typedef import Record

from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.iceberg.commits import CommitUnknown
from localaws.athena.iceberg.partition_values import split
from localaws.athena.storage import Place, delete

#: How many partitions a statement may write (the "Service Quotas" of the Athena user guide).
MAX_PARTITIONS = 100
#: Rows that wait for their row group, in bytes, all partitions together.
_BUFFERED = 256 << 20
_ROW_GROUP_BYTES = 64 << 20
_WORKERS = 4


@dataclass
class _File:
    path: Path
    sink: pa.NativeFile
    writer: pq.ParquetWriter


@dataclass
class _Partition:
    key: PartitionKey | None
    waiting: list[pa.RecordBatch] = field(default_factory=list)
    size: int = 0
    file: _File | None = None


class TableFiles:
    """Takes rows, and makes files of them that no snapshot knows of yet.

    Left with an error, it takes the files out of S3 again.

    Args:
        table: says the schema, the partition spec, where files lie and what they are like.
        name: what the files' names begin with.
        max_partitions: how many partitions the rows may be in; None if that doesn't matter.
    """

    def __init__(
        self, table: Table, s3: Any, name: str, *, max_partitions: int | None = MAX_PARTITIONS
    ) -> None:
        self._table, self._s3, self._name = table, s3, name
        self._schema, self._spec = table.schema(), table.spec()
        self._arrow = schema_to_pyarrow(self._schema)
        self._max_partitions = max_partitions
        properties = table.properties
        kind = properties.get(TableProperties.WRITE_FILE_FORMAT, "parquet")
        if kind.lower() != "parquet":
            raise not_emulated(f"writing {kind} files")
        self._target = int(
            properties.get(
                TableProperties.WRITE_TARGET_FILE_SIZE_BYTES,
                TableProperties.WRITE_TARGET_FILE_SIZE_BYTES_DEFAULT,
            )
        )
        # Several row groups make a file, so that it ends near its target size.
        self._row_group = min(_ROW_GROUP_BYTES, self._target // 2)
        self._options = _get_parquet_writer_kwargs(properties)
        self._locations = table.location_provider()
        self._statistics = compute_statistics_plan(self._schema, properties)
        self._ids = parquet_path_to_id_mapping(self._schema)
        self._folder = tempfile.TemporaryDirectory(prefix="localaws-iceberg-")
        self._partitions: dict[Record, _Partition] = {}
        self._waiting = 0
        self._numbering = threading.Lock()
        self._files = 0
        self._done: list[DataFile] = []
        self.rows = 0

    def __enter__(self) -> TableFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for partition in self._partitions.values():
            if partition.file is not None:
                # After a failure a half-written file may not be closable; it is thrown away anyway.
                with contextlib.suppress(pa.ArrowException, OSError, ValueError):
                    partition.file.writer.close()
                with contextlib.suppress(OSError, ValueError):
                    partition.file.sink.close()
        self._folder.cleanup()
        if error is not None and not isinstance(error, CommitUnknown):
            remove(self._s3, [file.file_path for file in self._done])

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows: the table's columns in their order, in types that can be cast to theirs.

        Raises:
            QueryFailed: NULL where there may be none, or rows in too many partitions.
        """
        self.rows += batch.num_rows
        for values, rows in split(self._typed(batch), self._schema, self._spec):
            partition = self._partitions.get(values)
            if partition is None:
                partition = self._open(values)
            for piece in _pieces(rows, self._row_group):
                partition.waiting.append(piece)
                partition.size += piece.nbytes
                self._waiting += piece.nbytes
                if partition.size >= self._row_group:
                    self._flush(partition)
        while self._waiting > _BUFFERED:
            self._flush(max(self._partitions.values(), key=lambda p: p.size))

    def finish(self, check: Callable[[], None]) -> list[DataFile]:
        """Put what is left into files and these into S3; returns all files.

        Args:
            check: called between files; raises if the statement is to stop.
        """

        def complete(partition: _Partition) -> None:
            check()
            self._flush(partition)
            if partition.file is not None:
                self._close(partition)

        with ThreadPoolExecutor(_WORKERS, thread_name_prefix="iceberg-write") as pool:
            futures = [pool.submit(complete, one) for one in self._partitions.values()]
            try:
                for future in futures:
                    future.result()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        self._partitions.clear()
        return sorted(self._done, key=lambda file: file.file_path)

    def _typed(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        columns = []
        for column, wanted in zip(batch.columns, self._arrow, strict=True):
            if column.null_count and not wanted.nullable:
                raise QueryFailed(
                    "CONSTRAINT_VIOLATION: NULL value not allowed for NOT NULL column: "
                    f"{wanted.name}"
                )
            columns.append(column if column.type == wanted.type else column.cast(wanted.type))
        return pa.record_batch(columns, schema=self._arrow)

    def _open(self, values: Record) -> _Partition:
        if self._max_partitions is not None and len(self._partitions) >= self._max_partitions:
            raise QueryFailed(
                "ICEBERG_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of "
                f"{self._max_partitions} open writers for partitions"
            )
        key = None
        if self._spec.fields:
            fields = enumerate(self._spec.fields)
            named = [PartitionFieldValue(one, values[index]) for index, one in fields]
            key = _Key(named, self._spec, self._schema, values)
        partition = _Partition(key)
        self._partitions[values] = partition
        return partition

    def _flush(self, partition: _Partition) -> None:
        """Write what waits as a row group; begin a new file if this one is large enough."""
        if not partition.waiting:
            return
        rows = pa.Table.from_batches(partition.waiting, self._arrow)
        with self._numbering:
            self._waiting -= partition.size
        partition.waiting, partition.size = [], 0
        if partition.file is None:
            partition.file = self._create()
        partition.file.writer.write_table(rows)
        if partition.file.sink.tell() >= self._target:
            self._close(partition)

    def _create(self) -> _File:
        with self._numbering:
            self._files += 1
            path = Path(self._folder.name) / str(self._files)
        sink = pa.OSFile(str(path), "wb")
        writer = pq.ParquetWriter(sink, self._arrow, store_decimal_as_integer=True, **self._options)
        return _File(path, sink, writer)

    def _close(self, partition: _Partition) -> None:
        """Complete a partition's file and upload it."""
        file = partition.file
        assert file is not None
        partition.file = None
        file.writer.close()
        file.sink.close()
        location = self._locations.new_data_location(
            f"{self._name}-{uuid.uuid4()}.parquet", partition.key
        )
        statistics = data_file_statistics_from_parquet_metadata(
            file.writer.writer.metadata, self._statistics, self._ids
        )
        described = DataFile.from_args(
            content=DataFileContent.DATA,
            file_path=location,
            file_format=FileFormat.PARQUET,
            partition=partition.key.partition if partition.key is not None else Record(),
            file_size_in_bytes=file.path.stat().st_size,
            sort_order_id=None,
            spec_id=self._spec.spec_id,
            equality_ids=None,
            key_metadata=None,
            **statistics.to_serialized_dict(),
        )
        place = Place.of(location)
        with file.path.open("rb") as content:
            self._s3.put_object(Bucket=place.bucket, Key=place.key, Body=content)
        self._done.append(described)
        file.path.unlink()


def _pieces(rows: pa.RecordBatch, size: int) -> Iterator[pa.RecordBatch]:
    """The rows, in batches of about so many bytes."""
    count = max(rows.num_rows * size // max(rows.nbytes, 1), 1)
    for start in range(0, rows.num_rows, count):
        yield rows.slice(start, count)


@dataclass(frozen=True)
class _Key(PartitionKey):
    """A partition key whose values are Iceberg's own already."""

    values: Record

    @property
    def partition(self) -> Record:
        """The values."""
        return self.values


def remove(s3: Any, uris: Sequence[str]) -> None:
    """Delete objects, of whatever buckets."""
    by_bucket: dict[str, list[Place]] = {}
    for uri in uris:
        place = Place.of(uri)
        by_bucket.setdefault(place.bucket, []).append(place)
    for places in by_bucket.values():
        delete(s3, places)
