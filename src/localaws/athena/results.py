"""Result files: written as Athena writes them, and read back page by page.

``<id>.csv`` has a header, each value but NULL in double quotes, and lines that end with \\n.
``<id>.txt`` has no header and no newline at its end. Beside them lies ``….metadata``, which
describes the columns (protobuf; AWS publishes no schema, the field numbers are as measured).
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.csv

from localaws.athena.storage import Place, Upload, read
from localaws.athena.types import Column
from localaws.athena.values import printed

if TYPE_CHECKING:
    from localaws.athena.work import QueryResult

Row = list[str | None]

#: Enough for a page of most results.
CHUNK = 1024 * 1024
#: ``rows``, the only column of what changes rows: a count.
COUNT_COLUMN = Column("rows", "bigint", 19, 0)

_CELL = re.compile(rb'(?:"((?:[^"]|"")*)")?([,\n])')
#: Types that ResultSetMetadata gives no precision and scale for, or no case either.
_NO_PRECISION = {"boolean", "interval day to second", "interval year to month"}
_BARE = {"array", "map", "row", "json", "string", "unknown", "uuid", "ipaddress"}
_NULLABLE = {"NOT_NULL": 1, "NULLABLE": 2, "UNKNOWN": 3}


class TokenMalformed(Exception):
    """A NextToken that isn't one of ours."""


class _Sink:
    """An upload for Arrow to write to, but not to close: that is for its owner to decide."""

    closed = False

    def __init__(self, upload: Upload) -> None:
        self.write = upload.write

    def flush(self) -> None:
        """Nothing: the upload sends parts as they fill."""

    def close(self) -> None:
        """Nothing, as said."""


def write_csv(s3: Any, place: Place, result: QueryResult) -> tuple[int, int]:
    """Write a query's rows; returns their number and the bytes written."""
    names = [column.name for column in result.columns]
    rows = 0
    schema = pa.schema([pa.field(str(index), pa.string()) for index in range(len(names))])
    options = pa.csv.WriteOptions(include_header=False, quoting_style="all_valid")
    with Upload(s3, place) as upload:
        header = ",".join('"' + name.replace('"', '""') + '"' for name in names)
        upload.write(header.encode() + b"\n")
        sink = pa.PythonFile(_Sink(upload), "w")
        with pa.csv.CSVWriter(sink, schema, write_options=options) as out:
            for batch in result.reader:
                rows += batch.num_rows
                columns = [
                    printed(values, exact=column.has_microseconds)
                    for values, column in zip(batch.columns, result.columns, strict=True)
                ]
                out.write_batch(pa.record_batch(columns, schema=schema))
    return rows, upload.size


def write_text(s3: Any, place: Place, text: str) -> int:
    """Write what a statement shows; returns the bytes written."""
    with Upload(s3, place, "binary/octet-stream") as upload:
        upload.write(text.encode())
    return upload.size


def write_metadata(
    s3: Any,
    place: Place,
    query_id: str,
    columns: Sequence[Column],
    changed: tuple[str, int] | None = None,
) -> None:
    """Write the description of a result's columns beside it.

    Args:
        changed: what was done and to how many rows, for what changes rows.
    """
    message = _text(1, query_id)
    if changed is not None:
        message += _text(2, changed[0]) + _number(3, changed[1])
    for column in columns:
        message += _field(4, _described(column))
    with Upload(s3, place + ".metadata") as upload:
        upload.write(message)


def _described(column: Column) -> bytes:
    message = _text(1, "hive") + _text(4, column.name) + _text(5, column.name)
    message += _text(6, column.type)
    if column.type not in _BARE | _NO_PRECISION | {"date"}:
        message += _number(7, column.precision)
    if column.type not in _BARE | _NO_PRECISION:
        message += _number(8, column.scale)
    message += _number(9, _NULLABLE[column.nullable])
    if column.type not in _BARE:
        message += _number(10, int(case_sensitive(column)))
    return message


def case_sensitive(column: Column) -> bool:
    """Whether case matters in a column, as ResultSetMetadata has it."""
    return column.type in ("varchar", "char")


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value > 0x7F:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)


def _number(tag: int, value: int) -> bytes:
    return _varint(tag << 3) + _varint(value)


def _field(tag: int, value: bytes) -> bytes:
    return _varint(tag << 3 | 2) + _varint(len(value)) + value


def _text(tag: int, value: str) -> bytes:
    return _field(tag, value.encode())


def csv_page(
    s3: Any, place: Place, start: int, limit: int, width: int
) -> tuple[list[Row], int | None]:
    """Up to ``limit`` lines of a CSV result from a position, and the position of the next line."""
    rows: list[Row] = []
    cells = _cells(s3, place, start)
    row: Row = []
    position = start
    for cell, ends_line, after in cells:
        row.append(cell)
        if not ends_line:
            continue
        # A line of one column and no value is a NULL; so are the columns of an empty line.
        rows.append(row + [None] * (width - len(row)))
        row, position = [], after
        if len(rows) == limit:
            more = next(cells, None) is not None
            return rows, position if more else None
    return rows, None


def _cells(s3: Any, place: Place, start: int) -> Iterator[tuple[str | None, bool, int]]:
    """The values from a position on: text, whether it ends its line, and where the next starts."""
    data, base, size = b"", start, CHUNK
    while True:
        chunk = read(s3, place, base + len(data), size)
        ended = len(chunk) < size
        data += chunk
        used = 0
        for match in _CELL.finditer(data):
            if match.start() != used:
                break
            quoted = match[1]
            text = None if quoted is None else quoted.replace(b'""', b'"').decode()
            used = match.end()
            yield text, match[2] == b"\n", base + used
        if ended:
            return
        data, base = data[used:], base + used


def text_page(s3: Any, place: Place, start: int, limit: int) -> tuple[list[Row], int | None]:
    """Up to ``limit`` lines of a text result from a line on, and the number of the next line."""
    text = s3.get_object(Bucket=place.bucket, Key=place.key)["Body"].read().decode()
    lines = text.split("\n") if text else []
    following = start + limit if len(lines) > start + limit else None
    return [[line] for line in lines[start : start + limit]], following


def token(query_id: str, position: int) -> str:
    """A NextToken: opaque to clients, and good for its own query only."""
    return base64.b64encode(json.dumps([query_id, position]).encode()).decode()


def position_of(token_text: str, query_id: str) -> int:
    """The position that a NextToken stands for.

    Raises:
        TokenMalformed: it stands for none in this query's result.
    """
    try:
        owner, position = json.loads(base64.b64decode(token_text, validate=True))
    except (binascii.Error, ValueError, TypeError) as error:
        raise TokenMalformed(token_text) from error
    if owner != query_id or not isinstance(position, int):
        raise TokenMalformed(token_text)
    return position


def column_info(column: Column) -> dict[str, Any]:
    """A column as ResultSetMetadata has it."""
    return {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": column.name,
        "Label": column.name,
        "Type": column.type,
        "Precision": column.precision,
        "Scale": column.scale,
        "Nullable": column.nullable,
        "CaseSensitive": case_sensitive(column),
    }
