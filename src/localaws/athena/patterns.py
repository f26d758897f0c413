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


#: Zones are always UTC where they are written; where they are read, any offset will do.
_WRITTEN_ZONES = {"Z": "+0000", "ZZ": "+00:00", "ZZZ": "UTC", "z": "UTC"}
_READ_ZONES = {"Z": "%z", "ZZ": "%z"}
_JODA_PART = re.compile(
    r"(?P<text>'(?:[^']|'')*')|(?P<letters>([A-Za-z])\3*)|(?P<other>.)", re.DOTALL
)


def to_write_joda(pattern: str) -> str:
    """A format of format_datetime.

    Raises:
        QueryFailed: for a letter that the local AWS doesn't know.
    """
    return _from_joda(pattern, _WRITTEN_ZONES)


def to_read_joda(pattern: str) -> str:
    """A format of parse_datetime.

    Raises:
        QueryFailed: for a letter that the local AWS doesn't know.
    """
    return _from_joda(pattern, _READ_ZONES)


def _from_joda(pattern: str, zones: dict[str, str]) -> str:
    def replace(match: re.Match[str]) -> str:
        text, letters = match["text"], match["letters"]
        if text is not None:
            return "'" if text == "''" else text[1:-1].replace("''", "'").replace("%", "%%")
        if letters is None:
            return "%%" if match["other"] == "%" else match["other"]
        found = _JODA.get(letters) or zones.get(letters)
        if found is None:
            raise not_emulated(f"{letters!r} in a format of dates")
        return found

    return _JODA_PART.sub(replace, pattern)
