"""What a query's columns are called in the catalogue: Hive's and Trino's names of Arrow's types."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import duckdb
import pyarrow as pa

from localaws.athena.failures import QueryFailed
from localaws.athena.types import Column, from_glue
from localaws.athena.work import QueryResult

#: Arrow → Hive, Trino.
_PLAIN = {
    pa.bool_(): ("boolean", "boolean"),
    pa.int8(): ("tinyint", "tinyint"),
    pa.int16(): ("smallint", "smallint"),
    pa.int32(): ("int", "integer"),
    pa.int64(): ("bigint", "bigint"),
    pa.float32(): ("float", "real"),
    pa.float64(): ("double", "double"),
    pa.string(): ("string", "varchar"),
    pa.large_string(): ("string", "varchar"),
    pa.binary(): ("binary", "varbinary"),
    pa.large_binary(): ("binary", "varbinary"),
    pa.date32(): ("date", "date"),
}
_UNNAMED = re.compile(r"_col\d+")


def hive_type(kind: pa.DataType) -> str:
    """Hive's name of a type, as a table's column has it.

    Raises:
        QueryFailed: a table of Hive's can't have it.
    """
    if kind in _PLAIN:
        return _PLAIN[kind][0]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind) and kind.tz is None:
        return "timestamp"
    if pa.types.is_map(kind):
        return f"map<{hive_type(kind.key_type)},{hive_type(kind.item_type)}>"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array<{hive_type(kind.value_type)}>"
    if pa.types.is_struct(kind):
        return "struct<" + ",".join(f"{f.name}:{hive_type(f.type)}" for f in kind) + ">"
    raise QueryFailed(f"NOT_SUPPORTED: Unsupported Hive type: {trino_type(kind)}")


def trino_type(kind: pa.DataType) -> str:
    """Trino's name of a type, as a view and error messages have it."""
    if kind in _PLAIN:
        return _PLAIN[kind][1]
    if pa.types.is_decimal(kind):
        return f"decimal({kind.precision},{kind.scale})"
    if pa.types.is_timestamp(kind):
        return "timestamp(3) with time zone" if kind.tz else "timestamp(3)"
    if pa.types.is_time(kind):
        return "time(3)"
    if pa.types.is_map(kind):
        return f"map({trino_type(kind.key_type)}, {trino_type(kind.item_type)})"
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return f"array({trino_type(kind.value_type)})"
    if pa.types.is_struct(kind):
        return "row(" + ", ".join(f"{f.name} {trino_type(f.type)}" for f in kind) + ")"
    if pa.types.is_null(kind):
        return "unknown"
    return str(kind)


def trino_types(result: QueryResult) -> list[str]:
    """Trino's names of the types of a query's columns."""
    names = [trino_type(field.type) for field in result.reader.schema]
    return [
        name.replace("(3)", "(6)") if column.has_microseconds else name
        for name, column in zip(names, result.columns, strict=True)
    ]


@lru_cache(maxsize=256)
def arrow_type(glue_type: str) -> pa.DataType:
    """The Arrow type that the engine gives a column of the catalogue."""
    return arrow_of(from_glue(glue_type))


@lru_cache(maxsize=256)
def arrow_of(duckdb_type: str) -> pa.DataType:
    """The Arrow type of DuckDB's."""
    connection: Any = duckdb.connect()
    with connection:
        table = connection.sql(f"SELECT NULL::{duckdb_type} AS c").to_arrow_table()
    return table.schema.field("c").type


def named_columns(result: QueryResult) -> list[Column]:
    """The columns of a query that is to become a table or view: each has a name of its own.

    Raises:
        QueryFailed: one has none, or two have the same.
    """
    names: list[str] = []
    for position, column in enumerate(result.columns, 1):
        if _UNNAMED.fullmatch(column.name):
            raise QueryFailed(
                f"MISSING_COLUMN_NAME: line 1:1: Column name not specified at position {position}"
            )
        if column.name.lower() in names:
            raise QueryFailed(
                "DUPLICATE_COLUMN_NAME: line 1:1: Column name "
                f"'{column.name.lower()}' specified more than once"
            )
        names.append(column.name.lower())
    return result.columns


#: What a value may become where it is stored, without a cast (Trino's implicit coercions).
_NUMBER_ORDER: Sequence[pa.DataType] = (
    pa.int8(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.float32(),
    pa.float64(),
)


def coercible(kind: pa.DataType, into: pa.DataType) -> bool:
    """Whether Athena stores a value of one type in a column of another as it is."""
    if kind == into or pa.types.is_null(kind):
        return True
    if kind in _NUMBER_ORDER and into in _NUMBER_ORDER:
        return _NUMBER_ORDER.index(kind) < _NUMBER_ORDER.index(into)
    if pa.types.is_decimal(kind) and pa.types.is_decimal(into):
        whole = into.precision - into.scale >= kind.precision - kind.scale
        return bool(whole and into.scale >= kind.scale)
    if pa.types.is_integer(kind) and pa.types.is_decimal(into):
        return bool(into.precision - into.scale >= _DIGITS[kind.bit_width])
    if pa.types.is_decimal(kind):
        return bool(pa.types.is_floating(into))
    if pa.types.is_timestamp(into):
        return bool(pa.types.is_date(kind) or (pa.types.is_timestamp(kind) and kind.tz is None))
    if pa.types.is_list(kind) and (pa.types.is_list(into) or pa.types.is_large_list(into)):
        return coercible(kind.value_type, into.value_type)
    if pa.types.is_map(kind) and pa.types.is_map(into):
        same = coercible(kind.key_type, into.key_type)
        return same and coercible(kind.item_type, into.item_type)
    if pa.types.is_struct(kind) and pa.types.is_struct(into):
        pairs = zip(kind, into, strict=False)
        fits = all(coercible(a.type, b.type) for a, b in pairs)
        return fits and len(list(kind)) == len(list(into))
    return hive_family(kind) == hive_family(into)


_DIGITS = {8: 3, 16: 5, 32: 10, 64: 19}


def hive_family(kind: pa.DataType) -> str:
    """Types that differ in Arrow only: text and binaries have two sizes of offsets there."""
    if pa.types.is_large_string(kind) or pa.types.is_string(kind):
        return "text"
    if pa.types.is_large_binary(kind) or pa.types.is_binary(kind):
        return "binary"
    return str(kind)
