"""Partitions: added, dropped, found in S3, and shown."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation

from localaws.athena.ddl import changeable
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTable, is_iceberg, is_view
from localaws.athena.run import Outcome, Run, shown
from localaws.athena.statements import (
    AddPartitions,
    DropPartitions,
    RepairTable,
    ShowPartitions,
)
from localaws.athena.storage import Place, keys_below, partition_folder, partition_values, split_uri

_COMPARISONS: Mapping[str, Callable[[str | Decimal, str | Decimal], bool]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "<>": operator.ne,
    "!=": operator.ne,
}
_NUMBERS = ("tinyint", "smallint", "int", "bigint", "float", "double", "decimal")


def partition_keys(table: GlueTable) -> list[str]:
    """The names of a table's partition keys.

    Raises:
        QueryFailed: it has none.
    """
    keys = [str(key["Name"]) for key in table.get("PartitionKeys", [])]
    if not keys:
        raise QueryFailed(
            "FAILED: SemanticException [Error 10241]: Table "
            f"{table['DatabaseName']}.{table['Name']} is not a partitioned table"
        )
    return keys


def add(run: Run, statement: AddPartitions) -> Outcome:
    """Each partition lies where the statement says, or in its Hive folder below the table."""
    table = changeable(run, statement.name)
    keys = partition_keys(table)
    known = {tuple(partition["Values"]) for partition in run.tables.partitions(table)}
    base = table["StorageDescriptor"]["Location"].rstrip("/") + "/"
    places: dict[tuple[str, ...], str] = {}
    for given, location in statement.partitions:
        if sorted(given) != sorted(keys):
            raise QueryFailed(
                "FAILED: SemanticException Partition spec "
                f"{dict(given)} doesn't contain all partition columns ({', '.join(keys)})"
            )
        values = tuple(given[key] for key in keys)
        if values in known or values in places:
            if statement.if_not_exists:
                continue
            raise QueryFailed(
                "FAILED: Execution Error, return code 1 from "
                "org.apache.hadoop.hive.ql.exec.DDLTask. "
                f"AlreadyExistsException(message:Partition already exists: {list(values)})"
            )
        if location is not None and split_uri(location) is None:
            raise QueryFailed(f"FAILED: SemanticException {location} is not an S3 URI")
        places[values] = location or base + partition_folder(keys, list(values))
    run.tables.add_partitions(table, places)
    return Outcome()


def drop(run: Run, statement: DropPartitions) -> Outcome:
    """The partitions that meet the conditions leave the catalogue; their data stays."""
    table = changeable(run, statement.name)
    keys = partition_keys(table)
    kinds = {key["Name"]: key["Type"] for key in table["PartitionKeys"]}
    partitions = list(run.tables.partitions(table))
    for conditions in statement.partitions:
        for key, _, _ in conditions:
            if key not in kinds:
                raise QueryFailed(
                    f"FAILED: SemanticException [Error 10006]: Partition not found: {key}"
                )
        found = [
            partition
            for partition in partitions
            if all(
                _meets(partition["Values"][keys.index(key)], comparison, value, kinds[key])
                for key, comparison, value in conditions
            )
        ]
        if not found and not statement.if_exists:
            wanted = ", ".join(
                f"{key} {comparison} {value}" for key, comparison, value in conditions
            )
            raise QueryFailed(
                f"FAILED: SemanticException [Error 10006]: Partition not found ({wanted})"
            )
        for partition in found:
            run.tables.drop_partition(table, partition)
            partitions.remove(partition)
    return Outcome()


def _meets(value: str, comparison: str, wanted: str, kind: str) -> bool:
    left: str | Decimal = value
    right: str | Decimal = wanted
    if kind.partition("(")[0] in _NUMBERS:
        try:
            left, right = Decimal(value), Decimal(wanted)
        except InvalidOperation:
            return False
    return _COMPARISONS[comparison](left, right)


def repair(run: Run, statement: RepairTable) -> Outcome:
    """Partitions that S3 has in Hive's folders and the catalogue has not are added; none is
    removed ("MSCK REPAIR TABLE" in the Athena user guide)."""
    table = run.tables.find(statement.name.within(run.database), statement.name.table)
    if table is None:
        return Outcome(text=f"Tables missing on filesystem:\t{statement.name.table}", rows=1)
    if is_view(table) or is_iceberg(table):
        raise QueryFailed("NOT_SUPPORTED: Query type not supported by Athena for this table")
    keys = partition_keys(table)
    base = Place.of(table["StorageDescriptor"]["Location"]).folder
    found: dict[tuple[str, ...], str] = {}
    for key in keys_below(run.s3, base):
        parts = key[len(base.key) :].split("/")[: len(keys)]
        if len(parts) < len(keys) or any(part.startswith(("_", ".")) for part in parts):
            continue
        folder = "/".join(parts)
        named = partition_values(folder)
        if named is not None and named[0] == keys:
            found[tuple(named[1])] = (base + f"{folder}/").uri
    known = {tuple(partition["Values"]) for partition in run.tables.partitions(table)}
    new = {values: found[values] for values in sorted(found) if values not in known}
    gone = sorted(known - found.keys())
    run.tables.add_partitions(table, new)
    name = statement.name.table
    labels = [f"{name}:{_label(keys, values)}" for values in new]
    lines = []
    if labels:
        lines.append("Partitions not in metastore:\t" + "\t".join(labels))
    if gone:
        missing = "\t".join(f"{name}:{_label(keys, values)}" for values in gone)
        lines.append(f"Partitions missing from filesystem:\t{missing}")
    lines += [f"Repair: Added partition to metastore {label}" for label in labels]
    return Outcome(text="\n".join(lines), rows=len(lines))


def _label(keys: list[str], values: tuple[str, ...]) -> str:
    return partition_folder(keys, list(values)).rstrip("/")


def show(run: Run, statement: ShowPartitions) -> Outcome:
    """``dt=2026-01-01/hour=00`` for each partition of the catalogue."""
    table = run.tables.get(statement.name, run.database)
    keys = partition_keys(table)
    labels = sorted(_label(keys, tuple(p["Values"])) for p in run.tables.partitions(table))
    return shown(labels, "partition")
