"""Reads the rows of CSV and Parquet files as text, one after the other, whatever their size.

A row that can't be read is handed on with its problem; only a file that can't be read at all is an
error, and it comes before the first row.
"""

from __future__ import annotations

import csv
import json
import re
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

_PARQUET_MAGIC: Final = b"PAR1"
_BYTE_ORDER_MARK: Final = "\ufeff"
_DELIMITERS: Final = (",", ";", "\t", "|")
_SNIFFED_BYTES: Final = 65_536
_LONGEST_LINE_BYTES: Final = 1 << 20
_PARQUET_BATCH_ROWS: Final = 4096
_UNDECODED: Final = re.compile("[\udc80-\udcff]").search


class UnreadableFile(Exception):
    """The file as a whole can't be read; the message says which file and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row: its line (CSV; its first, from 1) or number (Parquet, from 1), and its values.

    `text` is the row as it stands in the file (CSV) or as JSON (Parquet). `values` are in the order
    of the columns, None for null; bytes that aren't UTF-8 are lone surrogates in them, so that
    they can be told and written back. `problem` says why there are no values.
    """

    line: int
    text: str
    values: Sequence[str | None] = ()
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RowFile:
    """An opened file: its column names, and a function that reads its rows from the start."""

    columns: tuple[str, ...]
    rows: Callable[[], Iterator[Row]]


def open_rows(path: Path, wanted: Iterable[str]) -> RowFile:
    """Open a CSV or Parquet file, told apart by content; raises `UnreadableFile`.

    `wanted` are the columns that the caller hopes for: the delimiter of a CSV file (comma,
    semicolon, tab or bar) is the one with which the first line names most of them.
    """
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED_BYTES)
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror or error}") from error
    if not start:
        raise UnreadableFile(f"{path} is empty")
    if start.startswith(_PARQUET_MAGIC):
        opened = _open_parquet(path)
    elif path.suffix.lower() == ".parquet":
        raise UnreadableFile(f"{path} is no Parquet file")
    elif b"\0" in start:
        raise UnreadableFile(f"{path} is no text file in UTF-8: it has zero bytes")
    else:
        opened = _open_csv(path, set(wanted))
    repeated = sorted({name for name in opened.columns if name and opened.columns.count(name) > 1})
    if repeated:
        raise UnreadableFile(f"{path} has more than one column {', '.join(repeated)}")
    return opened


def _open_csv(path: Path, wanted: set[str]) -> RowFile:
    headers = {delimiter: _header(path, delimiter) for delimiter in _DELIMITERS}
    delimiter = max(_DELIMITERS, key=lambda d: len(wanted & set(headers[d])))
    columns = headers[delimiter]
    if any(_not_utf8(name) for name in columns):
        raise UnreadableFile(f"{path}: the first line is not UTF-8")
    return RowFile(columns, lambda: _csv_rows(path, delimiter, len(columns)))


def _header(path: Path, delimiter: str) -> tuple[str, ...]:
    with path.open("rb") as file:
        try:
            fields = next(csv.reader(_Lines(file), delimiter=delimiter, strict=True), [])
        except csv.Error as error:
            raise UnreadableFile(f"{path}: the first line can't be read: {error}") from error
    return tuple(name.strip() for name in fields)


class _Lines:
    """The lines of a file, numbered, with those of the present row at hand to be read again."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._again: deque[str] = deque()
        self._number = 0
        self.taken: list[str] = []

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        # A line without end is read in pieces, which are then no rows, rather than into memory.
        line = self._again.popleft() if self._again else self._read()
        if not line:
            raise StopIteration
        self._number += 1
        self.taken.append(line)
        return line

    def _read(self) -> str:
        line = self._file.readline(_LONGEST_LINE_BYTES).decode("utf-8", "surrogateescape")
        return line.removeprefix(_BYTE_ORDER_MARK) if self._number == 0 else line

    @property
    def first(self) -> int:
        """The number of the present row's first line."""
        return self._number - len(self.taken) + 1

    def read_again_but_first(self) -> None:
        """Give the present row's lines back, except its first."""
        self._number -= len(self.taken) - 1
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def _csv_rows(path: Path, delimiter: str, width: int) -> Iterator[Row]:
    with path.open("rb") as file:
        lines = _Lines(file)
        reader = csv.reader(lines, delimiter=delimiter, strict=True)
        next(reader)
        while True:
            lines.taken = []
            problem = None
            fields: list[str] = []
            try:
                fields = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                problem = f"the row is no CSV: {error}"
            if problem is None and not fields:
                continue
            if problem is None and len(fields) != width:
                problem = f"the row has {len(fields)} fields, the first line has {width}"
            if problem and len(lines.taken) > 1:
                # A quote that was never closed has swallowed the lines that follow: only the line
                # with the quote is lost, not they.
                lines.read_again_but_first()
                problem += " (a quote may be missing)"
            text = "".join(lines.taken).rstrip("\r\n")
            if problem is None and _not_utf8(text):
                problem = "the row is not UTF-8"
            yield Row(lines.first, text, () if problem else fields, problem)


def _open_parquet(path: Path) -> RowFile:
    """Open a Parquet file, having read it once: damage in its middle must show before the rows."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            columns = tuple(file.schema_arrow.names)
            for batch in file.iter_batches(_PARQUET_BATCH_ROWS):
                batch.validate(full=False)
    except (pa.ArrowException, OSError) as error:
        raise UnreadableFile(f"{path} is a damaged Parquet file: {error}") from error
    return RowFile(columns, lambda: _parquet_rows(path))


def _parquet_rows(path: Path) -> Iterator[Row]:
    import pyarrow.parquet as pq

    line = 0
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(_PARQUET_BATCH_ROWS):
            names = batch.schema.names
            for values in zip(*map(_texts, batch.columns), strict=True):
                line += 1
                text = json.dumps(dict(zip(names, values, strict=True)), ensure_ascii=False)
                if _not_utf8(text):
                    yield Row(line, text, problem="the row is not UTF-8")
                else:
                    yield Row(line, text, values)


def _texts(column: Any) -> list[str | None]:
    """An Arrow column's values as text, from which numbers can be had back without loss."""
    import pyarrow as pa

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _texts(column.dictionary_decode())
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _texts(column.cast(pa.large_binary()))
    if pa.types.is_binary(kind) or pa.types.is_large_binary(kind):
        return [
            v if v is None else v.decode("utf-8", "surrogateescape") for v in column.to_pylist()
        ]
    if pa.types.is_decimal(kind):
        return [v if v is None else format(v, "f") for v in column.to_pylist()]
    if pa.types.is_nested(kind):
        return [v if v is None else json.dumps(v, default=str) for v in column.to_pylist()]
    # Arrow writes a float with the fewest digits that give it back: 19.99, even from 32 bits.
    texts: list[str | None] = column.cast(pa.string()).to_pylist()
    return texts


def _not_utf8(text: str) -> bool:
    return _UNDECODED(text) is not None
