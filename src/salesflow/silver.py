"""The columns of the silver table of orders, derived from the schema of an order.

What is told here is told nowhere else: the statements in dags/sql/silver are rendered from it, so
that an attribute which is added to `salesflow.schema` becomes a column by the next ingestion.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from salesflow.rules import ORDER_TIME
from salesflow.schema import CHANGE_COLUMNS, ORDER_ATTRIBUTES, Attribute, Column

ORDERS_TABLE: Final = "orders"
ATTRIBUTES: Final = ORDER_ATTRIBUTES

_TIMESTAMP: Final = "timestamp(6)"
_BEYOND_THE_KNOWN: Final = next(c for c in CHANGE_COLUMNS if c.name == "attributes")


class TableAltered(Exception):
    """Somebody has changed a declared column of the table by hand; the message names it."""


def _declared_type(attribute: Attribute) -> str:
    """The type of an attribute's column, as DDL and the catalogue have it: without precision.

    https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-supported-data-types.html
    """
    return "timestamp" if attribute.silver_type == _TIMESTAMP else attribute.silver_type


STATE_COLUMNS: Final[tuple[Column, ...]] = (
    *(Column(a.name, _declared_type(a), a.description) for a in ATTRIBUTES),
    _BEYOND_THE_KNOWN,
    Column("is_deleted", "boolean", "whether the order was removed: this row is its tombstone"),
    Column("changed_at", "timestamp", "when the order last changed, UTC, in whole seconds"),
    Column("last_event_id", "string", "event_id of the last change"),
    Column(
        "last_sequence_number", "string", "sequence_number of the last change, padded so it sorts"
    ),
)
"""What the newest change of an order says of it, all at once."""

ORDERS_COLUMNS: Final[tuple[Column, ...]] = (
    *STATE_COLUMNS,
    Column("first_changed_at", "timestamp", "when the earliest known change was made, UTC"),
    Column("merged_at", "timestamp", "when the row was last written, UTC"),
    Column("order_date", "date", "day (UTC) of order_ts, without one that of first_changed_at"),
)


def typed(attribute: Attribute) -> str:
    """The SQL expression that makes a value of a changelog column one of the silver column.

    Text that is no time becomes NULL: such an order is kept, and dated by its first change.
    """
    if attribute.silver_type == attribute.glue_type:
        return attribute.name
    if attribute.silver_type == _TIMESTAMP:
        return time_of(attribute.name)
    raise ValueError(
        f"{attribute.name}: no rule makes {attribute.silver_type} of {attribute.glue_type}"
    )


def time_of(name: str) -> str:
    """A text as a time in UTC, if it is one by the rules, with its microseconds.

    Athena's plain from_iso8601_timestamp would cut them off, and the one for nanoseconds wants a
    time with each date.
    https://trino.io/docs/current/functions/datetime.html#from_iso8601_timestamp_nanos
    """
    whole = f"regexp_replace({name}, '^([^T]+)$', '$1T00:00')"
    in_microseconds = f"regexp_replace({whole}, '([.][0-9]{{6}})[0-9]+', '$1')"
    parsed = f"try(from_iso8601_timestamp_nanos({in_microseconds}))"
    return (
        f"CASE WHEN regexp_like({name}, '^{ORDER_TIME}$') "
        f"THEN CAST({parsed} AT TIME ZONE 'UTC' AS {_TIMESTAMP}) END"
    )


def missing_columns(columns: Sequence[Mapping[str, Any]]) -> list[Column]:
    """The declared columns that the table has never had, to be added.

    Args:
        columns: the table's, as Glue has them. Of an Iceberg table Glue also keeps those that were
            dropped, marked as not current.

    Raises:
        TableAltered: a declared column was dropped, or has another type. To add it again would
            be to lose its values in silence.
    """
    types = {column["Name"]: column["Type"] for column in columns}
    dropped = {
        column["Name"]
        for column in columns
        if column.get("Parameters", {}).get("iceberg.field.current") == "false"
    }
    problems = [
        f"column {column.name} was dropped"
        if column.name in dropped
        else f"column {column.name} is {types[column.name]}, not {column.glue_type}"
        for column in ORDERS_COLUMNS
        if column.name in dropped or types.get(column.name, column.glue_type) != column.glue_type
    ]
    if problems:
        raise TableAltered(f"table {ORDERS_TABLE} was altered by hand: {'; '.join(problems)}")
    return [column for column in ORDERS_COLUMNS if column.name not in types]
