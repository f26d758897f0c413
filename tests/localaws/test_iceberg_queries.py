"""SELECT from Iceberg tables: what is read, and what is not."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.table import Table

from athena_queries import Athena
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws

ORDERS = """
CREATE TABLE orders (
  id bigint, price decimal(10, 2), placed timestamp, note string, order_date date
)
PARTITIONED BY (order_date)
LOCATION 's3://lake/orders/'
TBLPROPERTIES ('table_type' = 'ICEBERG')
"""


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def opened(athena: Athena, name: str = "orders") -> Table:
    """The table as PyIceberg has it."""
    return IcebergTables(athena.local_aws.aws).load("sales", name)


def day(number: int) -> date:
    return date(2025, 7, number)


def orders(*rows: tuple[int, str, int]) -> pa.Table:
    """Orders: id, price and day of July."""
    return pa.table(
        {
            "id": pa.array([row[0] for row in rows], pa.int64()),
            "price": pa.array([Decimal(row[1]) for row in rows], pa.decimal128(10, 2)),
            "placed": pa.array(
                [datetime(2025, 7, row[2], 8, 30, 15, 250_000, UTC) for row in rows],
                pa.timestamp("us"),
            ),
            "note": [f"note {row[0]}" for row in rows],
            "order_date": pa.array([day(row[2]) for row in rows], pa.date32()),
        }
    )


def scanned(execution: dict[str, Any]) -> int:
    return int(execution["Statistics"]["DataScannedInBytes"])


@pytest.mark.behaviour("athena", "A new Iceberg table is empty, and can be queried.")
def test_a_new_table_is_empty(athena: Athena) -> None:
    athena.run(ORDERS)

    assert athena.rows("SELECT * FROM orders") == [["id", "price", "placed", "note", "order_date"]]
    assert athena.rows("SELECT count(*) FROM orders")[1:] == [["0"]]


@pytest.mark.behaviour("athena", "SELECT reads the current snapshot of an Iceberg table.")
def test_what_another_engine_wrote_is_read(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.50", 1), (2, "2.25", 2)))
    opened(athena).append(orders((3, "3.00", 2)))

    found = athena.rows("SELECT id, price, note, order_date FROM orders ORDER BY id")

    assert found[1:] == [
        ["1", "1.50", "note 1", "2025-07-01"],
        ["2", "2.25", "note 2", "2025-07-02"],
        ["3", "3.00", "note 3", "2025-07-02"],
    ]


@pytest.mark.parametrize(
    ("condition", "files"),
    [
        ("order_date = DATE '2025-07-02'", 1),
        ("order_date IN (DATE '2025-07-02', DATE '2025-07-04')", 2),
        ("order_date BETWEEN DATE '2025-07-02' AND DATE '2025-07-04'", 3),
        ("order_date > DATE '2025-07-05' - INTERVAL '2' DAY", 2),
        ("NOT (order_date <> DATE '2025-07-03')", 1),
        ("DATE '2025-07-02' > order_date", 1),
        ("date_format(order_date, '%d') = '03'", 1),
        ("order_date < DATE '2025-07-02' OR order_date >= DATE '2025-07-05'", 2),
        ("order_date IS NULL", 0),
        # By the bounds of the files' values, which no partition tells.
        ("id = 3", 1),
        ("id + 1 = 3", 5),
        ("price >= 4", 2),
        ("price > 4.005", 5),
        ("note = 'note 2'", 1),
        ("placed < TIMESTAMP '2025-07-03 00:00:00'", 2),
        ("id = 3 AND note LIKE '%9'", 1),
        ("id = 3 OR note LIKE '%9'", 5),
    ],
)
@pytest.mark.behaviour(
    "athena", "Only those data files are read whose partition and bounds a condition allows."
)
def test_only_the_files_that_a_condition_allows_are_read(
    athena: Athena, condition: str, files: int
) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders(*((number, f"{number}.00", number) for number in range(1, 6))))

    plan = athena.lines(f"EXPLAIN SELECT id FROM orders WHERE {condition}")[1:]

    assert f"Scan of sales.orders: {files} objects" in str(plan[0])


def test_a_condition_outside_of_a_view_decides_what_it_reads(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1), (2, "2.00", 2)))
    athena.run(
        "CREATE VIEW by_day AS SELECT order_date, sum(price) AS total FROM orders GROUP BY 1"
    )

    sql = "SELECT total FROM by_day WHERE order_date = DATE '2025-07-02'"

    assert athena.rows(sql)[1:] == [["2.00"]]
    assert "1 objects" in str(athena.lines(f"EXPLAIN {sql}")[1])


@pytest.mark.behaviour("athena", "DataScannedInBytes of an Iceberg table counts the columns used.")
def test_only_the_columns_used_are_counted(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders(*((number, "1.00", 1) for number in range(2000))))

    one = scanned(athena.run("SELECT sum(id) FROM orders"))
    two = scanned(athena.run("SELECT sum(id), max(note) FROM orders"))
    every = scanned(athena.run("SELECT * FROM orders"))

    assert 0 < one < two < every
    assert (
        scanned(athena.run("SELECT sum(id) FROM orders WHERE order_date = DATE '2020-01-01'")) == 0
    )


@pytest.mark.behaviour("athena", "$path is the data file of a row.")
def test_path_is_the_data_file(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1), (2, "2.00", 2)))
    files = {task.file.file_path for task in opened(athena).scan().plan_files()}

    found = athena.rows('SELECT id, "$path" FROM orders ORDER BY id')[1:]

    assert {row[1] for row in found} == files
    assert "order_date=2025-07-01" in str(found[0][1])
    by_path = athena.rows(f"""SELECT id FROM orders WHERE "$path" = '{found[1][1]}'""")
    assert by_path[1:] == [["2"]]


def test_other_hidden_columns(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1)))
    (task,) = opened(athena).scan().plan_files()
    bucket, _, key = task.file.file_path.removeprefix("s3://").partition("/")
    written = athena.s3.head_object(Bucket=bucket, Key=key)["LastModified"]

    found = athena.rows('SELECT "$file_size", "$file_modified_time", * FROM orders')

    assert found[1][0] == str(task.file.file_size_in_bytes)
    assert str(found[1][1]).startswith(f"{written:%Y-%m-%d %H:%M:%S}")
    assert found[1][2] == "1"


def test_iceberg_and_json_tables_are_joined(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1), (2, "2.00", 2)))
    athena.put("people/1.json", json.dumps({"orderid": 2, "name": "Ada"}))
    athena.run(
        "CREATE EXTERNAL TABLE people (orderid bigint, name string) "
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/people/'"
    )

    sql = "SELECT o.price, p.name FROM orders o JOIN people p ON p.orderid = o.id"

    assert athena.rows(sql)[1:] == [["2.00", "Ada"]]


@pytest.mark.parametrize(
    ("expression", "shown"),
    [
        ("placed", "2025-07-01 08:30:15.250000"),
        ("max(placed)", "2025-07-01 08:30:15.250000"),
        ("date_trunc('hour', max(placed))", "2025-07-01 08:00:00.000000"),
        ("placed + INTERVAL '1' DAY", "2025-07-02 08:30:15.250000"),
        ("(SELECT max(placed) FROM orders)", "2025-07-01 08:30:15.250000"),
        ("CAST(placed AS varchar)", "2025-07-01 08:30:15.250000"),
        ("CAST(placed AS timestamp)", "2025-07-01 08:30:15.250"),
        ("CAST('2025-07-01 08:30:15.25' AS timestamp(6))", "2025-07-01 08:30:15.250000"),
        ("TIMESTAMP '2025-07-01 08:30:15.25'", "2025-07-01 08:30:15.250"),
    ],
)
@pytest.mark.behaviour("athena", "An Iceberg table's timestamps are shown with six digits.")
def test_timestamps_have_microseconds(athena: Athena, expression: str, shown: str) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1)))
    athena.run("CREATE VIEW placed_orders AS SELECT id, placed FROM orders")

    assert athena.rows(f"SELECT {expression} FROM orders")[1:] == [[shown]]
    from_view = f"SELECT x FROM (SELECT {expression} AS x FROM placed_orders) UNION ALL SELECT NULL"
    assert [shown] in athena.rows(from_view)


def test_other_timestamps_have_milliseconds(athena: Athena) -> None:
    athena.put("lines/1.csv", "2025-07-01 08:30:15.250\n")
    athena.run("CREATE EXTERNAL TABLE lines (at timestamp) LOCATION 's3://lake/lines/'")
    assert athena.rows("SELECT at FROM lines")[1:] == [["2025-07-01 08:30:15.250"]]


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "CREATE TABLE copied WITH (format = 'PARQUET') AS SELECT id, max({}) AS latest "
            "FROM orders GROUP BY id",
            "NOT_SUPPORTED: Incorrect timestamp precision for timestamp(6); the configured "
            "precision is MILLISECONDS; column name: latest",
        ),
        (
            "UNLOAD (SELECT {} AS at FROM orders) TO 's3://lake/out/' WITH (format = 'PARQUET')",
            "column name: at",
        ),
        (
            "INSERT INTO plain SELECT {} FROM orders",
            "Table: [timestamp(3)], Query: [timestamp(6)]",
        ),
    ],
)
@pytest.mark.behaviour(
    "athena",
    "CTAS, UNLOAD and INSERT into other tables refuse an Iceberg table's timestamp(6): it must be "
    "cast to timestamp(3).",
)
def test_other_tables_take_no_microseconds(athena: Athena, sql: str, reason: str) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1)))
    athena.run("CREATE EXTERNAL TABLE plain (at timestamp) LOCATION 's3://lake/plain/'")

    assert reason in athena.failure(sql.format("placed"))
    athena.run(sql.format("CAST(placed AS timestamp(3))"))


def test_what_only_decides_makes_no_microseconds(athena: Athena) -> None:
    athena.run(ORDERS)
    opened(athena).append(orders((1, "1.00", 1)))
    at = "TIMESTAMP '2025-07-01 00:00:00.000'"

    found = athena.rows(
        f"SELECT CASE WHEN placed > {at} THEN {at} END, max_by({at}, placed), "
        f"max({at}) OVER (ORDER BY placed), from_unixtime(to_unixtime(placed)) "
        "FROM orders GROUP BY placed"
    )

    assert found[1][:3] == ["2025-07-01 00:00:00.000"] * 3
    assert str(found[1][3]).startswith("2025-07-01 08:30:15.250")
    assert "000" not in str(found[1][3])
