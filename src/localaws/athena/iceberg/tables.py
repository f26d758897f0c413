"""Opens, makes and commits to Iceberg tables, whose current metadata file Glue points to.

The Glue table's parameter ``metadata_location`` is the pointer, and its VersionId the lock: of two
commits that began with the same version, Glue takes the first.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import (
    CommitFailedException,
    CommitStateUnknownException,
    NoSuchNamespaceError,
    NoSuchTableError,
    TableAlreadyExistsError,
    ValidationError,
    ValidationException,
)
from pyiceberg.partitioning import PartitionSpec
from pyiceberg.schema import Schema
from pyiceberg.serializers import FromInputFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata

from localaws.athena.catalog import CATALOG_NAME
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import (
    GlueTable,
    already_exists,
    database_not_found,
    is_iceberg,
    table_not_found,
)
from localaws.athena.iceberg.lake_io import LakeIO
from localaws.service import Aws

METADATA_LOCATION = "metadata_location"
#: Metadata files that are remembered; one is a few kilobytes to a few megabytes.
_REMEMBERED = 64


def catalog_properties(aws: Aws) -> dict[str, str]:
    """What PyIceberg needs to know to find this AWS."""
    return {
        "glue.endpoint": aws.endpoint_url,
        "glue.region": aws.region,
        "glue.access-key-id": "test",
        "glue.secret-access-key": "test",  # the local AWS checks no credentials
        "s3.endpoint": aws.endpoint_url,
        "s3.region": aws.region,
        "s3.access-key-id": "test",
        "s3.secret-access-key": "test",
    }


class IcebergTables:
    """The Iceberg tables of the account's Glue catalogue; safe to share between threads."""

    def __init__(self, aws: Aws) -> None:
        self._glue = aws.client("glue")
        properties = catalog_properties(aws) | {
            "py-io-impl": f"{LakeIO.__module__}.{LakeIO.__qualname__}"
        }
        self.catalog = GlueCatalog(CATALOG_NAME, client=self._glue, **properties)
        #: One for all tables, since it holds the connections and what was read.
        self.io = LakeIO(properties)
        self._metadata: OrderedDict[str, TableMetadata] = OrderedDict()
        self._lock = threading.Lock()

    def load(self, database: str, name: str) -> Table:
        """A table as it is now.

        Raises:
            QueryFailed: it isn't there, isn't an Iceberg table, or its metadata can't be read.
        """
        try:
            found = self._glue.get_table(DatabaseName=database.lower(), Name=name.lower())
        except self._glue.exceptions.EntityNotFoundException as error:
            raise table_not_found(database, name) from error
        return self.open(found["Table"])

    def open(self, found: GlueTable) -> Table:
        """The table that an entry of Glue's points to.

        Raises:
            QueryFailed: it isn't an Iceberg table, or its metadata can't be read.
        """
        database, name = str(found["DatabaseName"]), str(found["Name"])
        return self.at(database, name, found.get("Parameters", {}))

    def at(self, database: str, name: str, parameters: Mapping[str, Any]) -> Table:
        """The table that the parameters of a Glue table point to.

        Raises:
            QueryFailed: it isn't an Iceberg table, or its metadata can't be read.
        """
        if not is_iceberg({"Parameters": parameters}):
            raise QueryFailed(f"NOT_SUPPORTED: Not an Iceberg table: {database}.{name}")
        location = parameters.get(METADATA_LOCATION)
        if not location:
            raise QueryFailed(
                "ICEBERG_INVALID_METADATA: Table is missing [metadata_location] property: "
                f"{database}.{name}"
            )
        metadata = self._read_metadata(database, name, str(location))
        return Table((database, name), metadata, str(location), self.io, self.catalog)

    def create(
        self,
        database: str,
        name: str,
        schema: Schema,
        location: str,
        *,
        spec: PartitionSpec,
        properties: Mapping[str, str],
    ) -> Table:
        """Make an empty table.

        Args:
            location: the folder of its data and metadata, an S3 URI.
            properties: Iceberg's.

        Raises:
            QueryFailed: there is such a table, or no such database.
        """
        with committing(database, name):
            return self.catalog.create_table(
                (database, name),
                schema,
                location.rstrip("/"),
                partition_spec=spec,
                properties={"format-version": "2", **properties},
            )

    def _read_metadata(self, database: str, name: str, location: str) -> TableMetadata:
        """A metadata file, which never changes once it is written."""
        with self._lock:
            known = self._metadata.get(location)
            if known is not None:
                self._metadata.move_to_end(location)
                return known
        try:
            metadata = FromInputFile.table_metadata(self.io.new_input(location))
        except FileNotFoundError as error:
            raise QueryFailed(
                "ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table "
                f"{database}.{name}"
            ) from error
        except (OSError, ValueError, ValidationError) as error:
            raise QueryFailed(
                f"ICEBERG_INVALID_METADATA: Error processing metadata for table {database}.{name}"
            ) from error
        with self._lock:
            self._metadata[location] = metadata
            if len(self._metadata) > _REMEMBERED:
                self._metadata.popitem(last=False)
        return metadata


#: Tables, by database and name, and the turn to commit to each.
_turns: dict[tuple[str, str], threading.Lock] = {}


@contextmanager
def committing(database: str, name: str) -> Iterator[None]:
    """Commit to a table when it is one's turn; what PyIceberg says of it is said as by Athena.

    PyIceberg tries a snapshot four times against all comers, and all else once: of three writers
    somebody often lost.

    Raises:
        QueryFailed: instead of PyIceberg's own errors.
    """
    try:
        with _turns.setdefault((database, name), threading.Lock()):
            yield
    except TableAlreadyExistsError as error:
        raise already_exists("Table", name) from error
    except NoSuchTableError as error:
        raise table_not_found(database, name) from error
    except NoSuchNamespaceError as error:
        raise database_not_found(database) from error
    except (CommitFailedException, CommitStateUnknownException, ValidationException) as error:
        raise QueryFailed(
            f"ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: {database}.{name}"
        ) from error
