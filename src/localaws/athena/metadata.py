"""Data catalogues, databases and tables, as Athena's own API shows them."""

from __future__ import annotations

from typing import Any

from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import GlueTables
from localaws.athena.tokens import CATALOG
from localaws.errors import AwsError
from localaws.service import Params

#: The only data catalogue: the account's Glue Data Catalog.
DATA_CATALOG = "AwsDataCatalog"


def check_catalog(name: str) -> None:
    """Refuse another data catalogue than the account's own."""
    if name.lower() != CATALOG:
        raise AwsError("InvalidRequestException", f"Catalog '{name}' does not exist")


def data_catalog(account: str) -> Params:
    """The DataCatalog of the API."""
    return {"Name": DATA_CATALOG, "Type": "GLUE", "Parameters": {"catalog-id": account}}


def database(tables: GlueTables, name: str) -> Params:
    """GetDatabase's answer."""
    found = tables.database(name.lower())
    if found is None:
        raise _missing(f"Database {name} not found")
    return described_database(found)


def described_database(found: dict[str, Any]) -> Params:
    """The Database of the API."""
    return {
        "Name": found["Name"],
        "Description": found.get("Description") or None,
        "Parameters": found.get("Parameters") or None,
    }


def table(tables: GlueTables, database_name: str, name: str) -> Params:
    """GetTableMetadata's answer."""
    found = tables.find(database_name.lower(), name.lower())
    if found is None:
        raise _missing(f"Table {name} not found")
    return described_table(found)


def all_tables(tables: GlueTables, database_name: str, expression: str) -> list[Params]:
    """The tables of a database whose names match a regular expression."""
    try:
        return [described_table(found) for found in tables.all(database_name.lower(), expression)]
    except QueryFailed as error:
        raise _missing(f"Database {database_name} not found") from error


def described_table(found: dict[str, Any]) -> Params:
    """The TableMetadata of the API."""
    descriptor = found.get("StorageDescriptor", {})
    serde = descriptor.get("SerdeInfo", {})
    storage = {
        "inputformat": descriptor.get("InputFormat"),
        "location": descriptor.get("Location"),
        "outputformat": descriptor.get("OutputFormat"),
        "serde.serialization.lib": serde.get("SerializationLibrary"),
        **{f"serde.param.{key}": value for key, value in serde.get("Parameters", {}).items()},
    }
    parameters = {**found.get("Parameters", {}), **{k: v for k, v in storage.items() if v}}
    return {
        "Name": found["Name"],
        "CreateTime": found.get("CreateTime"),
        "LastAccessTime": found.get("LastAccessTime"),
        "TableType": found.get("TableType"),
        "Columns": _columns(descriptor.get("Columns", [])),
        "PartitionKeys": _columns(found.get("PartitionKeys", [])),
        "Parameters": parameters,
    }


def _columns(columns: list[dict[str, Any]]) -> list[Params]:
    return [
        {key: column[key] for key in ("Name", "Type", "Comment") if key in column}
        for column in columns
        # Iceberg's catalogue also keeps the columns that a table had once.
        if column.get("Parameters", {}).get("iceberg.field.current") != "false"
    ]


def _missing(message: str) -> AwsError:
    return AwsError("MetadataException", f"EntityNotFoundException: {message}")
