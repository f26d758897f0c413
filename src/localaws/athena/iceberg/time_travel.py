"""FOR TIMESTAMP AS OF and FOR VERSION AS OF.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-time-travel-and-version-travel-queries.html
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from pyiceberg.table import Table
from pyiceberg.table.snapshots import Snapshot
from sqlglot import exp

from localaws.athena.failures import QueryFailed
from localaws.athena.types import trino_name

#: Gives the type and the value of an expression without columns; a moment in milliseconds.
Evaluate = Callable[[exp.Expr], tuple[str, Any]]


class Version(Protocol):
    """Which state of a table is meant."""

    def of(self, table: Table) -> Snapshot:
        """The snapshot of a table.

        Raises:
            QueryFailed: the table has none that is meant.
        """


@dataclass(frozen=True)
class AtTime:
    """What was current then, in milliseconds since 1970."""

    milliseconds: int

    def of(self, table: Table) -> Snapshot:
        """See `Version`."""
        found = table.snapshot_as_of_timestamp(self.milliseconds)
        if found is None:
            database, name = table.name()
            moment = datetime.fromtimestamp(self.milliseconds / 1000, UTC)
            raise QueryFailed(
                f'INVALID_ARGUMENTS: No version history table "{database}"."{name}" at or before '
                f"{moment.isoformat().replace('+00:00', 'Z')}"
            )
        return found


@dataclass(frozen=True)
class AtVersion:
    """A snapshot by its id, or by the name of a branch or tag."""

    version: int | str

    def of(self, table: Table) -> Snapshot:
        """See `Version`."""
        if isinstance(self.version, str):
            found = table.snapshot_by_name(self.version)
            problem = f"Cannot find snapshot with reference name: {self.version}"
        else:
            found = table.snapshot_by_id(self.version)
            problem = f"Iceberg snapshot ID does not exists: {self.version}"
        if found is None:
            raise QueryFailed(f"INVALID_ARGUMENTS: {problem}")
        return found


def version_of(node: exp.Version, evaluate: Evaluate, now: datetime) -> Version:
    """What follows a table's name.

    Args:
        now: what is asked for must be before it.

    Raises:
        QueryFailed: it is neither a moment of the past nor a version.
    """
    kind, value = evaluate(node.expression)
    if value is None:
        raise QueryFailed("INVALID_ARGUMENTS: Pointer value cannot be NULL")
    if str(node.this).upper() == "TIMESTAMP":
        if not kind.startswith(("TIMESTAMP", "DATE")):
            raise QueryFailed(
                "TYPE_MISMATCH: Type for temporal table version should be either date, timestamp, "
                f"or timestamp with time zone, but got {trino_name(kind)}"
            )
        if value > now.timestamp() * 1000:
            text = node.expression.sql(dialect="trino")
            raise QueryFailed(f"INVALID_ARGUMENTS: Pointer value '{text}' is not in the past")
        return AtTime(value)
    if kind not in ("INTEGER", "BIGINT", "VARCHAR"):
        raise QueryFailed(f"NOT_SUPPORTED: Unsupported type for table version: {trino_name(kind)}")
    return AtVersion(value)
