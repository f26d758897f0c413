"""The properties that Athena lets a person give an Iceberg table, and Iceberg's names of them.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-creating-tables.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from localaws.athena.failures import QueryFailed, not_emulated

#: Where Iceberg keeps a table's comment.
COMMENT = "comment"
_GIB = 1 << 30


@dataclass(frozen=True)
class _Number:
    """A property whose value is a whole number from ``least`` to less than ``limit``.

    Attributes:
        iceberg: Iceberg's name of it, if it has one; else Athena's own is kept.
        factor: of Athena's unit in Iceberg's.
    """

    iceberg: str
    default: int
    least: int = 1
    limit: int | None = None
    factor: int = 1


_TARGET_SIZE = 512 << 20
NUMBERS: Mapping[str, _Number] = {
    "write_target_data_file_size_bytes": _Number("write.target-file-size-bytes", _TARGET_SIZE),
    "optimize_rewrite_min_data_file_size_bytes": _Number(
        "optimize_rewrite_min_data_file_size_bytes", _TARGET_SIZE * 3 // 4, 0, 10 * _GIB
    ),
    "optimize_rewrite_max_data_file_size_bytes": _Number(
        "optimize_rewrite_max_data_file_size_bytes", _TARGET_SIZE * 9 // 5, 1, 10 * _GIB
    ),
    "optimize_rewrite_data_file_threshold": _Number(
        "optimize_rewrite_data_file_threshold", 5, 1, 50
    ),
    "optimize_rewrite_delete_file_threshold": _Number(
        "optimize_rewrite_delete_file_threshold", 2, 1, 50
    ),
    "vacuum_min_snapshots_to_keep": _Number("history.expire.min-snapshots-to-keep", 1),
    "vacuum_max_snapshot_age_seconds": _Number(
        "history.expire.max-snapshot-age-ms", 432_000, factor=1000
    ),
    "vacuum_max_metadata_files_to_keep": _Number("write.metadata.previous-versions-max", 100),
}
_FORMAT, _COMPRESSION = "format", "write_compression"
_WORDS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    _FORMAT: ("write.format.default", ("parquet", "orc", "avro")),
    _COMPRESSION: ("write.parquet.compression-codec", ("gzip", "snappy", "zstd")),
}
#: Every property of Athena's list.
NAMES = frozenset({*NUMBERS, *_WORDS})
#: What a table that says nothing of it is given, so that every writer does the same.
_DEFAULTS = {_FORMAT: "parquet", _COMPRESSION: "zstd"}


def to_iceberg(given: Mapping[str, str]) -> dict[str, str]:
    """Iceberg's properties for Athena's.

    Raises:
        QueryFailed: for a property that Athena doesn't take, or a value of another kind.
    """
    return dict(_pair(key, value) for key, value in given.items() if key != "table_type")


def of_new_table(given: Mapping[str, str]) -> dict[str, str]:
    """Iceberg's properties of a table that is created with these of Athena's."""
    return to_iceberg(_DEFAULTS | dict(given))


def iceberg_key(key: str) -> str:
    """Iceberg's name of one of Athena's properties.

    Raises:
        QueryFailed: Athena doesn't take such a property.
    """
    if key in NUMBERS:
        return NUMBERS[key].iceberg
    if key in _WORDS:
        return _WORDS[key][0]
    raise QueryFailed(f"Unsupported table property key: {key}")


def _pair(key: str, value: str) -> tuple[str, str]:
    name = iceberg_key(key)
    if key in _WORDS:
        word = value.strip().lower()
        if word not in _WORDS[key][1]:
            raise _wrong(key, value)
        if key == _FORMAT and word != "parquet":
            raise not_emulated(f"the {word.upper()} format of Iceberg tables")
        return name, word
    rule = NUMBERS[key]
    number = int(value) if value.strip().isdecimal() else -1
    if number < rule.least or (rule.limit is not None and number >= rule.limit):
        raise _wrong(key, value)
    return name, str(number * rule.factor)


def _wrong(key: str, value: str) -> QueryFailed:
    return QueryFailed(f"Unsupported table property value: {key}={value}")


def to_athena(properties: Mapping[str, str]) -> dict[str, str]:
    """Athena's properties of a table that has these of Iceberg's; the others aren't shown."""
    shown = {"table_type": "iceberg"}
    for key, (name, words) in _WORDS.items():
        if properties.get(name, "").lower() in words:
            shown[key] = properties[name].lower()
    for key, rule in NUMBERS.items():
        if rule.iceberg in properties:
            shown[key] = str(int(properties[rule.iceberg]) // rule.factor)
    return shown


def number(properties: Mapping[str, str], key: str) -> int:
    """A table's value of one of Athena's properties, in Athena's unit.

    Args:
        properties: Iceberg's, of the table's metadata.
    """
    rule = NUMBERS[key]
    if rule.iceberg in properties:
        return int(properties[rule.iceberg]) // rule.factor
    if key.startswith("optimize_rewrite_m"):
        # These follow from the target size, unless they are given.
        target = number(properties, "write_target_data_file_size_bytes")
        return rule.default * target // _TARGET_SIZE
    return rule.default
