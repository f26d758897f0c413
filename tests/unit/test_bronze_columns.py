"""The table that a crawler made holds the declared columns, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import ANY, Stubber

from salesflow.bronze import (
    PartitionsRefused,
    TableMissing,
    column_problems,
    declare_columns,
    declared_columns,
)
from salesflow.schema import CHANGELOG_COLUMNS

CRAWLED = [
    {"Name": "orderid", "Type": "string"},
    {"Name": "price", "Type": "double"},
    {"Name": "surprise", "Type": "struct<a:int>"},
]


@pytest.fixture
def glue() -> Iterator[tuple[Any, Stubber]]:
    client = boto3.client(
        "glue", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(client) as stubber:
        yield client, stubber
        stubber.assert_no_pending_responses()


def table(columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Table": {
            "Name": "orders_changelog",
            "DatabaseName": "salesflow_dev",
            "CreatedBy": "crawler",
            "VersionId": "3",
            "PartitionKeys": [{"Name": "dt", "Type": "string"}],
            "Parameters": {"classification": "json"},
            "StorageDescriptor": {"Columns": columns, "Location": "s3://lake/bronze/"},
        }
    }


def partitions(*columns: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "Partitions": [
            {
                "Values": ["2026-03-04", f"{hour:02}"],
                "DatabaseName": "salesflow_dev",
                "TableName": "orders_changelog",
                "StorageDescriptor": {"Columns": held, "Location": f"s3://lake/{hour:02}/"},
            }
            for hour, held in enumerate(columns)
        ]
    }


def test_declared_columns_replace_inferred_ones_and_unforeseen_ones_stay() -> None:
    columns = declared_columns(CRAWLED)
    assert [column["Name"] for column in columns] == [
        *(column.name for column in CHANGELOG_COLUMNS),
        "surprise",
    ]
    assert {c["Name"]: c["Type"] for c in columns}["price"] == "decimal(18,4)"


def test_table_and_partitions_get_the_declared_types(glue: tuple[Any, Stubber]) -> None:
    client, stubber = glue
    wanted = declared_columns(CRAWLED)
    stubber.add_response("get_table", table(CRAWLED))
    stubber.add_response(
        "update_table",
        {},
        {
            "DatabaseName": "salesflow_dev",
            "TableInput": {
                "Name": "orders_changelog",
                "PartitionKeys": [{"Name": "dt", "Type": "string"}],
                "Parameters": {"classification": "json"},
                "StorageDescriptor": {"Columns": wanted, "Location": "s3://lake/bronze/"},
            },
        },
    )
    stubber.add_response("get_partitions", partitions(wanted, CRAWLED))
    stubber.add_response(
        "batch_update_partition",
        {"Errors": []},
        {
            "DatabaseName": "salesflow_dev",
            "TableName": "orders_changelog",
            "Entries": [
                {
                    "PartitionValueList": ["2026-03-04", "01"],
                    "PartitionInput": {
                        "Values": ["2026-03-04", "01"],
                        "StorageDescriptor": {"Columns": wanted, "Location": "s3://lake/01/"},
                    },
                }
            ],
        },
    )
    changes = declare_columns(client, "salesflow_dev", "orders_changelog")
    assert "price: double -> decimal(18,4)" in changes
    assert "attributes: none -> string" in changes
    assert changes[-1] == "partition 2026-03-04/01"


def test_what_is_right_already_is_left_alone(glue: tuple[Any, Stubber]) -> None:
    client, stubber = glue
    wanted = declared_columns([])
    stubber.add_response("get_table", table(wanted))
    stubber.add_response("get_partitions", partitions(wanted))
    assert declare_columns(client, "salesflow_dev", "orders_changelog") == []


def test_a_missing_table_is_named(glue: tuple[Any, Stubber]) -> None:
    client, stubber = glue
    stubber.add_client_error("get_table", "EntityNotFoundException")
    with pytest.raises(TableMissing, match=r"salesflow_dev\.orders_changelog"):
        declare_columns(client, "salesflow_dev", "orders_changelog")


def test_partitions_that_glue_refuses_are_named(glue: tuple[Any, Stubber]) -> None:
    client, stubber = glue
    stubber.add_response("get_table", table(declared_columns([])))
    stubber.add_response("get_partitions", partitions(CRAWLED))
    error = {"ErrorCode": "InternalServiceException", "ErrorMessage": "busy"}
    stubber.add_response(
        "batch_update_partition",
        {"Errors": [{"PartitionValueList": ["2026-03-04", "00"], "ErrorDetail": error}]},
        {"DatabaseName": ANY, "TableName": ANY, "Entries": ANY},
    )
    with pytest.raises(PartitionsRefused, match="2026-03-04/00: busy"):
        declare_columns(client, "salesflow_dev", "orders_changelog")


def test_columns_that_lack_or_differ_are_problems() -> None:
    assert column_problems(declared_columns(CRAWLED)) == []
    problems = column_problems(CRAWLED)
    assert "column price is double, not decimal(18,4)" in problems
    assert "column event_id is missing, not string" in problems
