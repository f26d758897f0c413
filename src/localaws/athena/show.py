"""SHOW and DESCRIBE, laid out as Athena lays them out (measured)."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Any

from localaws.athena.arrow_types import arrow_type, trino_type
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTable, is_iceberg, is_view
from localaws.athena.iceberg import show as iceberg
from localaws.athena.iceberg.properties import to_athena
from localaws.athena.run import Outcome, Run, shown
from localaws.athena.statements import (
    Describe,
    ShowColumns,
    ShowCreateTable,
    ShowDatabases,
    ShowTableProperties,
    ShowTables,
    ShowViews,
)
from localaws.athena.storage_formats import hive_text

_WIDTH = 20


def _matching(names: list[str], pattern: str | None) -> list[str]:
    """Hive's patterns: ``*`` for anything, ``|`` between alternatives, otherwise a regular
    expression for the whole name."""
    if pattern is None:
        return names
    expression = "|".join(
        re.sub(r"(?<!\.)\*", ".*", part.strip()) for part in pattern.lower().split("|")
    )
    try:
        matcher = re.compile(expression)
    except re.error as error:
        raise QueryFailed(
            "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
            f"MetaException(message:{pattern} is not a regular expression: {error})"
        ) from error
    return [name for name in names if matcher.fullmatch(name)]


def databases(run: Run, statement: ShowDatabases) -> Outcome:
    """The names of the databases."""
    names = [str(database["Name"]) for database in run.tables.databases()]
    return shown(_matching(names, statement.pattern), "database_name")


def tables(run: Run, statement: ShowTables) -> Outcome:
    """The names of a database's tables and views."""
    found = run.tables.all(statement.database or run.database)
    return shown(_matching([str(t["Name"]) for t in found], statement.pattern), "tab_name")


def views(run: Run, statement: ShowViews) -> Outcome:
    """The names of a database's views."""
    found = [
        str(t["Name"]) for t in run.tables.all(statement.database or run.database) if is_view(t)
    ]
    return shown(_matching(found, statement.pattern), "views", kind="varchar")


def columns(run: Run, statement: ShowColumns) -> Outcome:
    """The names of a table's columns, partition keys last."""
    table = run.tables.get(statement.name, run.database)
    if is_view(table):
        return _view_columns(run, table)
    described = iceberg.columns(run.iceberg.open(table)) if is_iceberg(table) else _columns(table)
    return shown([name.ljust(_WIDTH) for name, _, _ in described], "field")


def _view_columns(run: Run, view: GlueTable) -> Outcome:
    run.execution.substatement = "DESC_VIEW"
    lines = [f"{name}\t{trino_type(arrow_type(kind))}" for name, kind, _ in _columns(view)]
    return shown(lines, "column", "type", kind="varchar")


def _columns(table: GlueTable) -> list[tuple[str, str, str]]:
    """Name, type and comment of each column, partition keys last."""
    described = [*table.get("StorageDescriptor", {}).get("Columns", [])]
    described += table.get("PartitionKeys", [])
    return [(c["Name"], c.get("Type", "string"), c.get("Comment", "")) for c in described]


def properties(run: Run, statement: ShowTableProperties) -> Outcome:
    """The table properties, or one of them."""
    table = run.tables.get(statement.name, run.database)
    known: dict[str, str] = table.get("Parameters", {})
    if is_iceberg(table):
        known = to_athena(run.iceberg.open(table).properties)
    if statement.key is not None:
        name = f"{table['DatabaseName']}.{table['Name']}"
        missing = f"Table {name} does not have property: {statement.key}"
        return shown([known.get(statement.key, missing)], "prpt_name", "prpt_value")
    return shown([f"{key}\t{value}" for key, value in known.items()], "prpt_name", "prpt_value")


def create_table(run: Run, statement: ShowCreateTable) -> Outcome:
    """The statement that makes the table."""
    table = run.tables.get(statement.name, run.database)
    if is_view(table):
        raise QueryFailed("NOT_SUPPORTED: the table is a view: use SHOW CREATE VIEW")
    if is_iceberg(table):
        return shown(iceberg.creation(run.iceberg.open(table)), "createtab_stmt")
    return shown(_creation(table), "createtab_stmt")


def _creation(table: GlueTable) -> list[str]:
    descriptor = table["StorageDescriptor"]
    serde = descriptor.get("SerdeInfo", {})
    lines = [f"CREATE EXTERNAL TABLE `{table['DatabaseName']}.{table['Name']}`("]
    lines += _column_lines(descriptor.get("Columns", []))
    if table.get("Description"):
        lines.append(f"COMMENT {hive_text(table['Description'])}")
    if table.get("PartitionKeys"):
        lines += ["PARTITIONED BY ( ", *_column_lines(table["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE ", f"  {hive_text(serde.get('SerializationLibrary', ''))} "]
    if serde.get("Parameters"):
        lines += ["WITH SERDEPROPERTIES ( ", *_pair_lines(serde["Parameters"])]
    lines += ["STORED AS INPUTFORMAT ", f"  {hive_text(descriptor.get('InputFormat', ''))} "]
    lines += ["OUTPUTFORMAT ", f"  {hive_text(descriptor.get('OutputFormat', ''))}"]
    lines += ["LOCATION", f"  {hive_text(descriptor.get('Location', ''))}"]
    parameters = {k: v for k, v in table.get("Parameters", {}).items() if k != "EXTERNAL"}
    if parameters:
        lines += ["TBLPROPERTIES (", *_pair_lines(parameters)]
    return lines


def _column_lines(described: list[dict[str, str]]) -> list[str]:
    lines = []
    for number, column in enumerate(described, 1):
        comment = f" COMMENT {hive_text(column['Comment'])}" if column.get("Comment") else ""
        ending = ")" if number == len(described) else ", "
        lines.append(f"  `{column['Name']}` {column.get('Type', 'string')}{comment}{ending}")
    return lines


def _pair_lines(pairs: dict[str, str]) -> list[str]:
    lines = [f"  {hive_text(key)}={hive_text(value)}, " for key, value in pairs.items()]
    return [*lines[:-1], lines[-1].rstrip(", ") + ")"]


def describe(run: Run, statement: Describe) -> Outcome:
    """Name, type and comment of each column; the partition keys once more below."""
    table = run.tables.get(statement.name, run.database)
    if is_view(table):
        return _view_columns(run, table)
    if is_iceberg(table):
        described = iceberg.describe(run.iceberg.open(table), detailed=statement.detailed)
        lines = [_padded(*(*fields, "", "")[:3]) for fields in described]
        return shown(lines, "col_name", "data_type", "comment")
    lines = [_padded(*column) for column in _columns(table)]
    keys = [(k["Name"], k.get("Type", "string"), k.get("Comment", "")) for k in _keys(table)]
    if keys:
        lines += ["\t \t ", "# Partition Information\t \t "]
        lines += [_padded("# col_name", "data_type", "comment"), "\t \t "]
        lines += [_padded(*key) for key in keys]
    if statement.detailed:
        lines += _details(table)
    return shown(lines, "col_name", "data_type", "comment")


def _keys(table: GlueTable) -> list[dict[str, str]]:
    return table.get("PartitionKeys") or []


def _padded(*fields: str) -> str:
    return "\t".join(field.ljust(_WIDTH) for field in fields)


def _details(table: GlueTable) -> list[str]:
    """What FORMATTED and EXTENDED add."""
    descriptor: dict[str, Any] = table["StorageDescriptor"]
    serde: dict[str, Any] = descriptor.get("SerdeInfo", {})
    created = table.get("CreateTime")
    when = f"{created:%a %b %d %H:%M:%S UTC %Y}" if isinstance(created, datetime) else ""
    lines = ["\t \t ", "# Detailed Table Information\t \t "]
    lines += [
        _padded(label, str(value)) + "\t "
        for label, value in {
            "Database:": table["DatabaseName"],
            "Owner:": table.get("Owner") or "hadoop",
            "CreateTime:": when,
            "LastAccessTime:": "UNKNOWN",
            "Retention:": table.get("Retention", 0),
            "Location:": descriptor.get("Location", ""),
            "Table Type:": table.get("TableType", ""),
        }.items()
    ]
    lines.append("Table Parameters:\t \t ")
    lines += [f"\t{_padded(k, str(v))}" for k, v in sorted(table.get("Parameters", {}).items())]
    lines += ["\t \t ", "# Storage Information\t \t "]
    lines += [
        _padded(label, str(value)) + "\t "
        for label, value in {
            "SerDe Library:": serde.get("SerializationLibrary", ""),
            "InputFormat:": descriptor.get("InputFormat", ""),
            "OutputFormat:": descriptor.get("OutputFormat", ""),
            "Compressed:": "Yes" if descriptor.get("Compressed") else "No",
        }.items()
    ]
    lines.append("Storage Desc Params:\t \t ")
    lines += [f"\t{_padded(k, str(v))}" for k, v in sorted(serde.get("Parameters", {}).items())]
    return lines
