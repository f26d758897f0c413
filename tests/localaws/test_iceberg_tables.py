"""How Iceberg tables are opened and committed to: Glue points, and decides who was first."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.partitioning import UNPARTITIONED_PARTITION_SPEC
from pyiceberg.schema import Schema
from pyiceberg.types import LongType, NestedField, StringType

from localaws.athena.failures import QueryFailed
from localaws.athena.iceberg.tables import IcebergTables, catalog_properties, committing
from localaws.server import LocalAws

SCHEMA = Schema(
    NestedField(1, "id", LongType(), required=False),
    NestedField(2, "name", StringType(), required=False),
)


@pytest.fixture
def tables(local_aws: LocalAws) -> IcebergTables:
    local_aws.aws.client("s3").create_bucket(Bucket="lake")
    local_aws.aws.client("glue").create_database(DatabaseInput={"Name": "sales"})
    return IcebergTables(local_aws.aws)


def create(tables: IcebergTables, **properties: str) -> Any:
    return tables.create(
        "sales",
        "orders",
        SCHEMA,
        "s3://lake/orders/",
        spec=UNPARTITIONED_PARTITION_SPEC,
        properties=properties,
    )


def rows(*ids: int) -> pa.Table:
    return pa.table({"id": pa.array(ids, pa.int64()), "name": [str(number) for number in ids]})


def test_what_is_committed_is_read_by_any_pyiceberg(
    tables: IcebergTables, local_aws: LocalAws
) -> None:
    create(tables)
    tables.load("sales", "orders").append(rows(1, 2))
    tables.load("sales", "orders").append(rows(3))

    elsewhere = GlueCatalog("theirs", **catalog_properties(local_aws.aws))

    found = elsewhere.load_table("sales.orders").scan().to_arrow()
    assert sorted(found["id"].to_pylist()) == [1, 2, 3]


def test_glue_shows_the_columns_and_points_to_the_metadata(
    tables: IcebergTables, local_aws: LocalAws
) -> None:
    table = create(tables)

    found = local_aws.aws.client("glue").get_table(DatabaseName="sales", Name="orders")["Table"]

    assert found["Parameters"]["table_type"] == "ICEBERG"
    assert found["Parameters"]["metadata_location"] == table.metadata_location
    assert found["StorageDescriptor"]["Location"] == "s3://lake/orders"
    columns = found["StorageDescriptor"]["Columns"]
    assert [(c["Name"], c["Type"]) for c in columns] == [("id", "bigint"), ("name", "string")]
    assert found["PartitionKeys"] == []


@pytest.mark.behaviour(
    "glue",
    "Of two UpdateTable calls with the same VersionId, the second fails with a "
    "ConcurrentModificationException.",
)
def test_of_two_commits_that_began_together_the_second_conflicts(tables: IcebergTables) -> None:
    create(tables, **{"commit.retry.num-retries": "0"})
    first, second = tables.load("sales", "orders"), tables.load("sales", "orders")
    first.append(rows(1))

    with pytest.raises(QueryFailed) as failed, committing("sales", "orders"):
        second.append(rows(2))

    assert failed.value.message == (
        "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: sales.orders"
    )
    assert tables.load("sales", "orders").scan().to_arrow()["id"].to_pylist() == [1]


def test_glue_takes_no_commit_on_a_version_that_has_passed(
    tables: IcebergTables, local_aws: LocalAws
) -> None:
    create(tables)
    glue = local_aws.aws.client("glue")
    stale = glue.get_table(DatabaseName="sales", Name="orders")["Table"]
    tables.load("sales", "orders").append(rows(1))

    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(
            DatabaseName="sales",
            TableInput={"Name": "orders", "Parameters": stale["Parameters"]},
            VersionId=stale["VersionId"],
        )

    assert tables.load("sales", "orders").scan().to_arrow().num_rows == 1


def test_a_name_that_is_taken_is_refused(tables: IcebergTables) -> None:
    create(tables)

    with pytest.raises(QueryFailed, match=r"AlreadyExistsException.*orders"):
        create(tables)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        (
            {"metadata_location": "s3://lake/orders/metadata/gone.metadata.json"},
            "ICEBERG_MISSING_METADATA: Metadata not found in metadata location for table "
            "sales.orders",
        ),
        (
            {"metadata_location": ""},
            "ICEBERG_INVALID_METADATA: Table is missing [metadata_location] property: sales.orders",
        ),
        (
            {"metadata_location": "s3://lake/orders/metadata/broken.metadata.json"},
            "ICEBERG_INVALID_METADATA: Error processing metadata for table sales.orders",
        ),
        ({"table_type": "hudi"}, "NOT_SUPPORTED: Not an Iceberg table: sales.orders"),
    ],
)
def test_a_table_altered_by_hand_says_what_is_wrong(
    tables: IcebergTables, local_aws: LocalAws, parameters: dict[str, str], message: str
) -> None:
    create(tables)
    glue, s3 = local_aws.aws.client("glue"), local_aws.aws.client("s3")
    s3.put_object(Bucket="lake", Key="orders/metadata/broken.metadata.json", Body=b"{]")
    found = glue.get_table(DatabaseName="sales", Name="orders")["Table"]
    changed = {**found["Parameters"], **parameters}
    glue.update_table(DatabaseName="sales", TableInput={"Name": "orders", "Parameters": changed})

    with pytest.raises(QueryFailed) as failed:
        tables.load("sales", "orders")

    assert failed.value.message == message
