"""Answers as CSV that a spreadsheet opens without running what is in it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from salesflow.queries import Row

_NUMBERS: Final = frozenset(
    {"tinyint", "smallint", "integer", "bigint", "float", "real", "double", "decimal"}
)
_FORMULA: Final = re.compile(r"[\t\r\n]|[\s\ufeff\u200b]*[=+\-@\uff1d\uff0b\uff0d\uff20]")
"""Spreadsheets take what begins so for a formula (OWASP, "CSV Injection"); some skip blanks."""


def csv_lines(columns: Sequence[tuple[str, str]], rows: Iterable[Row]) -> Iterator[str]:
    """The header and the rows, each with its line end (RFC 4180).

    As in Athena's own files, a value stands in quotation marks and NULL is nothing at all. A text
    that a spreadsheet would take for a formula gets an apostrophe before it.

    Args:
        columns: names and Athena types.
    """
    texts = [kind not in _NUMBERS for _, kind in columns]
    yield _line([_value(name, text=True) for name, _ in columns])
    for row in rows:
        yield _line([_value(value, text) for value, text in zip(row, texts, strict=True)])


def _line(values: Iterable[str]) -> str:
    return ",".join(values) + "\r\n"


def _value(value: str | None, text: bool) -> str:
    if value is None:
        return ""
    if text and _FORMULA.match(value):
        value = f"'{value}"
    return '"' + value.replace('"', '""') + '"'
