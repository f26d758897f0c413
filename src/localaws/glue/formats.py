"""What an object is: its compression, its classification, its schema.

The documented sampling is kept, so that a crawl reads a bounded part of each object: a text is
judged by its first megabyte (uncompressed), JSON by up to 10 MB if no record came before,
CSV by its first 1,000 rows at most, Parquet by its footer.
https://repost.aws/knowledge-center/glue-crawler-detect-schema
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from localaws.glue import delimited, parquet
from localaws.glue.jsonpath import JsonPath
from localaws.glue.schema import Columns, take_in

SAMPLE = 2**20
LARGEST_SAMPLE = 10 * 2**20
UNKNOWN = "UNKNOWN"

_SPACE = re.compile(r"\s*")
_GZIP = b"\x1f\x8b"


class Content(Protocol):
    """The bytes of an object, to be read from either end."""

    @property
    def size(self) -> int:
        """All bytes."""

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes, or all if there are fewer."""

    def tail(self, count: int) -> bytes:
        """The last ``count`` bytes, or all if there are fewer."""


@dataclass(frozen=True)
class Classifier:
    """A custom JSON classifier: the rows are where its path leads to."""

    name: str
    json_path: str

    def rows(self, documents: Sequence[Any]) -> list[dict[str, Any]]:
        """The rows of JSON documents; none if the classifier doesn't recognise them."""
        path = JsonPath.parse(self.json_path)
        return [
            row for document in documents for value in path.select(document) for row in _rows(value)
        ]


@dataclass(frozen=True)
class Format:
    """What all objects of a table have in common.

    Args:
        classification: ``json``, ``csv``, ``parquet`` or ``UNKNOWN``.
        compression: ``gzip`` or ``none``.
        details: further parameters by which a reader must go, such as a delimiter.
    """

    classification: str
    compression: str = "none"
    details: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Shape:
    """The format and the columns of an object; many objects share one."""

    format: Format
    columns: Columns = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What was found out about one object.

    Args:
        records: how many it has; estimated when only a part was read.
        record_bytes: the average size of a record, uncompressed.
    """

    shape: Shape
    records: int = 0
    record_bytes: int = 0


def inspect(content: Content, classifiers: Sequence[Classifier]) -> Inspection:
    """Classify an object: by the custom classifiers in their order, then by the built-in ones."""
    head = content.head(SAMPLE)
    if head.startswith(parquet.MAGIC):
        return _parquet(content)
    try:
        sample = _Sample.of(head, content.size, SAMPLE)
        found = _json(sample, classifiers)
        if found is None and sample.share < 1 and sample.text.lstrip()[:1] in ("{", "["):
            sample = _Sample.of(content.head(LARGEST_SAMPLE), content.size, LARGEST_SAMPLE)
            found = _json(sample, classifiers)
    except zlib.error:
        return _unknown("gzip")
    return found or _delimited(sample) or _unknown(sample.compression)


@dataclass(frozen=True)
class _Sample:
    """The beginning of an object, decompressed, and which share of the object it is."""

    text: str
    share: float
    compression: str

    @classmethod
    def of(cls, head: bytes, size: int, limit: int) -> _Sample:
        if not head.startswith(_GZIP):
            text = head.decode("utf-8-sig", errors="replace")
            return cls(text, len(head) / max(size, 1), "none")
        data, compressed = _decompress(head, limit)
        return cls(data.decode("utf-8-sig", errors="replace"), compressed / max(size, 1), "gzip")


def _decompress(data: bytes, limit: int) -> tuple[bytes, int]:
    """At most ``limit`` bytes of a gzip file of any number of members, and how much of the
    compressed data they took."""
    plain, rest = b"", data
    while rest and len(plain) < limit:
        member = zlib.decompressobj(wbits=31)
        plain += member.decompress(rest, limit - len(plain))
        rest = member.unused_data if member.eof else member.unconsumed_tail
        if not member.eof:
            break
    return plain, len(data) - len(rest)


def _json(sample: _Sample, classifiers: Sequence[Classifier]) -> Inspection | None:
    documents = list(_documents(sample.text))
    for classifier in classifiers:
        rows = classifier.rows(documents)
        if rows:
            details = (("jsonPath", classifier.json_path),)
            return _records(sample, rows, details)
    rows = [row for document in documents for row in _rows(document)]
    return _records(sample, rows) if rows else None


def _records(
    sample: _Sample, rows: Sequence[dict[str, Any]], details: tuple[tuple[str, str], ...] = ()
) -> Inspection:
    columns: Columns = {}
    for row in rows:
        take_in(columns, row)
    return Inspection(
        Shape(Format("json", sample.compression, details), columns),
        round(len(rows) / sample.share),
        len(sample.text.encode()) // len(rows),
    )


def _documents(text: str) -> Iterator[Any]:
    """The JSON documents of a text, however they are laid out: one a line, over several lines,
    or with nothing between them. One that is broken is passed over, up to the next line."""
    decoder = json.JSONDecoder()
    position = _end_of_space(text, 0)
    if text[position : position + 1] not in ("{", "["):
        return
    while position < len(text):
        try:
            document, position = decoder.raw_decode(text, position)
        except (ValueError, RecursionError):
            if text[0] == "[":
                return
            position = text.find("\n", position) + 1 or len(text)
        else:
            yield document
        position = _end_of_space(text, position)


def _end_of_space(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _rows(value: Any) -> Iterator[dict[str, Any]]:
    """An object is a row; an array is a row of one column named array, as Glue has it."""
    if isinstance(value, dict):
        yield value
    elif isinstance(value, list):
        yield {"array": value}


def _delimited(sample: _Sample) -> Inspection | None:
    table = delimited.read(sample.text, complete=sample.share == 1)
    if table is None:
        return None
    return Inspection(
        Shape(Format("csv", sample.compression, table.details), table.columns),
        round(table.rows / (sample.share * table.size / len(sample.text))),
        table.size // table.rows,
    )


def _parquet(content: Content) -> Inspection:
    table = parquet.read(content)
    if table is None:
        return _unknown()
    shape = Shape(Format("parquet"), table.columns)
    return Inspection(shape, table.rows, table.size // max(table.rows, 1))


def _unknown(compression: str = "none") -> Inspection:
    return Inspection(Shape(Format(UNKNOWN, compression)))
