"""SHOW and DESCRIBE of Iceberg tables."""

from __future__ import annotations

from pyiceberg.partitioning import PartitionField
from pyiceberg.table import Table

from localaws.athena.iceberg.properties import COMMENT, to_athena
from localaws.athena.iceberg.schemas import glue_type
from localaws.athena.storage_formats import hive_text


def columns(table: Table) -> list[tuple[str, str, str]]:
    """Name, type and comment of each column."""
    return [
        (field.name, glue_type(field.field_type), field.doc or "")
        for field in table.schema().fields
    ]


def describe(table: Table, *, detailed: bool) -> list[tuple[str, ...]]:
    """The lines of DESCRIBE, each in its columns: the schema, then the partitioning."""
    lines: list[tuple[str, ...]] = [("# Table schema:",), ("# col_name", "data_type", "comment")]
    lines += columns(table)
    if table.spec().fields:
        lines += [("",), ("# Partition spec:",), ("# field_name", "field_transform", "column_name")]
        lines += [
            (field.name, str(field.transform), _column(table, field))
            for field in table.spec().fields
        ]
    if detailed:
        lines += [("",), ("# Detailed Table Information",)]
        lines += [("Database:", table.name()[0]), ("Location:", table.location())]
        lines += [("Table Type:", "EXTERNAL_TABLE"), ("",), ("# Iceberg storage table properties",)]
        lines += sorted(table.properties.items())
    return lines


def _column(table: Table, field: PartitionField) -> str:
    return table.schema().find_field(field.source_id).name


def creation(table: Table) -> list[str]:
    """The statement that makes the table."""
    lines = [f"CREATE TABLE {'.'.join(table.name())} ("]
    described = [
        f"  {name} {kind}" + (f" COMMENT {hive_text(comment)}" if comment else "")
        for name, kind, comment in columns(table)
    ]
    lines += [f"{line}," for line in described[:-1]] + [f"{described[-1]})"]
    if COMMENT in table.properties:
        lines.append(f"COMMENT {hive_text(table.properties[COMMENT])}")
    if table.spec().fields:
        parts = ", ".join(_partitioning(table, field) for field in table.spec().fields)
        lines.append(f"PARTITIONED BY ({parts})")
    lines.append(f"LOCATION {hive_text(table.location())}")
    shown = [f"  {hive_text(k)}={hive_text(v)}" for k, v in to_athena(table.properties).items()]
    lines += ["TBLPROPERTIES (", *(f"{line}," for line in shown[:-1]), shown[-1], ");"]
    return lines


def _partitioning(table: Table, field: PartitionField) -> str:
    """``day(`ts`)`` for a field that Iceberg writes as ``day``; ``bucket(16, `id`)`` likewise."""
    name, _, number = str(field.transform).rstrip("]").partition("[")
    column = f"`{_column(table, field)}`"
    if name == "identity":
        return column
    return f"{name}({number}, {column})" if number else f"{name}({column})"
