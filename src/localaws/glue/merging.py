"""What a table or partition that exists already is to become, by the crawler's policy.

https://docs.aws.amazon.com/glue/latest/dg/crawler-schema-changes-prevent.html
"""

from __future__ import annotations

from dataclasses import dataclass

from localaws.service import Params

DEPRECATED = "DEPRECATED_BY_CRAWLER"
CRAWLER = "UPDATED_BY_CRAWLER"

#: What says how files are to be read: partitions take it over from their table.
_READING = ("Columns", "InputFormat", "OutputFormat", "SerdeInfo")
#: Parameters without which the existing columns mean nothing.
_FUNDAMENTAL = ("classification", "compressionType", "delimiter")


@dataclass(frozen=True)
class Policy:
    """What a crawl may change.

    Args:
        update: UpdateBehavior: UPDATE_IN_DATABASE or LOG.
        delete: DeleteBehavior: DEPRECATE_IN_DATABASE, DELETE_FROM_DATABASE or LOG.
        merge: MergeNewColumns: new columns are added; the existing ones stay as they are.
        inherit: InheritFromTable: partitions are read as their table is.
        new_tables: False when only new folders are crawled: they become partitions, or nothing.
    """

    update: str = "UPDATE_IN_DATABASE"
    delete: str = "DEPRECATE_IN_DATABASE"
    merge: bool = False
    inherit: bool = False
    new_tables: bool = True


def table_to_be(existing: Params, found: Params, policy: Policy) -> Params:
    """An existing table as it is to be.

    It becomes what was found, its columns in the order that they have. With MergeNewColumns it
    stays what it is, with the new columns behind the existing ones; if a fundamental attribute
    has changed, all it gets is a mark, see `fundamental_changes`.
    """
    if not policy.merge:
        return _replaced(existing, found) | {"PartitionKeys": existing.get("PartitionKeys", [])}
    return _extended(existing, found, [key["Name"] for key in existing.get("PartitionKeys", ())])


def partition_to_be(
    existing: Params, found: Params | None, table: Params, policy: Policy
) -> Params:
    """An existing partition as it is to be.

    Args:
        found: None for one whose objects are gone.
        table: as it is after this crawl.
    """
    wanted = existing
    if found is not None and policy.update != "LOG":
        wanted = _extended(existing, found, []) if policy.merge else _replaced(existing, found)
    return inherited(wanted, table) if policy.inherit else wanted


def inherited(partition: Params, table: Params) -> Params:
    """A partition that is read as its table is."""
    descriptor = table["StorageDescriptor"]
    reading = {name: descriptor[name] for name in _READING if name in descriptor}
    return {**partition, "StorageDescriptor": {**partition["StorageDescriptor"], **reading}}


def fundamental_changes(existing: Params, found: Params) -> list[str]:
    """The attributes whose change makes the existing columns meaningless."""
    before, after = existing.get("Parameters", {}), found["Parameters"]
    return [name for name in _FUNDAMENTAL if name in before and before[name] != after.get(name, "")]


def marked(existing: Params, time_ms: int) -> Params:
    """A table or partition that is marked as deprecated since a time, in epoch milliseconds."""
    return {**existing, "Parameters": {**existing.get("Parameters", {}), DEPRECATED: str(time_ms)}}


def differs(existing: Params, wanted: Params) -> bool:
    """Whether there is anything to write; the id of the last run alone is not."""
    return _essence(existing) != _essence(wanted)


def folder(location: str) -> str:
    """A location with the slash at its end that people leave out."""
    return location.rstrip("/") + "/"


def _replaced(existing: Params, found: Params) -> Params:
    columns = {column["Name"]: column for column in found["StorageDescriptor"]["Columns"]}
    kept = {name: columns.pop(name) for name in _names(existing) if name in columns}
    descriptor = {**found["StorageDescriptor"], "Columns": [*kept.values(), *columns.values()]}
    return {**found, "StorageDescriptor": descriptor}


def _extended(existing: Params, found: Params, taken: list[str]) -> Params:
    before, after = existing["StorageDescriptor"], found["StorageDescriptor"]
    names = {*_names(existing), *taken}
    serde = {**after["SerdeInfo"], **before.get("SerdeInfo", {})}
    parameters = {k: v for k, v in existing.get("Parameters", {}).items() if k != DEPRECATED}
    descriptor = {
        **after,
        **before,
        "Columns": before.get("Columns", [])
        + [c for c in after["Columns"] if c["Name"] not in names],
        "SerdeInfo": {
            **serde,
            "Parameters": {**serde.get("Parameters", {}), **after["SerdeInfo"]["Parameters"]},
        },
        "Parameters": after["Parameters"],
    }
    return {
        **existing,
        "StorageDescriptor": descriptor,
        "Parameters": {**parameters, **found["Parameters"]},
    }


def _names(item: Params) -> list[str]:
    return [column["Name"].lower() for column in item["StorageDescriptor"].get("Columns", ())]


def _essence(item: Params) -> Params:
    descriptor = item["StorageDescriptor"]
    serde = descriptor.get("SerdeInfo") or {}
    parameters = item.get("Parameters", {})
    return {
        **{name: descriptor.get(name) for name in ("Columns", "InputFormat", "OutputFormat")},
        "Location": folder(descriptor.get("Location", "")),
        "SerDe": (serde.get("SerializationLibrary"), serde.get("Parameters", {})),
        "Parameters": {k: v for k, v in parameters.items() if k != "CRAWL_RUN_ID"},
    }
