"""Partition projection: partitions that follow from a table's parameters, not from the catalogue.

https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from localaws.athena.catalog import Partition, Table
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.patterns import to_read_joda

_UNITS = {
    "SECONDS": "seconds",
    "MINUTES": "minutes",
    "HOURS": "hours",
    "DAYS": "days",
    "WEEKS": "weeks",
}
_NOW = re.compile(r"NOW(?:\s*([+-])\s*([0-9]+)\s*(SECOND|MINUTE|HOUR|DAY|WEEK)S?)?")
#: More partitions than anyone means to project.
_TOO_MANY = 1_000_000


def is_projected(table: Table) -> bool:
    """Whether a table's partitions are projected."""
    return table.parameters.get("projection.enabled", "").lower() == "true"


def project(table: Table, now: datetime) -> list[Partition]:
    """The partitions that a table's parameters describe.

    Args:
        now: what NOW means in the range of a date.

    Raises:
        QueryFailed: for parameters that make no sense, or aren't emulated.
    """
    values = [list(_values(table, key.name, now)) for key in table.partition_keys]
    total = 1
    for of_key in values:
        total *= len(of_key)
    if total > _TOO_MANY:
        raise not_emulated(f"a projection of {total} partitions")
    return [
        Partition(combination, replace(table.storage, location=_location(table, combination)))
        for combination in itertools.product(*values)
    ]


def _location(table: Table, values: tuple[str, ...]) -> str:
    template = table.parameters.get("storage.location.template")
    named = dict(zip((key.name for key in table.partition_keys), values, strict=True))
    if template is None:
        folders = "/".join(f"{name}={value}" for name, value in named.items())
        return f"{table.storage.location.rstrip('/')}/{folders}/"
    for name, value in named.items():
        template = template.replace(f"${{{name}}}", value)
    return template


def _parameter(table: Table, key: str, name: str, default: str | None = None) -> str:
    value = table.parameters.get(f"projection.{key}.{name}", default)
    if value is None:
        raise QueryFailed(
            f"INVALID_TABLE_PROPERTY: Table {table.database}.{table.name} is configured for "
            f"partition projection, but projection.{key}.{name} is missing"
        )
    return value


def _values(table: Table, key: str, now: datetime) -> Iterator[str]:
    kind = _parameter(table, key, "type").lower()
    if kind == "enum":
        yield from (value.strip() for value in _parameter(table, key, "values").split(","))
    elif kind == "integer":
        low, high = (int(bound) for bound in _parameter(table, key, "range").split(","))
        digits = int(_parameter(table, key, "digits", "1"))
        step = int(_parameter(table, key, "interval", "1"))
        yield from (f"{number:0{digits}d}" for number in range(low, high + 1, step))
    elif kind == "date":
        yield from _dates(table, key, now)
    else:
        raise not_emulated(f"the projection type {kind}")


def _dates(table: Table, key: str, now: datetime) -> Iterator[str]:
    pattern = to_read_joda(_parameter(table, key, "format"))
    bounds = [
        _bound(text.strip(), pattern, now) for text in _parameter(table, key, "range").split(",")
    ]
    unit = _parameter(table, key, "interval.unit", "DAYS" if "%H" not in pattern else None).upper()
    if unit not in _UNITS:
        raise not_emulated(f"a projection by {unit}")
    step = timedelta(**{_UNITS[unit]: int(_parameter(table, key, "interval", "1"))})
    moment, last = bounds
    while moment <= last:
        yield moment.strftime(pattern)
        moment += step


def _bound(text: str, pattern: str, now: datetime) -> datetime:
    match = _NOW.fullmatch(text)
    if match is None:
        return datetime.strptime(text, pattern).replace(tzinfo=UTC)
    moment = now
    if match[1]:
        distance = timedelta(**{_UNITS[f"{match[3]}S"]: int(match[2])})
        moment = now + distance if match[1] == "+" else now - distance
    # Only as much of now counts as the format shows.
    return datetime.strptime(moment.strftime(pattern), pattern).replace(tzinfo=UTC)
