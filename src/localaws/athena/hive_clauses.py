"""Clauses that several of Hive's statements have."""

from __future__ import annotations

import re

from localaws.athena.statements import (
    TRANSFORMS,
    ColumnDefinition,
    PartitionTransform,
    Storage,
)
from localaws.athena.storage_formats import FORMATS, delimited
from localaws.athena.tokens import MalformedQuery, Tokens


def columns(tokens: Tokens) -> list[ColumnDefinition]:
    """(name type [COMMENT 'text'], …)"""
    found: list[ColumnDefinition] = []
    tokens.expect("(")
    while True:
        found.append(column(tokens))
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return found


def column(tokens: Tokens) -> ColumnDefinition:
    """name type [COMMENT 'text']"""
    name = tokens.name()
    text = tokens.until(",", ")", "COMMENT", "NOT", "FIRST", "AFTER")
    kind = re.sub(r"\s+", "", text).lower().replace("`", "")
    return ColumnDefinition(name, kind, tokens.string() if tokens.accept("COMMENT") else None)


def partitioning(tokens: Tokens) -> tuple[list[ColumnDefinition], list[PartitionTransform]]:
    """(name type [COMMENT 'text'], …), or for Iceberg tables (name, transform(name), …)"""
    found: list[ColumnDefinition] = []
    transforms: list[PartitionTransform] = []
    tokens.expect("(")
    while True:
        if tokens.peek(1) in (",", ")", "("):
            transforms.append(_transform(tokens))
        else:
            found.append(column(tokens))
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return found, transforms


def _transform(tokens: Tokens) -> PartitionTransform:
    """name, day(name), bucket(16, name) or truncate(10, name); the number may also come last"""
    name = tokens.name()
    if not tokens.accept("("):
        return PartitionTransform("identity", name)
    if name not in TRANSFORMS:
        raise MalformedQuery(f"Unsupported partition transform: {name}")
    number = int(tokens.literal()) if tokens.peek().isdecimal() else None
    if number is not None:
        tokens.expect(",")
    of = tokens.name()
    if number is None and tokens.accept(",") and tokens.peek().isdecimal():
        number = int(tokens.literal())
    tokens.expect(")")
    if (number is None) == (name in ("bucket", "truncate")):
        raise MalformedQuery(f"Invalid arguments of the partition transform {name}")
    return PartitionTransform(name, of, number)


def read_transform(text: str) -> PartitionTransform:
    """A partition transform by itself, as the partitioning of a CTAS has it.

    Raises:
        MalformedQuery: it isn't one.
    """
    tokens = Tokens(text, hive=True)
    transform = _transform(tokens)
    tokens.finish()
    return transform


def row_format(tokens: Tokens) -> dict[str, str]:
    """FIELDS TERMINATED BY … [ESCAPED BY …] COLLECTION ITEMS … MAP KEYS … LINES … NULL …"""
    fields = escape = collection = map_key = null = None
    while True:
        if tokens.accept("FIELDS", "TERMINATED", "BY"):
            fields = tokens.string()
        elif tokens.accept("ESCAPED", "BY"):
            escape = tokens.string()
        elif tokens.accept("COLLECTION", "ITEMS", "TERMINATED", "BY"):
            collection = tokens.string()
        elif tokens.accept("MAP", "KEYS", "TERMINATED", "BY"):
            map_key = tokens.string()
        elif tokens.accept("LINES", "TERMINATED", "BY"):
            if tokens.string() not in ("\n", r"\n"):
                raise MalformedQuery("LINES TERMINATED BY only supports newline '\\n' right now")
        elif tokens.accept("NULL", "DEFINED", "AS"):
            null = tokens.string()
        else:
            break
    return delimited(fields, escape, collection, map_key, null)


def file_format(tokens: Tokens) -> Storage:
    """PARQUET, TEXTFILE, …"""
    name = tokens.name().upper()
    if name not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise MalformedQuery(f"Unrecognized file format in STORED AS clause: '{name}' ({known})")
    return FORMATS[name]


def pairs(tokens: Tokens) -> dict[str, str]:
    """('key' = 'value', …)"""
    found: dict[str, str] = {}
    tokens.expect("(")
    while True:
        key = tokens.string()
        tokens.expect("=")
        found[key] = tokens.string()
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return found
