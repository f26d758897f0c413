"""The Glue Data Catalog, as DDL changes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from localaws.athena.failures import QueryFailed
from localaws.athena.statements import ColumnDefinition
from localaws.athena.tokens import Name
from localaws.table_input import PARTITION_INPUT, TABLE_INPUT

GlueTable = dict[str, Any]
GluePartition = dict[str, Any]

#: What BatchCreatePartition takes at a time.
_BATCH = 100


def table_not_found(database: str, table: str) -> QueryFailed:
    """What Athena's DDL says of a table that isn't there."""
    return QueryFailed(
        f"FAILED: SemanticException [Error 10001]: Table not found {database}.{table}"
    )


def database_not_found(database: str) -> QueryFailed:
    """What Athena's DDL says of a database that isn't there."""
    return QueryFailed(
        f"FAILED: SemanticException [Error 10072]: Database does not exist: {database}"
    )


def already_exists(what: str, name: str) -> QueryFailed:
    """What Athena's DDL says of a name that is taken."""
    return QueryFailed(
        "FAILED: Execution Error, return code 1 from org.apache.hadoop.hive.ql.exec.DDLTask. "
        f"AlreadyExistsException(message:{what} {name} already exists)"
    )


def is_view(table: GlueTable) -> bool:
    """Whether an entry of the catalogue is a view."""
    return table.get("TableType") == "VIRTUAL_VIEW"


def is_iceberg(table: GlueTable) -> bool:
    """Whether a table is an Iceberg table."""
    return str(table.get("Parameters", {}).get("table_type", "")).upper() == "ICEBERG"


def glue_columns(columns: Sequence[ColumnDefinition]) -> list[dict[str, str]]:
    """Columns as Glue has them."""
    return [
        {"Name": column.name, "Type": column.type}
        | ({"Comment": column.comment} if column.comment else {})
        for column in columns
    ]


class GlueTables:
    """Databases, tables and partitions, read and changed through a boto3 Glue client."""

    def __init__(self, glue: Any) -> None:
        self.glue = glue

    def database(self, name: str) -> dict[str, Any] | None:
        """A database, None if there is none."""
        return _found(lambda: self.glue.get_database(Name=name)["Database"])

    def require_database(self, name: str) -> None:
        """Fail as Athena does if there is no such database."""
        if self.database(name) is None:
            raise database_not_found(name)

    def databases(self) -> list[dict[str, Any]]:
        """All databases by name."""
        pages = self.glue.get_paginator("get_databases").paginate()
        found = [database for page in pages for database in page["DatabaseList"]]
        return sorted(found, key=lambda database: str(database["Name"]))

    def find(self, database: str, table: str) -> GlueTable | None:
        """A table or view as Glue gives it, None if there is none."""
        return _found(lambda: self.glue.get_table(DatabaseName=database, Name=table)["Table"])

    def get(self, name: Name, database: str) -> GlueTable:
        """A table or view, which must be there; ``database`` is the context's."""
        table = self.find(name.within(database), name.table)
        if table is None:
            raise table_not_found(name.within(database), name.table)
        return table

    def all(self, database: str, expression: str = "") -> list[GlueTable]:
        """All tables and views of a database by name."""
        self.require_database(database)
        filters = {"Expression": expression} if expression else {}
        pages = self.glue.get_paginator("get_tables").paginate(DatabaseName=database, **filters)
        found = [table for page in pages for table in page["TableList"]]
        return sorted(found, key=lambda table: str(table["Name"]))

    def create(self, database: str, table: Mapping[str, Any]) -> None:
        """Make a table; Athena's failure if its name is taken."""
        try:
            self.glue.create_table(DatabaseName=database, TableInput=table)
        except ClientError as error:
            raise _failure(error, "Table", str(table["Name"])) from error

    def update(self, table: GlueTable) -> None:
        """Store a table that was changed."""
        # Glue gives empty texts that it does not take back.
        changed = {key: table[key] for key in TABLE_INPUT if table.get(key) not in (None, "")}
        self.glue.update_table(DatabaseName=table["DatabaseName"], TableInput=changed)

    def delete(self, table: GlueTable) -> None:
        """Delete a table or view; its data stays."""
        self.glue.delete_table(DatabaseName=table["DatabaseName"], Name=table["Name"])

    def partitions(self, table: GlueTable) -> Iterator[GluePartition]:
        """All partitions of a table."""
        pages = self.glue.get_paginator("get_partitions").paginate(
            DatabaseName=table["DatabaseName"], TableName=table["Name"]
        )
        for page in pages:
            yield from page["Partitions"]

    def add_partitions(self, table: GlueTable, places: Mapping[tuple[str, ...], str]) -> None:
        """Add partitions: their values, and where they lie."""
        descriptor = table["StorageDescriptor"]
        inputs = [
            {"Values": list(values), "StorageDescriptor": {**descriptor, "Location": location}}
            for values, location in places.items()
        ]
        for start in range(0, len(inputs), _BATCH):
            answer = self.glue.batch_create_partition(
                DatabaseName=table["DatabaseName"],
                TableName=table["Name"],
                PartitionInputList=inputs[start : start + _BATCH],
            )
            for fault in answer.get("Errors", ()):
                detail = fault["ErrorDetail"]
                if detail["ErrorCode"] != "AlreadyExistsException":
                    raise QueryFailed(f"GENERIC_INTERNAL_ERROR: {detail['ErrorMessage']}")

    def update_partition(self, table: GlueTable, partition: GluePartition) -> None:
        """Store a partition that was changed."""
        changed = {k: partition[k] for k in PARTITION_INPUT if partition.get(k) is not None}
        self.glue.batch_update_partition(
            DatabaseName=table["DatabaseName"],
            TableName=table["Name"],
            Entries=[{"PartitionValueList": partition["Values"], "PartitionInput": changed}],
        )

    def drop_partition(self, table: GlueTable, partition: GluePartition) -> None:
        """Delete a partition; its data stays."""
        self.glue.delete_partition(
            DatabaseName=table["DatabaseName"],
            TableName=table["Name"],
            PartitionValues=partition["Values"],
        )

    def create_database(self, database: Mapping[str, Any]) -> None:
        """Make a database; Athena's failure if its name is taken."""
        try:
            self.glue.create_database(DatabaseInput=database)
        except ClientError as error:
            raise _failure(error, "Database", str(database["Name"])) from error

    def delete_database(self, name: str) -> None:
        """Delete a database and the tables in it."""
        self.glue.delete_database(Name=name)


def _found(get: Any) -> dict[str, Any] | None:
    try:
        answer: dict[str, Any] = get()
    except ClientError as error:
        if error.response["Error"]["Code"] == "EntityNotFoundException":
            return None
        raise
    return answer


def _failure(error: ClientError, what: str, name: str) -> QueryFailed:
    fault = error.response["Error"]
    if fault["Code"] == "AlreadyExistsException":
        return already_exists(what, name)
    return QueryFailed(f"FAILED: {fault['Code']}: {fault['Message']}")
