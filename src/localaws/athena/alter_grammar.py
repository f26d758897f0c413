"""Parses ALTER TABLE."""

from __future__ import annotations

from localaws.athena.hive_clauses import column, columns, pairs
from localaws.athena.iceberg.statements import ChangeColumn, DropColumn, UnsetTableProperties
from localaws.athena.statements import (
    AddColumns,
    AddPartitions,
    DropPartitions,
    ReplaceColumns,
    SetLocation,
    SetTableProperties,
    Statement,
)
from localaws.athena.tokens import MalformedQuery, Name, Tokens


def alter_table(tokens: Tokens) -> Statement:
    """ALTER TABLE …"""
    tokens.expect("ALTER", "TABLE")
    name = tokens.qualified()
    if tokens.accept("ADD", "COLUMNS"):
        statement: Statement = AddColumns(name, columns(tokens))
    elif tokens.accept("REPLACE", "COLUMNS"):
        statement = ReplaceColumns(name, columns(tokens))
    elif tokens.accept("SET", "TBLPROPERTIES"):
        statement = SetTableProperties(name, pairs(tokens))
    elif tokens.accept("SET", "LOCATION"):
        statement = SetLocation(name, tokens.string())
    elif tokens.accept("UNSET", "TBLPROPERTIES"):
        statement = UnsetTableProperties(name, _keys(tokens))
    elif tokens.accept("CHANGE"):
        statement = _change_column(tokens, name)
    elif tokens.accept("DROP", "COLUMN"):
        statement = DropColumn(name, tokens.name())
    elif tokens.accept("ADD"):
        statement = _add_partitions(tokens, name)
    elif tokens.accept("DROP"):
        statement = _drop_partitions(tokens, name)
    elif tokens.peek() == "PARTITION":
        partition = _partition(tokens)
        tokens.expect("SET", "LOCATION")
        statement = SetLocation(name, tokens.string(), partition)
    elif tokens.peek() == "RENAME":
        raise MalformedQuery("NOT_SUPPORTED: ALTER TABLE RENAME is not supported locally")
    else:
        raise tokens.fault("'ADD', 'CHANGE', 'DROP', 'PARTITION', 'REPLACE', 'SET', 'UNSET'")
    tokens.finish()
    return statement


def _keys(tokens: Tokens) -> list[str]:
    """('key', …)"""
    tokens.expect("(")
    keys = [tokens.string()]
    while tokens.accept(","):
        keys.append(tokens.string())
    tokens.expect(")")
    return keys


def _change_column(tokens: Tokens, name: Name) -> Statement:
    """[COLUMN] name new_name type [COMMENT 'text'] [FIRST | AFTER name]"""
    tokens.accept("COLUMN")
    changed, new = tokens.name(), column(tokens)
    after = "" if tokens.accept("FIRST") else None
    if tokens.accept("AFTER"):
        after = tokens.name()
    return ChangeColumn(name, changed, new, after)


def _partition(tokens: Tokens) -> dict[str, str]:
    """PARTITION (key = value, …)"""
    tokens.expect("PARTITION")
    values: dict[str, str] = {}
    tokens.expect("(")
    while True:
        key = tokens.name()
        tokens.expect("=")
        values[key] = tokens.literal()
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return values


def _conditions(tokens: Tokens) -> list[tuple[str, str, str]]:
    """PARTITION (key comparison value, …)"""
    tokens.expect("PARTITION")
    conditions: list[tuple[str, str, str]] = []
    tokens.expect("(")
    while True:
        conditions.append((tokens.name(), tokens.operator(), tokens.literal()))
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return conditions


def _add_partitions(tokens: Tokens, name: Name) -> Statement:
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    partitions: list[tuple[dict[str, str], str | None]] = []
    while tokens.peek() == "PARTITION" or not partitions:
        values = _partition(tokens)
        partitions.append((values, tokens.string() if tokens.accept("LOCATION") else None))
        tokens.accept(",")
    return AddPartitions(name, partitions, if_not_exists)


def _drop_partitions(tokens: Tokens, name: Name) -> Statement:
    if_exists = tokens.accept("IF", "EXISTS")
    partitions = [_conditions(tokens)]
    while tokens.accept(","):
        partitions.append(_conditions(tokens))
    tokens.accept("PURGE")
    return DropPartitions(name, partitions, if_exists)
