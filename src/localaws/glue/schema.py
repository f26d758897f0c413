"""Schemas as a crawler infers them: types, how they widen, how the catalogue writes them.

A type is plain JSON, so that it can be remembered as it is: a name such as ``"bigint"``, a
list with the one type of an array's items, a mapping for a struct's fields, or None for a
column of which only nulls were seen.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

Type: TypeAlias = "str | list[Type] | dict[str, Type] | None"
#: Columns by name, as the data spells them, in the order of their first appearance.
Columns: TypeAlias = dict[str, Type]

# AWS documents no rules for columns whose objects disagree: these are ours. A number takes the
# wider type; everything else that differs becomes a string, which can hold all of them.
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double")
_INT = 2**31
_BIGINT = 2**63


def type_of(value: Any) -> Type:
    """The type of one JSON value."""
    match value:
        case None:
            return None
        case bool():
            return "boolean"
        case int():
            if -_INT <= value < _INT:
                return "int"
            return "bigint" if -_BIGINT <= value < _BIGINT else "double"
        case float():
            return "double"
        case list():
            item: Type = None
            for element in value:
                item = widest(item, type_of(element))
            return [item]
        case dict():
            return {name: type_of(element) for name, element in value.items()}
    return "string"


def widest(one: Type, other: Type) -> Type:
    """The type that holds the values of both."""
    if other is None or one == other:
        return one
    if one is None:
        return other
    if isinstance(one, dict) and isinstance(other, dict):
        merged = dict(one)
        widen(merged, other)
        return merged
    if isinstance(one, list) and isinstance(other, list):
        return [widest(one[0], other[0])]
    if isinstance(one, str) and isinstance(other, str) and {one, other} <= set(_NUMBERS):
        return max(one, other, key=_NUMBERS.index)
    return "string"


def widen(columns: Columns, others: Mapping[str, Type]) -> None:
    """Make columns hold other ones too; new ones go to the end."""
    for name, kind in others.items():
        columns[name] = widest(columns.get(name), kind)


def take_in(columns: Columns, row: Mapping[str, Any]) -> None:
    """Make columns hold a row of JSON values too."""
    for name, value in row.items():
        known = columns.get(name)
        # Nearly all values are strings in columns of strings: the rest can be skipped.
        if known == "string" and type(value) is str:
            continue
        columns[name] = widest(known, type_of(value))


def catalogued(columns: Columns) -> list[dict[str, str]]:
    """Columns as the Data Catalog has them: lower-case names, those that differ in case
    merged, types as Hive writes them."""
    lowered: Columns = {}
    for name, kind in columns.items():
        widen(lowered, {name.lower(): kind})
    return [{"Name": name, "Type": hive(kind)} for name, kind in lowered.items()]


def hive(kind: Type) -> str:
    """A type as Hive writes it, such as ``array<struct<sku:string,units:int>>``."""
    match kind:
        case list():
            return f"array<{hive(kind[0])}>"
        case dict() if kind:
            return f"struct<{','.join(f'{name}:{hive(field)}' for name, field in kind.items())}>"
        case str():
            return kind
    # Nothing is known of a column of nulls or of empty objects; a string holds whatever comes.
    return "string"


def similarity(one: Iterable[str], other: Iterable[str]) -> float:
    """The share of column names, regardless of case, that two schemas have in common (0 to 1)."""
    ours, theirs = {name.lower() for name in one}, {name.lower() for name in other}
    return len(ours & theirs) / len(ours | theirs) if ours or theirs else 1.0
