"""Statements that only Iceberg tables know, besides those that change rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from localaws.athena.statements import ColumnDefinition, Statement
from localaws.athena.tokens import Name


@dataclass(frozen=True)
class UnsetTableProperties(Statement):
    """ALTER TABLE … UNSET TBLPROPERTIES, of an Iceberg table."""

    substatement = "ALTER_TABLE_UNSET_TBLPROPERTIES"
    name: Name
    keys: Sequence[str]


@dataclass(frozen=True)
class ChangeColumn(Statement):
    """ALTER TABLE … CHANGE COLUMN, of an Iceberg table: its new name, type and place.

    Attributes:
        after: the column that it is to follow; empty for the first place, None to leave it.
    """

    substatement = "ALTER_TABLE_CHANGE_COLUMN"
    name: Name
    column: str
    new: ColumnDefinition
    after: str | None = None


@dataclass(frozen=True)
class DropColumn(Statement):
    """ALTER TABLE … DROP COLUMN, of an Iceberg table."""

    substatement = "ALTER_TABLE_DROP_COLUMN"
    name: Name
    column: str


@dataclass(frozen=True)
class Optimize(Statement):
    """OPTIMIZE … REWRITE DATA USING BIN_PACK.

    Attributes:
        where: the condition that says which files, as SQL.
    """

    verb: ClassVar[str] = "OPTIMIZE"
    type = "DML"
    substatement = "OPTIMIZE"
    result = "{id}.csv"
    name: Name
    where: str | None = None


@dataclass(frozen=True)
class Vacuum(Statement):
    """VACUUM."""

    verb: ClassVar[str] = "VACUUM"
    type = "DML"
    substatement = "VACUUM"
    result = "{id}.csv"
    name: Name
