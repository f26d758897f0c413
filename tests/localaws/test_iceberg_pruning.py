"""No condition leaves out a file with rows that fulfil it, however the table is partitioned."""

from __future__ import annotations

import io
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from athena_queries import Athena
from localaws.athena.catalog import Catalog
from localaws.athena.engine import Engine
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws

COLUMNS = (
    "id bigint, price decimal(9, 2), placed timestamp, day date, note string, paid boolean, "
    "weight double"
)
NOW = datetime(2025, 7, 11, tzinfo=UTC)
PARTITIONINGS = (
    "",
    "PARTITIONED BY (day, paid)",
    "PARTITIONED BY (month(day), truncate(2, note))",
    "PARTITIONED BY (bucket(4, id), month(placed))",
    "PARTITIONED BY (truncate(5, id), price)",
    "PARTITIONED BY (year(placed), bucket(3, note))",
    "PARTITIONED BY (day(placed))",
)
ATOMS = (
    "id = 7", "id <> 7", "id < 5", "id >= 12", "15 > id", "id BETWEEN 3 AND 6", "id IN (1, 19)",
    "id NOT IN (1, 19)", "id IN (1, NULL)", "id IS NULL", "id IS NOT NULL", "id + 1 = 8",
    "id = 7.0", "id < 6.5", "id % 2 = 0", "-3 < id", "id = price",
    "price = 3.5", "price > 3.505", "price <= DECIMAL '4.00'", "price = 3", "price IS NULL",
    "placed >= TIMESTAMP '2025-03-01 00:00:00'", "placed < DATE '2025-02-01'",
    "placed = TIMESTAMP '2025-01-04 05:00:00.000'", "CAST(placed AS date) = DATE '2025-01-04'",
    "date_trunc('month', placed) = TIMESTAMP '2025-02-01 00:00:00'", "year(placed) = 2024",
    "placed < TIMESTAMP '2025-03-01 00:00:00 UTC'",
    "day = DATE '2025-01-10'", "day > DATE '2025-02-01' - INTERVAL '7' DAY", "day IS NULL",
    "day < TIMESTAMP '2025-01-10 12:00:00'", "day IN (DATE '2025-01-04', DATE '1969-12-31')",
    "date_format(day, '%m') = '01'", "day = CAST('2025-01-10' AS date)", "month(day) = 2",
    "day < DATE '1970-01-01'",
    "note = 'ab'", "note > 'b'", "note < 'ab'", "note LIKE 'a%'", "note IN ('', 'zz')",
    "note = 'ab' || 'c'", "length(note) = 2", "upper(note) = 'AB'", "note IS NULL",
    "paid", "NOT paid", "paid = false", "paid IS NULL", "paid IS NOT DISTINCT FROM NULL",
    "weight > 2.0", "weight < 1e3", "NOT (weight > 2.0)", "coalesce(id, 7) = 7",
    "CASE WHEN paid THEN id = 1 ELSE day IS NOT NULL END",
)  # fmt: skip


def rows() -> pa.Table:
    """Rows with NULLs, with days before 1970, and with texts of every length."""
    chance = random.Random(20250711)
    notes = ["", "a", "ab", "abc", "b", "ba", "zz", "äö", None]
    names = ("id", "price", "placed", "day", "note", "paid", "weight")
    columns: dict[str, list[object]] = {name: [] for name in names}
    for number in range(60):
        day = date(2025, 1, 1) + timedelta(days=number * 2)
        moment = datetime(2024, 12, 30, 5, tzinfo=UTC) + timedelta(hours=number * 29)
        columns["id"].append(None if number % 11 == 0 else number % 20 - 2)
        columns["price"].append(None if number % 13 == 0 else Decimal(number % 9) / 2)
        columns["placed"].append(None if number % 17 == 0 else moment.replace(tzinfo=None))
        columns["day"].append(
            None if number % 19 == 0 else date(1969, 12, 31) if number % 23 == 0 else day
        )
        columns["note"].append(chance.choice(notes))
        columns["paid"].append(chance.choice([True, False, None]))
        columns["weight"].append(chance.choice([0.5, 3.0, 1e4, None]))
    return pa.table(
        {
            "id": pa.array(columns["id"], pa.int64()),
            "price": pa.array(columns["price"], pa.decimal128(9, 2)),
            "placed": pa.array(columns["placed"], pa.timestamp("us")),
            "day": pa.array(columns["day"], pa.date32()),
            "note": pa.array(columns["note"], pa.string()),
            "paid": pa.array(columns["paid"], pa.bool_()),
            "weight": pa.array(columns["weight"], pa.float64()),
        }
    )


def conditions() -> list[str]:
    """The atoms, and combinations of them."""
    chance = random.Random(42)
    found = list(ATOMS)
    for _ in range(60):
        one, two, three = chance.sample(ATOMS, 3)
        form = chance.choice(
            ["{0} AND {1}", "{0} OR {1}", "NOT ({0} OR {1})", "({0} AND {1}) OR ({2} AND {0})",
             "NOT ({0} AND NOT ({1}))", "({0} OR {1}) AND {2}"]
        )  # fmt: skip
        found.append(form.format(f"({one})", f"({two})", f"({three})"))
    return found


@pytest.mark.parametrize("partitioning", PARTITIONINGS)
def test_pruning_loses_no_row(local_aws: LocalAws, tmp_path: Path, partitioning: str) -> None:
    athena = Athena(local_aws)
    buffer = io.BytesIO()
    pq.write_table(rows(), buffer)
    athena.s3.put_object(Bucket="lake", Key="source/1.parquet", Body=buffer.getvalue())
    athena.run(
        f"CREATE EXTERNAL TABLE source ({COLUMNS}) STORED AS PARQUET LOCATION 's3://lake/source/'"
    )
    athena.run(
        f"CREATE TABLE orders ({COLUMNS}) {partitioning} LOCATION 's3://lake/orders/' "
        "TBLPROPERTIES ('table_type' = 'ICEBERG')"
    )
    for part in range(4):
        condition = f"coalesce(length(note), 9) % 4 = {part}"
        athena.run(f"INSERT INTO orders SELECT * FROM source WHERE {condition}")
    engine = Engine(
        Catalog(athena.glue), athena.s3, IcebergTables(local_aws.aws), tmp_path, clock=lambda: NOW
    )
    asked = conditions()

    def answer(sql: str) -> list[Any]:
        (row,) = engine.select(sql, "sales").reader.read_all().to_pylist()
        return list(row.values())

    counted = ", ".join(f"count_if({condition}) AS c{n}" for n, condition in enumerate(asked))
    unpruned = answer(f"SELECT {counted} FROM orders")
    pruned = [answer(f"SELECT count(*) FROM orders WHERE {one}")[0] for one in asked]

    wrong = [c for c, one, other in zip(asked, unpruned, pruned, strict=True) if one != other]
    assert wrong == []
    assert any(unpruned)
