"""Data files of tables and UNLOADs: one per partition, made whole before any of them is in S3."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import tempfile
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from localaws.athena.failures import QueryFailed
from localaws.athena.storage import Place, delete, partition_folder
from localaws.athena.values import printed

#: How many partitions a statement may write (the "Service Quotas" of the Athena user guide).
MAX_PARTITIONS = 100
DEFAULT_DELIMITER = "\x01"
#: Athena's default for Parquet, JSON and text of Hive tables ("Use compression in Athena").
DEFAULT_COMPRESSION = "GZIP"

_PARQUET_CODECS = {"GZIP": "gzip", "SNAPPY": "snappy", "ZSTD": "zstd", "NONE": "none"}
_TEXT_CODECS = {"GZIP": ("gzip", ".gz"), "ZSTD": ("zstd", ".zst"), "NONE": (None, "")}

Values = tuple[str | None, ...]


@dataclass(frozen=True)
class Format:
    """How rows are written.

    Attributes:
        name: PARQUET, JSON or TEXTFILE.
        compression: GZIP, SNAPPY (Parquet only), ZSTD or NONE.
    """

    name: str
    compression: str = DEFAULT_COMPRESSION
    delimiter: str = DEFAULT_DELIMITER

    @classmethod
    def checked(cls, name: str, compression: str | None, delimiter: str | None) -> Format:
        """The format for what a statement says of it.

        Raises:
            QueryFailed: it can't be written here.
        """
        name, codec = name.upper(), (compression or DEFAULT_COMPRESSION).upper()
        codec = "NONE" if codec == "UNCOMPRESSED" else codec
        if name not in ("PARQUET", "JSON", "TEXTFILE"):
            raise QueryFailed(f"NOT_SUPPORTED: the local AWS doesn't write the format {name}")
        if codec not in (_PARQUET_CODECS if name == "PARQUET" else _TEXT_CODECS):
            raise QueryFailed(f"NOT_SUPPORTED: the local AWS doesn't write {name} with {codec}")
        if delimiter is not None and len(delimiter) != 1:
            raise QueryFailed("INVALID_TABLE_PROPERTY: field_delimiter must be a single character")
        return cls(name, codec, delimiter or DEFAULT_DELIMITER)

    @property
    def extension(self) -> str:
        """Of the files' names; Parquet files have none."""
        return "" if self.name == "PARQUET" else _TEXT_CODECS[self.compression][1]


class _RowFile(Protocol):
    def write(self, batch: pa.RecordBatch) -> None: ...

    def close(self) -> None: ...


class _ParquetFile:
    def __init__(self, path: Path, schema: pa.Schema, kind: Format) -> None:
        self._writer = pq.ParquetWriter(path, schema, compression=_PARQUET_CODECS[kind.compression])
        self.close: Callable[[], None] = self._writer.close

    def write(self, batch: pa.RecordBatch) -> None:
        self._writer.write_batch(batch)


class _TextFile:
    def __init__(self, path: Path, kind: Format) -> None:
        codec = _TEXT_CODECS[kind.compression][0]
        self._file = pa.output_stream(str(path), compression=codec)
        self._lines = _json_lines if kind.name == "JSON" else _delimited_lines(kind.delimiter)
        self.close: Callable[[], None] = self._file.close

    def write(self, batch: pa.RecordBatch) -> None:
        self._file.write("".join(self._lines(batch)).encode())


def _delimited_lines(delimiter: str) -> Callable[[pa.RecordBatch], Iterable[str]]:
    """LazySimpleSerDe: values apart by a delimiter, NULL as \\N, nothing quoted."""

    def lines(batch: pa.RecordBatch) -> Iterable[str]:
        columns = [printed(column).fill_null("\\N").to_pylist() for column in batch.columns]
        return (delimiter.join(row) + "\n" for row in zip(*columns, strict=True))

    return lines


def _json_lines(batch: pa.RecordBatch) -> Iterable[str]:
    """One object a line; decimals with all their digits."""
    return (f"{_json(row)}\n" for row in batch.to_pylist(maps_as_pydicts="strict"))


def _json(value: Any) -> str:
    match value:
        case None | bool() | int() | str():
            return json.dumps(value, ensure_ascii=False)
        case float():
            return json.dumps(value) if math.isfinite(value) else json.dumps(str(value))
        case Decimal():
            return format(value, "f")
        case dict():
            items = (
                f"{json.dumps(str(k), ensure_ascii=False)}:{_json(v)}" for k, v in value.items()
            )
            return "{" + ",".join(items) + "}"
        case list() | tuple():
            return "[" + ",".join(map(_json, value)) + "]"
        case bytes():
            return json.dumps(base64.b64encode(value).decode())
        case datetime():
            return json.dumps(value.isoformat(sep=" ", timespec="milliseconds"))
        case date() | time():
            return json.dumps(value.isoformat())
    return json.dumps(str(value), ensure_ascii=False)


@dataclass(frozen=True)
class DataFile:
    """A file that was written.

    Attributes:
        partition: the values of the partition columns.
    """

    place: Place
    partition: Values


class DataFiles:
    """The files of one statement: written here, then uploaded together.

    Args:
        schema: of the rows, the partition columns last.
        partitioned_by: the names of the partition columns.
        base: the folder that the files, or their partitions' folders, are in.
        name: what the files' names begin with.
        places: folders of partitions that lie elsewhere.
    """

    def __init__(
        self,
        schema: pa.Schema,
        partitioned_by: Sequence[str],
        kind: Format,
        base: Place,
        name: str,
        places: dict[Values, Place] | None = None,
    ) -> None:
        self._keys, self._kind = list(partitioned_by), kind
        self._base, self._name, self._places = base.folder, name, places or {}
        width = len(schema) - len(self._keys)
        self._schema = pa.schema([schema.field(index) for index in range(width)])
        self._width = width
        self._folder = tempfile.TemporaryDirectory(prefix="localaws-athena-")
        self._files: dict[Values, tuple[Path, _RowFile]] = {}
        self.rows = 0

    def __enter__(self) -> DataFiles:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for _, file in self._files.values():
            # After a failure a half-written file may not be closable; it is thrown away anyway.
            with contextlib.suppress(pa.ArrowException, OSError, ValueError):
                file.close()
        self._folder.cleanup()

    def write(self, batch: pa.RecordBatch) -> None:
        """Add rows.

        Raises:
            QueryFailed: they lie in more partitions than a statement may write.
        """
        self.rows += batch.num_rows
        data = pa.record_batch(batch.columns[: self._width], schema=self._schema)
        if not self._keys:
            if batch.num_rows:
                self._file(()).write(data)
            return
        keys = [printed(column) for column in batch.columns[self._width :]]
        table = pa.table(keys, names=[str(index) for index in range(len(keys))])
        for values in table.group_by(table.column_names).aggregate([]).to_pylist():
            wanted = tuple(values[name] for name in table.column_names)
            mask = None
            for key, value in zip(keys, wanted, strict=True):
                same = pc.is_null(key) if value is None else pc.equal(key, value).fill_null(False)
                mask = same if mask is None else pc.and_(mask, same)
            self._file(wanted).write(data.filter(mask))

    def _file(self, values: Values) -> _RowFile:
        if values not in self._files:
            if len(self._files) >= MAX_PARTITIONS and self._keys:
                raise QueryFailed(
                    "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of "
                    f"{MAX_PARTITIONS} open writers for partitions/buckets"
                )
            path = Path(self._folder.name) / str(len(self._files))
            parquet = self._kind.name == "PARQUET"
            file: _RowFile = (
                _ParquetFile(path, self._schema, self._kind)
                if parquet
                else _TextFile(path, self._kind)
            )
            self._files[values] = (path, file)
        return self._files[values][1]

    def upload(self, s3: Any) -> list[DataFile]:
        """Put all files into S3; if one fails, those before it are taken out again."""
        done: list[DataFile] = []
        try:
            for values, (path, file) in self._files.items():
                file.close()
                folder = self._places.get(values) or self._base + partition_folder(
                    self._keys, list(values)
                )
                place = folder + f"{self._name}_{uuid.uuid4()}{self._kind.extension}"
                s3.upload_file(str(path), place.bucket, place.key)
                done.append(DataFile(place, values))
        except BaseException:
            remove(s3, done)
            raise
        self._files.clear()
        return done


def remove(s3: Any, files: Sequence[DataFile]) -> None:
    """Take files out of S3 again."""
    by_bucket: dict[str, list[Place]] = {}
    for file in files:
        by_bucket.setdefault(file.place.bucket, []).append(file.place)
    for places in by_bucket.values():
        delete(s3, places)
