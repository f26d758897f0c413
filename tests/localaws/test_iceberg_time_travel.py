"""Time travel, and the tables about an Iceberg table."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from athena_queries import Athena, Row
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws

ORDERS = """
CREATE TABLE orders (id bigint, note string, order_date date)
PARTITIONED BY (order_date) LOCATION 's3://lake/orders/' TBLPROPERTIES ('table_type' = 'ICEBERG')
"""


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def opened(athena: Athena) -> Table:
    """The table as PyIceberg has it."""
    return IcebergTables(athena.local_aws.aws).load("sales", "orders")


def orders(*ids: int) -> pa.Table:
    return pa.table(
        {
            "id": pa.array(ids, pa.int64()),
            "note": [f"note {number}" for number in ids],
            "order_date": pa.array([date(2025, 7, number) for number in ids], pa.date32()),
        }
    )


@pytest.fixture
def history(athena: Athena) -> list[int]:
    """The ids of the snapshots of a table to which was written twice."""
    athena.run(ORDERS)
    opened(athena).append(orders(1))
    opened(athena).append(orders(2))
    return [entry.snapshot_id for entry in opened(athena).history()]


def moment(athena: Athena, number: int) -> str:
    """When a snapshot was made, as a literal."""
    made = opened(athena).history()[number].timestamp_ms
    text = datetime.fromtimestamp(made / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]
    return f"TIMESTAMP '{text} UTC'"


@pytest.mark.behaviour("athena", "FOR VERSION AS OF reads a snapshot of an Iceberg table.")
def test_version_travel(athena: Athena, history: list[int]) -> None:
    sql = "SELECT id FROM orders FOR VERSION AS OF {} ORDER BY id"

    assert athena.rows(sql.format(history[0]))[1:] == [["1"]]
    assert athena.rows(sql.format(history[1]))[1:] == [["1"], ["2"]]
    assert athena.rows(sql.format("'main'"))[1:] == [["1"], ["2"]]


@pytest.mark.behaviour(
    "athena", "FOR TIMESTAMP AS OF reads the snapshot that was current at a time."
)
def test_time_travel(athena: Athena, history: list[int]) -> None:
    sql = "SELECT id FROM orders FOR TIMESTAMP AS OF {} AS o WHERE o.id > 0 ORDER BY id"

    assert athena.rows(sql.format(moment(athena, 0)))[1:] == [["1"]]
    assert athena.rows(sql.format(moment(athena, 1)))[1:] == [["1"], ["2"]]
    before = f"{moment(athena, 0)} - INTERVAL '1' DAY"
    assert 'No version history table "sales"."orders" at or before 20' in athena.failure(
        sql.format(f"({before})")
    )


def test_two_versions_are_compared(athena: Athena, history: list[int]) -> None:
    sql = (
        f"SELECT n.id FROM orders n LEFT JOIN orders FOR VERSION AS OF {history[0]} o "
        "ON o.id = n.id WHERE o.id IS NULL"
    )
    assert athena.rows(sql)[1:] == [["2"]]


@pytest.mark.behaviour("athena", "A snapshot is read with the schema that the table had then.")
def test_a_version_has_the_columns_of_its_time(athena: Athena, history: list[int]) -> None:
    athena.run("ALTER TABLE orders CHANGE COLUMN note remark string")
    athena.run("ALTER TABLE orders ADD COLUMNS (price decimal(9, 2))")
    opened(athena).append(
        orders(3)
        .rename_columns(["id", "remark", "order_date"])
        .append_column("price", pa.nulls(1, pa.decimal128(9, 2)))
    )

    sql = f"SELECT * FROM orders FOR VERSION AS OF {history[1]} WHERE note = 'note 2'"

    assert athena.rows(sql) == [["id", "note", "order_date"], ["2", "note 2", "2025-07-02"]]
    assert athena.rows("SELECT remark FROM orders WHERE id = 2")[1:] == [["note 2"]]


@pytest.mark.parametrize(
    ("version", "reason"),
    [
        ("VERSION AS OF 42", "INVALID_ARGUMENTS: Iceberg snapshot ID does not exists: 42"),
        ("VERSION AS OF 'none'", "Cannot find snapshot with reference name: none"),
        ("VERSION AS OF 1.5", "Unsupported type for table version: decimal(2,1)"),
        ("TIMESTAMP AS OF 5", "TYPE_MISMATCH: Type for temporal table version should be either"),
        ("TIMESTAMP AS OF TIMESTAMP '2999-01-01 00:00:00 UTC'", "is not in the past"),
        ("TIMESTAMP AS OF CAST(NULL AS timestamp)", "Pointer value cannot be NULL"),
    ],
)
def test_versions_that_there_are_not(
    athena: Athena, history: list[int], version: str, reason: str
) -> None:
    assert reason in athena.failure(f"SELECT * FROM orders FOR {version}")


def test_other_tables_have_no_versions(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE plain (id int) LOCATION 's3://lake/plain/'")
    failure = athena.failure("SELECT * FROM plain FOR VERSION AS OF 1")
    assert failure == "NOT_SUPPORTED: This connector does not support versioned tables"


def columns(athena: Athena, kind: str) -> list[Row]:
    """The names and types of a table about the orders."""
    answer = athena.answer(f'SELECT * FROM "orders${kind}"')
    described = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    return [[column["Name"], column["Type"]] for column in described]


@pytest.mark.behaviour("athena", '"table$snapshots" shows the snapshots of an Iceberg table.')
def test_snapshots(athena: Athena, history: list[int]) -> None:
    assert columns(athena, "snapshots") == [
        ["committed_at", "timestamp with time zone"],
        ["snapshot_id", "bigint"],
        ["parent_id", "bigint"],
        ["operation", "varchar"],
        ["manifest_list", "varchar"],
        ["summary", "map"],
    ]
    found = athena.rows(
        "SELECT snapshot_id, parent_id, operation, summary['total-records'] "
        'FROM "sales"."orders$snapshots" ORDER BY committed_at'
    )
    assert found[1:] == [
        [str(history[0]), None, "append", "1"],
        [str(history[1]), str(history[0]), "append", "2"],
    ]


@pytest.mark.behaviour("athena", '"table$files" shows the data files of the current snapshot.')
def test_files(athena: Athena, history: list[int]) -> None:
    files = [task.file for task in opened(athena).scan().plan_files()]
    assert [name for name, _ in columns(athena, "files")] == [
        *("content", "file_path", "file_format", "record_count", "file_size_in_bytes"),
        *("column_sizes", "value_counts", "null_value_counts", "nan_value_counts"),
        *("lower_bounds", "upper_bounds", "key_metadata", "split_offsets", "equality_ids"),
    ]

    found = athena.rows(
        "SELECT content, file_path, file_format, record_count, file_size_in_bytes, "
        "lower_bounds[1], upper_bounds[2], lower_bounds[3], null_value_counts[1] "
        'FROM "orders$files" ORDER BY lower_bounds[1]'
    )

    by_path = {file.file_path: str(file.file_size_in_bytes) for file in files}
    assert {row[1]: row[4] for row in found[1:]} == by_path
    assert [[*row[:1], *row[2:4], *row[5:]] for row in found[1:]] == [
        ["0", "PARQUET", "1", "1", "note 1", "2025-07-01", "0"],
        ["0", "PARQUET", "1", "2", "note 2", "2025-07-02", "0"],
    ]


@pytest.mark.behaviour(
    "athena",
    '"table$history", "table$manifests", "table$partitions" and "table$refs" show the rest of an '
    "Iceberg table's metadata.",
)
def test_the_other_tables_about_a_table(athena: Athena, history: list[int]) -> None:
    assert athena.rows(
        'SELECT snapshot_id, parent_id, is_current_ancestor FROM "orders$history" '
        "ORDER BY made_current_at"
    )[1:] == [[str(history[0]), None, "true"], [str(history[1]), str(history[0]), "true"]]
    assert athena.rows(
        "SELECT added_snapshot_id, added_data_files_count, added_rows_count, "
        'partition_summaries[1].lower_bound FROM "orders$manifests" ORDER BY 4'
    )[1:] == [[str(history[0]), "1", "1", "2025-07-01"], [str(history[1]), "1", "1", "2025-07-02"]]
    assert athena.rows(
        "SELECT partition.order_date, record_count, file_count, data.id.min, data.note.max "
        'FROM "orders$partitions" ORDER BY 1'
    )[1:] == [
        ["2025-07-01", "1", "1", "1", "note 1"],
        ["2025-07-02", "1", "1", "2", "note 2"],
    ]
    assert athena.rows('SELECT name, type, snapshot_id FROM "orders$refs"')[1:] == [
        ["main", "BRANCH", str(history[1])]
    ]


def test_tables_about_an_empty_table_are_empty(athena: Athena) -> None:
    athena.run(ORDERS)
    for kind in ("snapshots", "files", "history", "manifests", "partitions", "refs"):
        assert athena.rows(f'SELECT count(*) FROM "orders${kind}"')[1:] == [["0"]]


def test_there_is_no_other_table_about_a_table(athena: Athena) -> None:
    athena.run(ORDERS)
    athena.run("CREATE EXTERNAL TABLE plain (id int) LOCATION 's3://lake/plain/'")
    for name in ("orders$nothing", "plain$files"):
        failure = athena.failure(f'SELECT * FROM "{name}"')
        assert failure == (
            f"TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.{name}' does not exist"
        )
