"""How the projection lies in the lake: its tables, and the files that people and the page read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from salesflow.projection.history import HORIZON, WEEK
from salesflow.projection.rows import Accuracy, BacktestResult, ProjectedDay

TABLES: Final[Mapping[str, type[Any]]] = {
    "sales_projection": ProjectedDay,
    "projection_backtest": BacktestResult,
    "projection_accuracy": Accuracy,
}
"""The tables of the lake, with the rows that they hold."""

JUDGED_DAYS: Final = HORIZON + WEEK
"""For so many days a projection is held against what came: all of its days, and the late changes
of a week."""

INSERT_BYTES: Final = 200_000
"""How long the values of one INSERT may be: a query of Athena has 262,144 bytes at most.

https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
"""

_TYPES: Final[Mapping[Any, str]] = {
    date: "date",
    Decimal: "decimal(38, 4)",
    float: "double",
    int: "integer",
}


@dataclass(frozen=True, slots=True)
class ProjectionOutcome:
    """What came of a projection: `projected`, or `refused` and why.

    The sentence is empty if there is a projection.
    """

    as_of: date
    outcome: str
    sentence: str

    @classmethod
    def projected(cls, as_of: date) -> ProjectionOutcome:
        """There is a projection."""
        return cls(as_of, "projected", "")

    @classmethod
    def refused(cls, as_of: date, sentence: str) -> ProjectionOutcome:
        """There is none."""
        return cls(as_of, "refused", sentence)


def columns(row_type: type[Any]) -> dict[str, str]:
    """The columns of a row type with their types, as Athena's queries name these."""
    hints = get_type_hints(row_type)
    return {field.name: _type(hints[field.name]) for field in fields(row_type)}


def column_info(row_type: type[Any]) -> list[dict[str, Any]]:
    """The columns as Athena describes those of a result."""
    return [
        {"Name": name, "Type": "decimal", "Precision": 38, "Scale": 4}
        if kind.startswith("decimal")
        else {"Name": name, "Type": kind}
        for name, kind in columns(row_type).items()
    ]


def value_lists(rows: Iterable[Any], limit: int = INSERT_BYTES) -> Iterator[str]:
    """Rows as the texts that follow VALUES, each at most `limit` bytes long; all values are text.

    No rows are no texts.
    """
    chunk: list[str] = []
    size = 0
    for row in rows:
        text = "(" + ", ".join(_literal(getattr(row, field.name)) for field in fields(row)) + ")"
        length = len(text.encode()) + 2
        if chunk and size + length > limit:
            yield ",\n".join(chunk)
            chunk, size = [], 0
        chunk.append(text)
        size += length
    if chunk:
        yield ",\n".join(chunk)


def _type(hint: Any) -> str:
    kinds = [kind for kind in get_args(hint) or (hint,) if kind is not NoneType]
    return _TYPES.get(kinds[0], "varchar")


def _literal(value: object) -> str:
    return "NULL" if value is None else "'" + str(value).replace("'", "''") + "'"
