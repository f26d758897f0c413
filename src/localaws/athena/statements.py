"""The statements that Athena runs, once they are parsed.

Each says how Athena reports it (StatementType and SubstatementType of GetQueryExecution) and
where its result goes below the output location.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import ClassVar

from localaws.athena.tokens import Name


@dataclass(frozen=True)
class Statement:
    """Any statement."""

    type: ClassVar[str] = "DDL"
    substatement: ClassVar[str | None] = None
    #: The result's key below the output location.
    result: ClassVar[str] = "{id}.txt"


@dataclass(frozen=True)
class Select(Statement):
    """SELECT, WITH, VALUES or TABLE."""

    type = "DML"
    substatement = "SELECT"
    result = "{id}.csv"
    query: str


@dataclass(frozen=True)
class Explain(Statement):
    """EXPLAIN of a query."""

    type = "DML"
    substatement = "EXPLAIN"
    query: str


@dataclass(frozen=True)
class CreateTableAs(Statement):
    """CREATE TABLE … AS (CTAS)."""

    substatement = "CREATE_TABLE_AS_SELECT"
    result = "tables/{id}"
    name: Name
    query: str
    properties: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)
    if_not_exists: bool = False
    with_data: bool = True


@dataclass(frozen=True)
class Insert(Statement):
    """INSERT INTO … SELECT or VALUES."""

    type = "DML"
    substatement = "INSERT"
    result = "{id}"
    name: Name
    query: str
    columns: tuple[str, ...] = ()


@dataclass(frozen=True)
class Unload(Statement):
    """UNLOAD (…) TO 's3://…' WITH (…)."""

    type = "DML"
    substatement = "UNLOAD"
    result = "{id}"
    query: str
    location: str
    properties: Mapping[str, str | tuple[str, ...]] = field(default_factory=dict)


@dataclass(frozen=True)
class ChangeRows(Statement):
    """MERGE, UPDATE or DELETE, which only Iceberg tables know."""

    type = "DML"
    result = "{id}"
    verb: str
    name: Name
    sql: str


@dataclass(frozen=True)
class Prepare(Statement):
    """PREPARE name FROM statement."""

    type = "UTILITY"
    substatement = "PREPARE"
    name: str
    sql: str


@dataclass(frozen=True)
class Execute(Statement):
    """EXECUTE name [USING …]."""

    type = "DML"
    substatement = "EXECUTE"
    result = "{id}.csv"
    name: str
    parameters: tuple[str, ...] = ()


@dataclass(frozen=True)
class Deallocate(Statement):
    """DEALLOCATE PREPARE name."""

    type = "UTILITY"
    substatement = "DEALLOCATE"
    name: str


@dataclass(frozen=True)
class CreateView(Statement):
    """CREATE [OR REPLACE] VIEW."""

    substatement = "CREATE_VIEW"
    name: Name
    query: str
    replace: bool = False


@dataclass(frozen=True)
class DropView(Statement):
    """DROP VIEW."""

    substatement = "DROP_VIEW"
    name: Name
    if_exists: bool = False


@dataclass(frozen=True)
class ColumnDefinition:
    """A column of a table: its type is Hive's, in lower case, without blanks."""

    name: str
    type: str
    comment: str | None = None


#: What an Iceberg table can be partitioned by, besides a column as it is.
TRANSFORMS = ("year", "month", "day", "hour", "bucket", "truncate")


@dataclass(frozen=True)
class PartitionTransform:
    """What an Iceberg table is partitioned by: a column as it is (identity), or made coarser.

    Attributes:
        argument: the number of buckets, or the width to truncate to.
    """

    name: str
    column: str
    argument: int | None = None

    def __str__(self) -> str:
        if self.name == "identity":
            return self.column
        number = "" if self.argument is None else f"{self.argument}, "
        return f"{self.name}({number}{self.column})"


@dataclass(frozen=True)
class Storage:
    """How a table's rows are stored: the names of Hive's classes."""

    serde: str
    input_format: str
    output_format: str
    parameters: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class CreateTable(Statement):
    """CREATE EXTERNAL TABLE, or CREATE TABLE of an Iceberg table, which has ``transforms``."""

    substatement = "CREATE_TABLE"
    name: Name
    columns: Sequence[ColumnDefinition]
    partition_keys: Sequence[ColumnDefinition]
    storage: Storage
    location: str
    properties: Mapping[str, str]
    comment: str | None = None
    if_not_exists: bool = False
    transforms: Sequence[PartitionTransform] = ()


@dataclass(frozen=True)
class DropTable(Statement):
    """DROP TABLE."""

    substatement = "DROP_TABLE"
    name: Name
    if_exists: bool = False


@dataclass(frozen=True)
class CreateDatabase(Statement):
    """CREATE DATABASE or SCHEMA."""

    substatement = "CREATE_DATABASE"
    name: str
    if_not_exists: bool = False
    comment: str | None = None
    location: str | None = None
    properties: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class DropDatabase(Statement):
    """DROP DATABASE or SCHEMA."""

    substatement = "DROP_DATABASE"
    name: str
    if_exists: bool = False
    cascade: bool = False


@dataclass(frozen=True)
class AddPartitions(Statement):
    """ALTER TABLE … ADD PARTITION: the values by key, each with its location if it has one."""

    substatement = "ALTER_TABLE_ADD_PARTITION"
    name: Name
    partitions: Sequence[tuple[Mapping[str, str], str | None]]
    if_not_exists: bool = False


@dataclass(frozen=True)
class DropPartitions(Statement):
    """ALTER TABLE … DROP PARTITION: conditions (key, comparison, value) on each."""

    substatement = "ALTER_TABLE_DROP_PARTITION"
    name: Name
    partitions: Sequence[Sequence[tuple[str, str, str]]]
    if_exists: bool = False


@dataclass(frozen=True)
class AddColumns(Statement):
    """ALTER TABLE … ADD COLUMNS."""

    substatement = "ALTER_TABLE_ADD_COLUMN"
    name: Name
    columns: Sequence[ColumnDefinition]


@dataclass(frozen=True)
class ReplaceColumns(Statement):
    """ALTER TABLE … REPLACE COLUMNS."""

    substatement = "ALTER_TABLE_REPLACE_COLUMN"
    name: Name
    columns: Sequence[ColumnDefinition]


@dataclass(frozen=True)
class SetTableProperties(Statement):
    """ALTER TABLE … SET TBLPROPERTIES."""

    substatement = "ALTER_TABLE_SET_TBLPROPERTIES"
    name: Name
    properties: Mapping[str, str]


@dataclass(frozen=True)
class SetLocation(Statement):
    """ALTER TABLE … [PARTITION (…)] SET LOCATION."""

    substatement = "ALTER_TABLE_SET_LOCATION"
    name: Name
    location: str
    partition: Mapping[str, str] | None = None


@dataclass(frozen=True)
class RepairTable(Statement):
    """MSCK REPAIR TABLE."""

    substatement = "MSCK_REPAIR"
    name: Name


@dataclass(frozen=True)
class Utility(Statement):
    """A statement that only shows something."""

    type = "UTILITY"


@dataclass(frozen=True)
class ShowDatabases(Utility):
    """SHOW DATABASES or SCHEMAS."""

    substatement = "SHOW_DATABASES"
    pattern: str | None = None


@dataclass(frozen=True)
class ShowTables(Utility):
    """SHOW TABLES."""

    substatement = "SHOW_TABLES"
    database: str | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class ShowViews(Utility):
    """SHOW VIEWS."""

    substatement = "SHOW_VIEWS"
    database: str | None = None
    pattern: str | None = None


@dataclass(frozen=True)
class ShowColumns(Utility):
    """SHOW COLUMNS."""

    substatement = "SHOW_COLUMNS"
    name: Name


@dataclass(frozen=True)
class ShowPartitions(Utility):
    """SHOW PARTITIONS."""

    substatement = "SHOW_PARTITIONS"
    name: Name


@dataclass(frozen=True)
class ShowTableProperties(Utility):
    """SHOW TBLPROPERTIES."""

    substatement = "SHOW_TABLE_PROPERTIES"
    name: Name
    key: str | None = None


@dataclass(frozen=True)
class ShowCreateTable(Utility):
    """SHOW CREATE TABLE."""

    substatement = "SHOW_CREATE_TABLE"
    name: Name


@dataclass(frozen=True)
class ShowCreateView(Utility):
    """SHOW CREATE VIEW."""

    substatement = "SHOW_CREATE_VIEW"
    name: Name


@dataclass(frozen=True)
class Describe(Utility):
    """DESCRIBE [EXTENDED | FORMATTED]."""

    substatement = "DESCRIBE_TABLE"
    name: Name
    detailed: bool = False
