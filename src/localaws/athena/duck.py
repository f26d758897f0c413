"""DuckDB as this engine uses it: one instance, closed to the outside, a connection per query."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

import duckdb
from sqlglot import exp
from sqlglot.errors import ErrorLevel, UnsupportedError

from localaws.athena.failures import QueryCancelled, QueryFailed, not_emulated

#: What our own error() calls begin with, and what is told of them.
_CODED = re.compile(r"([A-Z][A-Z_]+: .*)", re.DOTALL)
_FOREIGN = re.compile(r"^(Use TRY|LINE \d+:|Possible solutions|Candidate functions|\s*\^)")
_CAST = re.compile(r"Could not convert string '(.*)' to (\w+)", re.DOTALL)
_NO_CAST = re.compile(r"Unimplemented type for cast \((.*) -> (.*)\)")
_JSON = re.compile(
    r'(?:Malformed JSON|JSON transform error) in file "(?P<file>[^"]*)",[^:]*: (?P<problem>.*)',
    re.DOTALL,
)
_MOMENT = re.compile(r'invalid (timestamp|date) field format: "(.*?)"')
_INTEGERS = {"INT8": "TINYINT", "INT16": "SMALLINT", "INT32": "INT", "INT64": "BIGINT"}
#: What Athena calls each kind of error of DuckDB's.
_CODES = {
    "Conversion": "INVALID_CAST_ARGUMENT",
    "Out of Range": "NUMERIC_VALUE_OUT_OF_RANGE",
    "Out of Memory": "EXCEEDED_LOCAL_MEMORY_LIMIT",
    "Catalog": "FUNCTION_NOT_FOUND",
    "Binder": "TYPE_MISMATCH",
    "Parser": "SYNTAX_ERROR",
    "Invalid Input": "INVALID_FUNCTION_ARGUMENT",
}


def open_instance(scratch: Path, *, threads: int, memory: str) -> duckdb.DuckDBPyConnection:
    """Start a DuckDB in memory that loads nothing and whose bounds all queries share.

    Args:
        scratch: where it may spill what doesn't fit into memory.
        memory: its limit, as DuckDB writes it.
    """
    instance = duckdb.connect(
        config={
            "threads": threads,
            "memory_limit": memory,
            "temp_directory": str(scratch / "spill"),
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
        }
    )
    instance.execute(files("localaws.athena").joinpath("macros.sql").read_text()).fetchall()
    return instance


def connect(instance: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """A connection for one query, whose session is in UTC as Athena's is."""
    connection = instance.cursor()
    connection.execute("SET TimeZone = 'UTC'").fetchall()
    return connection


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """A text as an SQL literal."""
    return "'" + text.replace("'", "''") + "'"


def typed(node: exp.Expr, duckdb_type: str) -> exp.Expr:
    """The expression, cast by DuckDB to one of its types."""
    kind = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=duckdb_type)
    return exp.Cast(this=node, to=kind)


def call(name: str, *arguments: exp.Expr) -> exp.Expr:
    """A call of a function or macro of DuckDB."""
    return exp.Anonymous(this=name, expressions=list(arguments))


def to_sql(tree: exp.Expr) -> str:
    """A translated tree as DuckDB's SQL.

    Raises:
        QueryFailed: for what DuckDB has no words for.
    """
    try:
        return str(tree.sql(dialect="duckdb", unsupported_level=ErrorLevel.RAISE))
    except UnsupportedError as error:
        raise not_emulated(str(error)) from error


def failure(error: Exception, origins: Mapping[str, str] | None = None) -> QueryFailed:
    """The failure that Athena would report for DuckDB's, its reason kept.

    Args:
        origins: what the local files are copies of, by their paths.
    """
    kind, found, reason = str(error).partition(" Error: ")
    if not found:
        kind, reason = "", str(error)
    if kind == "INTERRUPT" or reason.startswith("Interrupted"):
        return QueryCancelled("Query cancelled by user")
    if (coded := _CODED.match(reason)) is not None:
        return QueryFailed(coded[1].strip())
    if (json := _JSON.match(reason)) is not None:
        origin = (origins or {}).get(json["file"], json["file"])
        problem = json["problem"].splitlines()[0].strip().rstrip(".")
        if reason.startswith("Malformed") or problem.startswith("Expected OBJECT"):
            text = f"Row is not a valid JSON Object - JSONException: {problem} in {origin}"
            return QueryFailed(f"HIVE_CURSOR_ERROR: {text}")
        return QueryFailed(f"HIVE_BAD_DATA: Error parsing a field of {origin}: {problem}")
    if reason.startswith("Division by zero"):
        return QueryFailed("DIVISION_BY_ZERO: Division by zero")
    if (group := re.match(r'column "([^"]+)" must appear in the GROUP BY', reason)) is not None:
        return QueryFailed(
            f"EXPRESSION_NOT_AGGREGATE: '{group[1]}' must be an aggregate expression "
            "or appear in GROUP BY clause"
        )
    if (cast := _CAST.match(reason)) is not None:
        text = cast[1].strip("'")
        if _CODED.match(text):
            return QueryFailed(text)
        target = _INTEGERS.get(cast[2], cast[2])
        return QueryFailed(f"INVALID_CAST_ARGUMENT: Cannot cast '{text}' to {target}")
    if (kinds := _NO_CAST.match(reason)) is not None:
        one, other = kinds[1].lower(), kinds[2].lower()
        return QueryFailed(f"TYPE_MISMATCH: Cannot cast {one} to {other}")
    if (moment := _MOMENT.match(reason)) is not None:
        text = moment[2].strip("'")
        return QueryFailed(f"INVALID_CAST_ARGUMENT: Value cannot be cast to {moment[1]}: {text}")
    if "out of range" in reason.lower():
        return QueryFailed(f"NUMERIC_VALUE_OUT_OF_RANGE: {reason.splitlines()[0]}")
    lines = [line for line in reason.splitlines() if line.strip() and not _FOREIGN.match(line)]
    reason = " ".join(lines).partition(" Use TRY")[0]
    return QueryFailed(f"{_CODES.get(kind, 'GENERIC_INTERNAL_ERROR')}: {reason}")
