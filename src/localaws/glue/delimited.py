"""Glue's built-in CSV classifier.

https://docs.aws.amazon.com/glue/latest/dg/add-classifier.html#classifier-builtin-rules
"""

from __future__ import annotations

import csv
import re
from collections.abc import Sequence
from dataclasses import dataclass

from localaws.glue.schema import Columns, Type, type_of, widest

DELIMITERS = (",", "|", "\t", ";", "\x01")
_MOST_ROWS = 1000
_LONGEST_HEADING = 150
_INTEGER = re.compile(r"[+-]?\d{1,18}")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Delimited:
    """A CSV file's schema.

    Args:
        rows: without the heading.
        size: characters of the text that were looked at.
    """

    columns: Columns
    rows: int
    size: int
    details: tuple[tuple[str, str], ...]


def read(text: str, *, complete: bool) -> Delimited | None:
    """Read a CSV file's beginning, or None if it is none: it takes two columns and two rows.

    Args:
        complete: the text is the whole file, so its last line isn't cut off.
    """
    lines = text.splitlines(keepends=True)[: _MOST_ROWS + 1]
    if not complete and sum(map(len, lines)) == len(text):
        lines = lines[:-1]
    for delimiter in DELIMITERS:
        table = _parse(lines, delimiter)
        if table:
            return _describe(table, delimiter, lines)
    return None


def _parse(lines: Sequence[str], delimiter: str) -> list[list[str]] | None:
    try:
        rows = [row for row in csv.reader(lines, delimiter=delimiter, strict=True) if row]
    except csv.Error:
        return None
    if len(rows) < 2 or len(rows[0]) < 2 or any(len(row) != len(rows[0]) for row in rows):
        return None
    return rows


def _describe(rows: list[list[str]], delimiter: str, lines: Sequence[str]) -> Delimited:
    kinds = [_kind(values) for values in zip(*rows[1:], strict=True)]
    heading = _is_heading(rows[0], kinds)
    if heading:
        names = [name or f"col{index}" for index, name in enumerate(rows[0])]
        body = rows[1:]
    else:
        names = [f"col{index}" for index in range(len(rows[0]))]
        kinds = [_kind(values) for values in zip(*rows, strict=True)]
        body = rows
    quoted = lines[0].startswith('"')
    details = [
        ("areColumnsQuoted", "true" if quoted else "false"),
        ("columnsOrdered", "true"),
        ("delimiter", delimiter),
    ]
    if heading:
        details.append(("skip.header.line.count", "1"))
    return Delimited(
        dict(zip(names, kinds, strict=True)), len(body), sum(map(len, lines)), tuple(details)
    )


def _is_heading(row: Sequence[str], kinds: Sequence[Type]) -> bool:
    """A first row of distinct short texts names the columns, if some column isn't text."""
    return (
        all(_type_of(cell) in ("string", None) and len(cell) < _LONGEST_HEADING for cell in row)
        and len({cell.lower() for cell in row}) == len(row)
        and any(kind not in ("string", None) for kind in kinds)
    )


def _kind(values: Sequence[str]) -> Type:
    kind: Type = None
    for value in values:
        kind = widest(kind, _type_of(value))
        if kind == "string":
            break
    return kind


def _type_of(cell: str) -> Type:
    if cell == "":
        return None
    if _INTEGER.fullmatch(cell):
        return "bigint"
    if _NUMBER.fullmatch(cell):
        return "double"
    return type_of(cell.lower() == "true") if cell.lower() in ("true", "false") else "string"
