"""The three spellings of a type: Glue's (Hive's), DuckDB's and that of Athena's results."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

import sqlglot
from sqlglot import exp

from localaws.athena.failures import QueryFailed

#: DuckDB's type → Athena's name in ResultSetMetadata and its precision and scale there.
_RESULT_TYPES = {
    "VARCHAR": ("varchar", 2147483647, 0),
    "BOOLEAN": ("boolean", 0, 0),
    "TINYINT": ("tinyint", 3, 0),
    "SMALLINT": ("smallint", 5, 0),
    "INTEGER": ("integer", 10, 0),
    "BIGINT": ("bigint", 19, 0),
    "FLOAT": ("float", 17, 0),
    "DOUBLE": ("double", 17, 0),
    "DATE": ("date", 0, 0),
    "TIME": ("time", 3, 0),
    "TIMESTAMP": ("timestamp", 3, 0),
    "TIMESTAMP WITH TIME ZONE": ("timestamp with time zone", 3, 0),
    "BLOB": ("varbinary", 1073741824, 0),
    "JSON": ("json", 0, 0),
    "INTERVAL": ("interval day to second", 0, 0),
    '"NULL"': ("unknown", 0, 0),
    "HUGEINT": ("decimal", 38, 0),
}
#: The precision of a timestamp(6).
MICROSECONDS = 6
_NESTED = {"MAP": "map", "STRUCT": "row", "TUPLE": "row"}
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL")
_INTEGERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT")
#: Trino's precision of an integer that meets a decimal.
_INTEGER_DIGITS = {"TINYINT": 3, "SMALLINT": 5, "INTEGER": 10, "BIGINT": 19, "HUGEINT": 38}


@dataclass(frozen=True)
class Column:
    """A column of a result: its name and Athena's name of its type, as ResultSetMetadata has it."""

    name: str
    type: str
    precision: int = 0
    scale: int = 0
    nullable: str = "UNKNOWN"

    @property
    def has_microseconds(self) -> bool:
        """Whether it is a timestamp(6), other than the usual timestamp(3)."""
        return self.type.startswith("timestamp") and self.precision == MICROSECONDS


def result_column(name: str, duckdb_type: str) -> Column:
    """Describe a result's column by DuckDB's name of its type."""
    if decimal := decimal_shape(duckdb_type):
        return Column(name, "decimal", *decimal)
    if duckdb_type.endswith("]"):
        return Column(name, "array")
    head = duckdb_type.partition("(")[0]
    if head in _NESTED:
        return Column(name, _NESTED[head])
    if duckdb_type not in _RESULT_TYPES:
        raise QueryFailed(f"NOT_SUPPORTED: the local AWS has no result type {duckdb_type}")
    return Column(name, *_RESULT_TYPES[duckdb_type])


@lru_cache(maxsize=1024)
def from_glue(glue_type: str) -> str:
    """DuckDB's type for a type of the Glue catalogue, such as ``struct<a:int,b:array<string>>``.

    The spelling is the one that DuckDB itself uses, so that types can be compared.

    Raises:
        QueryFailed: for a type that Athena doesn't have.
    """
    try:
        parsed = exp.DataType.build(glue_type.strip(), dialect="hive", udt=False)
    except sqlglot.errors.ParseError as error:
        raise QueryFailed(f"HIVE_INVALID_METADATA: unknown type {glue_type!r}") from error
    return spell(parsed)


def spell(parsed: exp.DataType) -> str:
    """A parsed type of Hive or Trino, as DuckDB spells it.

    Raises:
        QueryFailed: for a type that there isn't.
    """
    kind = exp.DataType.Type
    match parsed.this:
        case kind.ARRAY | kind.LIST:
            return spell(parsed.expressions[0]) + "[]"
        case kind.MAP:
            key, value = parsed.expressions
            return f"MAP({spell(key)}, {spell(value)})"
        case kind.STRUCT:
            fields = (f'"{field.name.lower()}" {spell(field.kind)}' for field in parsed.expressions)
            return f"STRUCT({', '.join(fields)})"
        case kind.DECIMAL:
            precision = [int(param.name) for param in parsed.expressions] or [10]
            scale = precision[1] if len(precision) > 1 else 0
            return f"DECIMAL({precision[0]},{scale})"
        case kind.CHAR | kind.NCHAR | kind.VARCHAR | kind.NVARCHAR | kind.TEXT:
            return "VARCHAR"
        case kind.BINARY | kind.VARBINARY:
            return "BLOB"
        case kind.INT:
            return "INTEGER"
        case kind.TIMESTAMP | kind.TIMESTAMPNTZ:
            return "TIMESTAMP"
        case kind.TIMESTAMPTZ:
            return "TIMESTAMP WITH TIME ZONE"
        case kind.TIME | kind.JSON:
            return str(parsed.this.value)
        case kind.TINYINT | kind.SMALLINT | kind.BIGINT | kind.FLOAT | kind.DOUBLE:
            return str(parsed.this.value)
        case kind.BOOLEAN | kind.DATE:
            return str(parsed.this.value)
    raise QueryFailed(f"HIVE_INVALID_METADATA: unknown type {parsed.sql()!r}")


def decimal_shape(duckdb_type: str) -> tuple[int, int] | None:
    """Precision and scale of a decimal type, None for any other."""
    match = re.fullmatch(r"DECIMAL\((\d+),\s*(\d+)\)", duckdb_type)
    return (int(match[1]), int(match[2])) if match else None


def as_decimal(duckdb_type: str) -> tuple[int, int] | None:
    """Precision and scale of a type in decimal arithmetic: integers take part as decimals."""
    if duckdb_type in _INTEGER_DIGITS:
        return _INTEGER_DIGITS[duckdb_type], 0
    return decimal_shape(duckdb_type)


def is_integer(duckdb_type: str) -> bool:
    """Whether a DuckDB type is a whole number."""
    return duckdb_type in _INTEGERS


def is_number(duckdb_type: str) -> bool:
    """Whether a DuckDB type is a number."""
    return duckdb_type.partition("(")[0] in _NUMBERS


def trino_name(duckdb_type: str) -> str:
    """The type as Athena's messages spell it, such as ``decimal(18,4)`` or ``varchar``."""
    column = result_column("", duckdb_type)
    if column.type == "decimal":
        return f"decimal({column.precision},{column.scale})"
    return column.type
