"""The formats of dates and times: MySQL's and Joda's, as strftime has them."""

from __future__ import annotations

import re

from localaws.athena.failures import QueryFailed, not_emulated

#: https://trino.io/docs/current/functions/datetime.html#mysql-date-functions
_MYSQL = {
    "a": "%a", "b": "%b", "c": "%-m", "d": "%d", "e": "%-d", "f": "%f", "H": "%H", "h": "%I",
    "I": "%I", "i": "%M", "j": "%j", "k": "%-H", "l": "%-I", "M": "%B", "m": "%m", "p": "%p",
    "r": "%I:%M:%S %p", "S": "%S", "s": "%S", "T": "%H:%M:%S", "v": "%V", "W": "%A", "x": "%G",
    "Y": "%Y", "y": "%y", "%": "%%",
}  # fmt: skip
_MYSQL_UNSUPPORTED = "DUuVwX"
#: https://www.joda.org/joda-time/apidocs/org/joda/time/format/DateTimeFormat.html
_JODA = {
    "yyyy": "%Y", "YYYY": "%Y", "y": "%Y", "yy": "%y", "xxxx": "%G", "MM": "%m", "M": "%-m",
    "MMM": "%b", "MMMM": "%B", "dd": "%d", "d": "%-d", "HH": "%H", "H": "%-H", "hh": "%I",
    "h": "%-I", "mm": "%M", "m": "%-M", "ss": "%S", "s": "%-S", "SSS": "%g", "a": "%p",
    "E": "%a", "EEE": "%a", "EEEE": "%A", "D": "%-j", "DDD": "%j", "e": "%u", "ww": "%V",
    "Z": "%z", "ZZ": "%z",
}  # fmt: skip


def from_mysql(pattern: str) -> str:
    """A format of date_format and date_parse.

    Raises:
        QueryFailed: for a specifier that Trino doesn't support either.
    """

    def replace(match: re.Match[str]) -> str:
        letter = match[1]
        if letter in _MYSQL_UNSUPPORTED:
            raise QueryFailed(
                f"INVALID_FUNCTION_ARGUMENT: %{letter} not supported in date format string"
            )
        return _MYSQL.get(letter, letter)

    return re.sub(r"%(.)", replace, pattern)


def from_joda(pattern: str) -> str:
    """A format of format_datetime and parse_datetime.

    Raises:
        QueryFailed: for a letter that the local AWS doesn't know.
    """

    def replace(match: re.Match[str]) -> str:
        quoted, letters, other = match.groups()
        if quoted is not None:
            return "'" if quoted == "''" else quoted[1:-1].replace("''", "'").replace("%", "%%")
        if letters is None:
            return "%%" if other == "%" else str(other)
        if letters not in _JODA:
            raise not_emulated(f"{letters!r} in a format of dates")
        return _JODA[letters]

    return re.sub(r"('(?:[^']|'')*')|(([A-Za-z])\3*)|(.)", lambda m: replace(_Groups(m)), pattern)  # type: ignore[arg-type]


class _Groups:
    """The three kinds of part that a format of Joda's has."""

    def __init__(self, match: re.Match[str]) -> None:
        self._parts = match[1], match[2], match[4]

    def groups(self) -> tuple[str | None, str | None, str | None]:
        return self._parts
