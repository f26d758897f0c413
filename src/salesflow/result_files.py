"""CSV files as Athena writes its results: of values of any length, which Python's csv refuses.

An item of DynamoDB has 400 KB, and a report may join the names of many in one value.
"""

from __future__ import annotations

import csv
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import pyarrow as pa

_LEAST_BLOCK: Final = 1 << 20
_LARGEST_BLOCK: Final = (1 << 31) - 1


class NoResultFile(ValueError):
    """A text that is no such CSV file; the message says why."""


def read_table(text: bytes, types: Mapping[str, pa.DataType]) -> pa.Table:
    """The rows with the given types; what is empty and not quoted is null.

    Raises:
        NoResultFile: a row has other columns than the header, or a value isn't of its type.
    """
    import pyarrow as pa
    from pyarrow import csv as arrow

    try:
        return arrow.read_csv(
            pa.BufferReader(text),
            # A value must lie in one block or in two that follow each other: all is one block.
            read_options=arrow.ReadOptions(
                block_size=min(max(len(text), _LEAST_BLOCK), _LARGEST_BLOCK)
            ),
            parse_options=arrow.ParseOptions(newlines_in_values=True),
            convert_options=arrow.ConvertOptions(
                column_types=dict(types),
                null_values=[""],
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise NoResultFile(str(error)) from error


def read_texts(text: bytes) -> dict[str, list[str]]:
    """The columns as text, empty where there is nothing; an empty file has no columns.

    Raises:
        NoResultFile: a row has other columns than the header.
    """
    import pyarrow as pa

    header, _, _ = text.partition(b"\n")
    names = next(csv.reader([header.decode()]), [])
    if not names:
        return {}
    table = read_table(text, dict.fromkeys(names, pa.string()))
    return {name: [value or "" for value in table.column(name).to_pylist()] for name in names}
