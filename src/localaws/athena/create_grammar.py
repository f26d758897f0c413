"""Parses CREATE TABLE, Hive's and that of Iceberg tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from localaws.athena import hive_clauses as clauses
from localaws.athena.statements import (
    ColumnDefinition,
    CreateTable,
    PartitionTransform,
    Statement,
    Storage,
)
from localaws.athena.storage_formats import FORMATS, LAZY_SIMPLE
from localaws.athena.tokens import MalformedQuery, Tokens

NO_LOCATION = "No location was specified for table. An S3 location must be specified"
_NO_EXTERNAL = "External keyword not supported for table type ICEBERG"


@dataclass
class _Definition:
    """What follows the columns, in any order."""

    partition_keys: Sequence[ColumnDefinition] = ()
    transforms: Sequence[PartitionTransform] = ()
    format: Storage | None = None
    serde: str | None = None
    serde_parameters: dict[str, str] = field(default_factory=dict)
    delimited: dict[str, str] | None = None
    location: str | None = None
    properties: dict[str, str] = field(default_factory=dict)

    @property
    def storage(self) -> Storage:
        """How the rows are stored."""
        of_format = self.format or FORMATS["TEXTFILE"]
        parameters = self.serde_parameters
        if self.delimited is not None:
            of_format, parameters = FORMATS["TEXTFILE"], self.delimited
        elif self.serde is None and of_format.serde == LAZY_SIMPLE:
            parameters = {"serialization.format": "1"} | parameters
        return Storage(
            self.serde or of_format.serde,
            of_format.input_format,
            of_format.output_format,
            parameters,
        )

    @property
    def tells_storage(self) -> bool:
        """Whether there is a clause about how the rows are stored."""
        return bool(self.format or self.serde or self.serde_parameters or self.delimited)


def create_table(tokens: Tokens) -> Statement:
    """CREATE [EXTERNAL] TABLE …"""
    tokens.expect("CREATE")
    external = tokens.accept("EXTERNAL")
    tokens.expect("TABLE")
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.qualified()
    columns = clauses.columns(tokens) if tokens.peek() == "(" else []
    comment = tokens.string() if tokens.accept("COMMENT") else None
    definition = _Definition()
    while not tokens.ended:
        _read(tokens, definition)
    location = definition.location
    if location is None:
        raise MalformedQuery(NO_LOCATION)
    _check(definition, external)
    return CreateTable(
        name=name,
        columns=columns,
        partition_keys=definition.partition_keys,
        storage=definition.storage,
        location=location if location.endswith("/") else location + "/",
        properties=definition.properties,
        comment=comment,
        if_not_exists=if_not_exists,
        transforms=definition.transforms,
    )


def _read(tokens: Tokens, definition: _Definition) -> None:
    if tokens.accept("PARTITIONED", "BY"):
        definition.partition_keys, definition.transforms = clauses.partitioning(tokens)
    elif tokens.accept("ROW", "FORMAT", "SERDE"):
        definition.serde = tokens.string()
    elif tokens.accept("ROW", "FORMAT", "DELIMITED"):
        definition.delimited = clauses.row_format(tokens)
    elif tokens.accept("STORED", "AS", "INPUTFORMAT"):
        input_format = tokens.string()
        tokens.expect("OUTPUTFORMAT")
        definition.format = Storage(FORMATS["TEXTFILE"].serde, input_format, tokens.string())
    elif tokens.accept("STORED", "AS"):
        definition.format = clauses.file_format(tokens)
    elif tokens.accept("WITH", "SERDEPROPERTIES"):
        definition.serde_parameters = clauses.pairs(tokens)
    elif tokens.accept("LOCATION"):
        definition.location = tokens.string()
    elif tokens.accept("TBLPROPERTIES"):
        definition.properties = clauses.pairs(tokens)
    elif tokens.peek() in ("CLUSTERED", "SKEWED"):
        raise MalformedQuery(f"NOT_SUPPORTED: {tokens.peek()} BY is not supported locally")
    else:
        raise tokens.fault("'PARTITIONED', 'ROW', 'STORED', 'LOCATION', 'TBLPROPERTIES', <EOF>")


def _check(definition: _Definition, external: bool) -> None:
    """Refuse what goes with the other kind of table only."""
    if definition.properties.get("table_type", "").upper() != "ICEBERG":
        if not external:
            raise MalformedQuery("Only external tables are supported: write CREATE EXTERNAL TABLE")
        if definition.transforms:
            column = definition.transforms[0]
            raise MalformedQuery(f"The partition column {column} of an external table has no type")
        return
    if external:
        raise MalformedQuery(_NO_EXTERNAL)
    if definition.partition_keys:
        key = definition.partition_keys[0]
        raise MalformedQuery(
            f"The partition column {key.name} must not have a type for table type ICEBERG: "
            "it is one of the table's columns"
        )
    if definition.tells_storage:
        raise MalformedQuery("ROW FORMAT and STORED AS are not supported for table type ICEBERG")
