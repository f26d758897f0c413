"""Parses Athena's DDL, which is Hive's (the Athena user guide, "DDL statements")."""

from __future__ import annotations

import re
from collections.abc import Callable

from localaws.athena.statements import (
    AddColumns,
    AddPartitions,
    ColumnDefinition,
    CreateDatabase,
    CreateTable,
    Describe,
    DropDatabase,
    DropPartitions,
    DropTable,
    RepairTable,
    ReplaceColumns,
    SetLocation,
    SetTableProperties,
    ShowColumns,
    ShowCreateTable,
    ShowDatabases,
    ShowPartitions,
    ShowTableProperties,
    ShowTables,
    ShowViews,
    Statement,
    Storage,
)
from localaws.athena.storage_formats import FORMATS, LAZY_SIMPLE, delimited
from localaws.athena.tokens import MalformedQuery, Name, Tokens

NO_LOCATION = "No location was specified for table. An S3 location must be specified"


def _create_table(tokens: Tokens) -> Statement:
    tokens.expect("CREATE")
    external = tokens.accept("EXTERNAL")
    tokens.expect("TABLE")
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.qualified()
    columns = _columns(tokens) if tokens.peek() == "(" else []
    comment = tokens.string() if tokens.accept("COMMENT") else None
    partition_keys: list[ColumnDefinition] = []
    storage = FORMATS["TEXTFILE"]
    serde: str | None = None
    row_format: dict[str, str] | None = None
    serde_parameters: dict[str, str] = {}
    location: str | None = None
    properties: dict[str, str] = {}
    while not tokens.ended:
        if tokens.accept("PARTITIONED", "BY"):
            partition_keys = _columns(tokens)
        elif tokens.accept("ROW", "FORMAT", "SERDE"):
            serde = tokens.string()
            if tokens.accept("WITH", "SERDEPROPERTIES"):
                serde_parameters = _pairs(tokens)
        elif tokens.accept("ROW", "FORMAT", "DELIMITED"):
            row_format = _row_format(tokens)
        elif tokens.accept("STORED", "AS", "INPUTFORMAT"):
            input_format = tokens.string()
            tokens.expect("OUTPUTFORMAT")
            storage = Storage(storage.serde, input_format, tokens.string())
        elif tokens.accept("STORED", "AS"):
            storage = _format(tokens)
        elif tokens.accept("WITH", "SERDEPROPERTIES"):
            serde_parameters = _pairs(tokens)
        elif tokens.accept("LOCATION"):
            location = tokens.string()
        elif tokens.accept("TBLPROPERTIES"):
            properties = _pairs(tokens)
        elif tokens.peek() in ("CLUSTERED", "SKEWED"):
            raise MalformedQuery(f"NOT_SUPPORTED: {tokens.peek()} BY is not supported locally")
        else:
            raise tokens.fault("'PARTITIONED', 'ROW', 'STORED', 'LOCATION', 'TBLPROPERTIES', <EOF>")
    if location is None:
        raise MalformedQuery(NO_LOCATION)
    if not external and properties.get("table_type", "").upper() != "ICEBERG":
        raise MalformedQuery("Only external tables are supported: write CREATE EXTERNAL TABLE")
    if row_format is not None:
        storage, serde_parameters = FORMATS["TEXTFILE"], row_format
    elif serde is None and storage.serde == LAZY_SIMPLE:
        serde_parameters = {"serialization.format": "1"} | serde_parameters
    return CreateTable(
        name=name,
        columns=columns,
        partition_keys=partition_keys,
        storage=Storage(
            serde or storage.serde, storage.input_format, storage.output_format, serde_parameters
        ),
        location=location if location.endswith("/") else location + "/",
        properties=properties,
        comment=comment,
        if_not_exists=if_not_exists,
    )


def _columns(tokens: Tokens) -> list[ColumnDefinition]:
    """(name type [COMMENT 'text'], …)"""
    columns: list[ColumnDefinition] = []
    tokens.expect("(")
    while True:
        name = tokens.name()
        kind = re.sub(r"\s+", "", tokens.until(",", ")", "COMMENT")).lower().replace("`", "")
        comment = tokens.string() if tokens.accept("COMMENT") else None
        columns.append(ColumnDefinition(name, kind, comment))
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return columns


def _row_format(tokens: Tokens) -> dict[str, str]:
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


def _format(tokens: Tokens) -> Storage:
    name = tokens.name().upper()
    if name not in FORMATS:
        known = ", ".join(sorted(FORMATS))
        raise MalformedQuery(f"Unrecognized file format in STORED AS clause: '{name}' ({known})")
    return FORMATS[name]


def _pairs(tokens: Tokens) -> dict[str, str]:
    """('key' = 'value', …)"""
    pairs: dict[str, str] = {}
    tokens.expect("(")
    while True:
        key = tokens.string()
        tokens.expect("=")
        pairs[key] = tokens.string()
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return pairs


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


def _alter_table(tokens: Tokens) -> Statement:
    tokens.expect("ALTER", "TABLE")
    name = tokens.qualified()
    if tokens.accept("ADD", "COLUMNS"):
        statement: Statement = AddColumns(name, _columns(tokens))
    elif tokens.accept("REPLACE", "COLUMNS"):
        statement = ReplaceColumns(name, _columns(tokens))
    elif tokens.accept("SET", "TBLPROPERTIES"):
        statement = SetTableProperties(name, _pairs(tokens))
    elif tokens.accept("SET", "LOCATION"):
        statement = SetLocation(name, tokens.string())
    elif tokens.accept("ADD"):
        statement = _add_partitions(tokens, name)
    elif tokens.accept("DROP"):
        statement = _drop_partitions(tokens, name)
    elif tokens.peek() == "PARTITION":
        partition = _partition(tokens)
        tokens.expect("SET", "LOCATION")
        statement = SetLocation(name, tokens.string(), partition)
    elif tokens.peek() in ("RENAME", "CHANGE"):
        raise MalformedQuery(f"NOT_SUPPORTED: ALTER TABLE {tokens.peek()} is not supported locally")
    else:
        raise tokens.fault("'ADD', 'DROP', 'PARTITION', 'REPLACE', 'SET'")
    tokens.finish()
    return statement


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


def _drop_table(tokens: Tokens) -> Statement:
    tokens.expect("DROP", "TABLE")
    if_exists = tokens.accept("IF", "EXISTS")
    name = tokens.qualified()
    tokens.accept("PURGE")
    tokens.finish()
    return DropTable(name, if_exists)


def _create_database(tokens: Tokens) -> Statement:
    tokens.expect("CREATE", tokens.peek(1))
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.name()
    comment = tokens.string() if tokens.accept("COMMENT") else None
    location = tokens.string() if tokens.accept("LOCATION") else None
    properties = _pairs(tokens) if tokens.accept("WITH", "DBPROPERTIES") else {}
    tokens.finish()
    return CreateDatabase(name, if_not_exists, comment, location, properties)


def _drop_database(tokens: Tokens) -> Statement:
    tokens.expect("DROP", tokens.peek(1))
    if_exists = tokens.accept("IF", "EXISTS")
    name = tokens.name()
    cascade = tokens.accept("CASCADE")
    tokens.accept("RESTRICT")
    tokens.finish()
    return DropDatabase(name, if_exists, cascade)


def _repair_table(tokens: Tokens) -> Statement:
    tokens.expect("MSCK", "REPAIR", "TABLE")
    name = tokens.qualified()
    tokens.finish()
    return RepairTable(name)


def _show_databases(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", tokens.peek(1))
    pattern = tokens.string() if tokens.accept("LIKE") else None
    tokens.finish()
    return ShowDatabases(pattern)


def _listing(tokens: Tokens) -> tuple[str | None, str | None]:
    """[IN database] [[LIKE] 'pattern']"""
    within = tokens.accept("IN") or tokens.accept("FROM")
    database = tokens.name() if within else None
    if tokens.accept("LIKE"):
        return database, tokens.string()
    return database, tokens.maybe_string()


def _show_tables(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "TABLES")
    statement = ShowTables(*_listing(tokens))
    tokens.finish()
    return statement


def _show_views(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "VIEWS")
    statement = ShowViews(*_listing(tokens))
    tokens.finish()
    return statement


def _show_columns(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "COLUMNS")
    if not tokens.accept("IN"):
        tokens.expect("FROM")
    name = tokens.qualified()
    if tokens.accept("IN") or tokens.accept("FROM"):
        name = Name(name.table, tokens.name())
    tokens.finish()
    return ShowColumns(name)


def _show_partitions(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "PARTITIONS")
    name = tokens.qualified()
    tokens.finish()
    return ShowPartitions(name)


def _show_table_properties(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "TBLPROPERTIES")
    name = tokens.qualified()
    key = None
    if tokens.accept("("):
        key = tokens.string()
        tokens.expect(")")
    tokens.finish()
    return ShowTableProperties(name, key)


def _show_create_table(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "CREATE", "TABLE")
    name = tokens.qualified()
    tokens.finish()
    return ShowCreateTable(name)


def _describe(tokens: Tokens) -> Statement:
    tokens.expect(tokens.peek())
    detailed = tokens.accept("EXTENDED") or tokens.accept("FORMATTED")
    name = tokens.qualified()
    if not tokens.ended:
        raise MalformedQuery("NOT_SUPPORTED: DESCRIBE of a partition or column, locally")
    return Describe(name, detailed)


READERS: dict[tuple[str, ...], Callable[[Tokens], Statement]] = {
    ("CREATE", "EXTERNAL", "TABLE"): _create_table,
    ("CREATE", "TABLE"): _create_table,
    ("DROP", "TABLE"): _drop_table,
    ("ALTER", "TABLE"): _alter_table,
    ("CREATE", "DATABASE"): _create_database,
    ("CREATE", "SCHEMA"): _create_database,
    ("DROP", "DATABASE"): _drop_database,
    ("DROP", "SCHEMA"): _drop_database,
    ("MSCK", "REPAIR", "TABLE"): _repair_table,
    ("SHOW", "DATABASES"): _show_databases,
    ("SHOW", "SCHEMAS"): _show_databases,
    ("SHOW", "TABLES"): _show_tables,
    ("SHOW", "VIEWS"): _show_views,
    ("SHOW", "COLUMNS"): _show_columns,
    ("SHOW", "PARTITIONS"): _show_partitions,
    ("SHOW", "TBLPROPERTIES"): _show_table_properties,
    ("SHOW", "CREATE", "TABLE"): _show_create_table,
    ("DESCRIBE",): _describe,
    ("DESC",): _describe,
}
