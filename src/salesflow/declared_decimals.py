"""Decimals that a table's declaration has made wider since the table was made."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any, Final

_DECLARED: Final = re.compile(r"^ +(\w+) decimal\((\d+), (\d+)\)", re.MULTILINE)
_DECIMAL: Final = re.compile(r"decimal\((\d+),(\d+)\)")


def widened_decimals(statement: str, columns: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The columns that are wider in a CREATE TABLE statement than in the table, with their types.

    That is the change of a decimal that Iceberg allows: more digits, with as many after the point.
    https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-alter-table-change-column.html

    Args:
        columns: those of the table, as Glue describes them.
    """
    there = {column["Name"]: _DECIMAL.fullmatch(column["Type"]) for column in columns}
    return {
        name: f"decimal({precision}, {scale})"
        for name, precision, scale in _DECLARED.findall(statement)
        if (known := there.get(name)) and known[2] == scale and int(known[1]) < int(precision)
    }
