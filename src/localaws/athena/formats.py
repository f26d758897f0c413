"""How each kind of file is read: a DuckDB table function, and an expression for each column."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from localaws.athena.catalog import Storage, Table
from localaws.athena.duck import literal, quoted
from localaws.athena.failures import not_emulated
from localaws.athena.objects import Variant
from localaws.athena.types import decimal_shape, is_integer

_OPENX = "org.openx.data.jsonserde.JsonSerDe"
_JSON = (
    _OPENX,
    "org.apache.hive.hcatalog.data.JsonSerDe",
    "org.apache.hadoop.hive.serde2.JsonSerDe",
)
_PARQUET = ("org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",)
_TEXT = ("org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",)
_CSV = ("org.apache.hadoop.hive.serde2.OpenCSVSerde",)
_QUOTE, _BACKSLASH = '"', "\\"


@dataclass(frozen=True)
class Reading:
    """How DuckDB reads files of one kind.

    Attributes:
        function: the table function; its first argument, the files, is put before the others.
        arguments: the other arguments, as SQL.
        columns: an expression for each column of the table, as SQL.
        variant: which copy of an object is read.
        suffix: of the local files.
    """

    function: str
    arguments: tuple[str, ...]
    columns: dict[str, str]
    variant: Variant
    suffix: str


def kind_of(storage: Storage) -> str:
    """``json``, ``parquet``, ``text`` or ``csv``.

    Raises:
        QueryFailed: for formats that aren't emulated.
    """
    for kind, serdes in (("json", _JSON), ("parquet", _PARQUET), ("text", _TEXT), ("csv", _CSV)):
        if storage.serde in serdes:
            return kind
    raise not_emulated(f"the SerDe {storage.serde or 'of a table without one'}")


def reading(table: Table, present: Sequence[str] | None = None) -> Reading:
    """How the files of a table are read.

    Args:
        present: the columns that Parquet files have, as they spell them.
    """
    kind = kind_of(table.storage)
    if kind == "parquet":
        return _parquet(table, present or ())
    return {"json": _json, "text": _text, "csv": _open_csv}[kind](table)


def _flag(table: Table, name: str, default: str = "false") -> bool:
    return table.storage.serde_parameters.get(name, default).lower() == "true"


def _json(table: Table) -> Reading:
    """https://docs.aws.amazon.com/athena/latest/ug/openx-json-serde.html"""
    parameters = table.storage.serde_parameters
    ignore = _flag(table, "ignore.malformed.json")
    keys = {c.name: parameters.get(f"mapping.{c.name}", c.name).lower() for c in table.columns}
    spelled = table.storage.serde == _OPENX and not _flag(table, "case.insensitive", "true")
    if spelled:
        keys = {c.name: parameters.get(f"mapping.{c.name}", c.name) for c in table.columns}
    if _flag(table, "dots.in.keys"):
        raise not_emulated("dots.in.keys of the OpenX SerDe")
    raw = {c.name: _json_type(c.duckdb_type) for c in table.columns}
    fields = [f"{literal(keys[name])}: {literal(kind)}" for name, kind in raw.items()]
    columns = {
        c.name: _checked(quoted(keys[c.name]), c.duckdb_type, raw[c.name], c.name, index)
        for index, c in enumerate(table.columns)
    }
    arguments = [
        "format = 'newline_delimited'",
        "records = true",
        "maximum_object_size = 134217728",
        f"columns = {{{', '.join(fields)}}}",
    ]
    if ignore:
        arguments.append("ignore_errors = true")
    variant = Variant.TEXT if spelled else Variant.JSON
    return Reading("read_json", tuple(arguments), columns, variant, ".json")


def _json_type(duckdb_type: str) -> str:
    """What DuckDB reads from JSON; exact numbers as text, for it would read them as doubles."""
    if duckdb_type in ("DOUBLE", "FLOAT", "BOOLEAN", "VARCHAR"):
        return duckdb_type
    if duckdb_type == "BLOB":
        raise not_emulated("binary columns in JSON")
    return (
        re.sub(r"DECIMAL\(\d+,\d+\)", "VARCHAR", duckdb_type) if _nested(duckdb_type) else "VARCHAR"
    )


def _nested(duckdb_type: str) -> bool:
    return duckdb_type.endswith("]") or duckdb_type.startswith(("STRUCT", "MAP"))


def _checked(source: str, kind: str, raw: str, name: str, index: int) -> str:
    """The value of a column, which must be of its type."""
    if kind == raw:
        return source
    if _nested(kind):
        return f"CAST({source} AS {kind})"
    value = f"trino_digits({source})" if is_integer(kind) else source
    problem = literal(
        f"HIVE_BAD_DATA: Error parsing a column of type {kind.lower()}: field {index}: {name}: "
    )
    careful = f"coalesce(TRY_CAST({value} AS {kind}), trino_refuse({source}, {problem})::{kind})"
    plain = _plain_number(kind)
    if plain is None:
        return careful
    # Nearly all numbers can't fail, and those are quick.
    return (
        f"CASE WHEN regexp_full_match({source}, '{plain}') "
        f"THEN CAST({source} AS {kind}) ELSE {careful} END"
    )


def _plain_number(kind: str) -> str | None:
    """What numbers look like that are certainly in the range of their type."""
    if shape := decimal_shape(kind):
        whole = shape[0] - shape[1] - 1
        return f"-?[0-9]{{1,{whole}}}([.][0-9]+)?" if whole > 0 else None
    digits = {"TINYINT": 2, "SMALLINT": 4, "INTEGER": 9, "BIGINT": 18}.get(kind)
    return f"-?[0-9]{{1,{digits}}}" if digits else None


def _text(table: Table) -> Reading:
    """https://docs.aws.amazon.com/athena/latest/ug/lazy-simple-serde.html"""
    parameters = table.storage.serde_parameters
    delimiter = parameters.get("field.delim", parameters.get("serialization.format", "\x01"))
    if delimiter == "1":
        delimiter = "\x01"
    escape = parameters.get("escape.delim", "")
    null = parameters.get("serialization.null.format", "\\N")
    columns = {}
    for c in table.columns:
        if _nested(c.duckdb_type):
            raise not_emulated(f"the type {c.type} in text files")
        value = f"nullif({quoted(c.name)}, {literal(null)})"
        columns[c.name] = value if c.duckdb_type == "VARCHAR" else _lenient(value, c.duckdb_type)
    return Reading(
        "read_csv",
        (*_csv_arguments(table, delimiter), "quote = ''", f"escape = {literal(escape)}"),
        columns,
        Variant.TEXT,
        ".csv",
    )


def _lenient(value: str, kind: str) -> str:
    """LazySimpleSerDe gives NULL for what it can't read."""
    return f"TRY_CAST({f'trino_digits({value})' if is_integer(kind) else value} AS {kind})"


def _open_csv(table: Table) -> Reading:
    """https://docs.aws.amazon.com/athena/latest/ug/csv-serde.html"""
    parameters = table.storage.serde_parameters
    columns = {}
    for index, c in enumerate(table.columns):
        name, kind = quoted(c.name), c.duckdb_type
        if kind == "VARCHAR":
            columns[c.name] = name
        elif kind == "DATE":
            columns[c.name] = (
                f"DATE '1970-01-01' + {_checked(name, 'INTEGER', 'VARCHAR', c.name, index)}"
            )
        elif kind == "TIMESTAMP":
            columns[c.name] = f"epoch_ms({_checked(name, 'BIGINT', 'VARCHAR', c.name, index)})"
        elif is_integer(kind) or decimal_shape(kind) or kind in ("DOUBLE", "FLOAT", "BOOLEAN"):
            columns[c.name] = _checked(name, kind, "VARCHAR", c.name, index)
        else:
            raise not_emulated(f"the type {c.type} in files of OpenCSVSerde")
    return Reading(
        "read_csv",
        (
            *_csv_arguments(table, parameters.get("separatorChar", ",")),
            f"quote = {literal(parameters.get('quoteChar', _QUOTE))}",
            f"escape = {literal(parameters.get('escapeChar', _BACKSLASH))}",
        ),
        columns,
        Variant.TEXT,
        ".csv",
    )


def _csv_arguments(table: Table, delimiter: str) -> tuple[str, ...]:
    fields = ", ".join(f"{literal(c.name)}: 'VARCHAR'" for c in table.columns)
    skip = table.parameters.get(
        "skip.header.line.count", table.storage.serde_parameters.get("skip.header.line.count", "0")
    )
    return (
        "auto_detect = false",
        "header = false",
        "strict_mode = false",
        "null_padding = true",
        # Nothing is NULL but what the SerDe makes of it.
        "nullstr = '\x02NULL\x03'",
        f"delim = {literal(delimiter)}",
        f"skip = {int(skip)}",
        f"columns = {{{fields}}}",
    )


def _parquet(table: Table, present: Sequence[str]) -> Reading:
    spelled = {name.lower(): name for name in present}
    columns = {
        c.name: f"CAST({quoted(spelled[c.name])} AS {c.duckdb_type})"
        if c.name in spelled
        else f"CAST(NULL AS {c.duckdb_type})"
        for c in table.columns
    }
    return Reading("read_parquet", ("union_by_name = true",), columns, Variant.RAW, ".parquet")
