"""INSERT INTO Iceberg tables."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from urllib.parse import unquote

import pyarrow.parquet as pq
import pytest
from pyiceberg.conversions import from_bytes
from pyiceberg.transforms import parse_transform
from pyiceberg.types import DecimalType, IntegerType, StringType

import iceberg_tables as iceberg
from athena_queries import BUCKET, Athena
from aws_requests import Interception, intercept, s3_error
from localaws.athena.iceberg.partition_values import physical
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.mark.behaviour(
    "athena",
    "INSERT INTO an Iceberg table writes Parquet files by partition and appends one snapshot.",
)
def test_inserted_rows_are_in_their_partitions(athena: Athena) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})

    execution = athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, DECIMAL '9.99', 'paid'), "
        "('b', DATE '2026-01-02', 2, 5, NULL), ('c', NULL, NULL, NULL, 'paid')"
    )

    assert iceberg.rows(athena) == [
        ("a", date(2026, 1, 1), 1, Decimal("9.9900"), "paid"),
        ("b", date(2026, 1, 2), 2, Decimal("5.0000"), None),
        ("c", None, None, None, "paid"),
    ]
    assert iceberg.operations(athena) == ["append"]
    found = [path.split("/")[-2] for path in iceberg.files(athena)]
    assert found == ["day=2026-01-01", "day=2026-01-02", "day=null"]
    manifest = athena.text(execution["Statistics"]["DataManifestLocation"]).splitlines()
    assert sorted(manifest) == iceberg.files(athena)


@pytest.mark.behaviour(
    "athena",
    "INSERT INTO an Iceberg table names columns in any order; the others are NULL. Values are "
    "made as wide as their columns.",
)
def test_columns_can_be_named(athena: Athena) -> None:
    iceberg.create(athena)
    answer = athena.answer("INSERT INTO orders (price, id) SELECT 5, 'a' UNION ALL SELECT 6, 'b'")
    assert answer["UpdateCount"] == 2
    assert iceberg.rows(athena) == [
        ("a", None, None, Decimal("5.0000"), None),
        ("b", None, None, Decimal("6.0000"), None),
    ]


@pytest.mark.behaviour(
    "athena", "INSERT INTO an Iceberg table refuses values that its columns don't take."
)
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "INSERT INTO orders (id, quantity) VALUES ('a', 'b')",
            "TYPE_MISMATCH: line 1:1: Insert query has mismatched column types: "
            "Table: [varchar, integer], Query: [varchar, varchar]",
        ),
        ("INSERT INTO orders VALUES ('a')", "TYPE_MISMATCH"),
        ("INSERT INTO orders (quantity) VALUES (3000000000)", "TYPE_MISMATCH"),
        ("INSERT INTO orders (price) VALUES (DECIMAL '1.00001')", "TYPE_MISMATCH"),
        ("INSERT INTO orders (missing) VALUES (1)", "COLUMN_NOT_FOUND"),
        ("INSERT INTO orders (id, id) VALUES ('a', 'b')", "DUPLICATE_COLUMN_NAME"),
    ],
)
def test_values_that_do_not_fit_are_refused(athena: Athena, sql: str, reason: str) -> None:
    iceberg.create(athena)
    assert athena.failure(sql).startswith(reason)
    assert iceberg.rows(athena) == []


@pytest.mark.behaviour("athena", "INSERT of no rows makes no snapshot.")
def test_no_rows_make_no_snapshot(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders SELECT * FROM orders")
    assert iceberg.operations(athena) == []


@pytest.mark.behaviour(
    "athena",
    "Rows are partitioned by year, month, day, hour, bucket, truncate or the column itself.",
)
@pytest.mark.parametrize(
    ("column", "transform"),
    [
        ("at", "year"),
        ("at", "month"),
        ("at", "day"),
        ("at", "hour"),
        ("at", "identity"),
        ("at", "bucket[4]"),
        ("day", "year"),
        ("day", "month"),
        ("day", "day"),
        ("day", "identity"),
        ("id", "bucket[3]"),
        ("id", "truncate[2]"),
        ("id", "identity"),
        ("n", "bucket[3]"),
        ("n", "truncate[10]"),
        ("n", "identity"),
        ("price", "truncate[50]"),
        ("price", "bucket[3]"),
        ("price", "identity"),
        ("n", "void"),
    ],
)
def test_rows_are_partitioned_by_transforms(athena: Athena, column: str, transform: str) -> None:
    columns = {
        "id": "string",
        "n": "long",
        "day": "date",
        "at": "timestamp",
        "price": "decimal(10,2)",
    }
    iceberg.create(athena, "spread", columns, partitioned_by={column: transform})
    athena.run(
        "INSERT INTO spread SELECT 'k' || CAST(n * 7 AS varchar), n, "
        "CAST(date_add('day', n * 20, DATE '1969-06-01') AS date), "
        "date_add('minute', n * 700, TIMESTAMP '1969-12-25 10:00:00.123456'), "
        "CAST(n AS decimal(10,2)) / 4 FROM UNNEST(sequence(-9, 25)) AS t(n)"
    )
    athena.run("INSERT INTO spread (id) VALUES (NULL)")

    table = iceberg.opened(athena, "spread")
    kind = table.schema().find_field(column).field_type
    apply = parse_transform(transform).transform(kind)
    found = 0
    for task in table.scan().plan_files():
        assert task.file.value_counts is not None
        rows = pq.ParquetFile(io.BytesIO(body(athena, task.file.file_path))).read()
        values = set(physical(rows.column(column)).to_pylist())
        assert {None if v is None else apply(v) for v in values} == {task.file.partition[0]}
        found += rows.num_rows
    assert found == 36
    assert len({t.file.partition for t in table.scan().plan_files()}) > (transform != "void")


def body(athena: Athena, uri: str) -> bytes:
    key = uri.removeprefix(f"s3://{BUCKET}/")
    content: bytes = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return content


@pytest.mark.behaviour(
    "athena", "Data files have field ids, bounds and counts, so that other engines can skip them."
)
def test_files_are_measured(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, 10, NULL), "
        "('bb', DATE '2026-03-01', 5, 30, NULL)"
    )
    (task,) = iceberg.opened(athena).scan().plan_files()
    file = task.file
    assert file.record_count == 2
    assert (file.null_value_counts or {})[5] == 2
    lower, upper = file.lower_bounds or {}, file.upper_bounds or {}
    assert from_bytes(IntegerType(), lower[3]) == 1
    assert from_bytes(IntegerType(), upper[3]) == 5
    assert from_bytes(StringType(), upper[1]) == "bb"
    assert from_bytes(DecimalType(18, 4), upper[4]) == Decimal("30.0000")
    assert file.file_size_in_bytes == len(body(athena, file.file_path))
    assert file.split_offsets == [4]
    schema = pq.ParquetFile(io.BytesIO(body(athena, file.file_path))).schema_arrow
    assert schema.field("id").metadata[b"PARQUET:field_id"] == b"1"


@pytest.mark.behaviour("athena", "A file that has reached write_target_data_file_size_bytes ends.")
def test_large_inserts_become_several_files(athena: Athena) -> None:
    size = 40_000
    iceberg.create(athena, properties={"write.target-file-size-bytes": str(size)})
    athena.run(
        "INSERT INTO orders (id) SELECT to_hex(md5(to_utf8(CAST(n AS varchar)))) "
        "FROM UNNEST(sequence(1, 9999)) AS t(n)"
    )
    tasks = list(iceberg.opened(athena).scan().plan_files())
    sizes = [task.file.file_size_in_bytes for task in tasks]
    assert len(sizes) > 3
    assert max(sizes) < 1.8 * size
    assert len(iceberg.rows(athena)) == 9999


@pytest.mark.behaviour("athena", "NULL in a column that takes none fails an INSERT.")
def test_required_columns_take_no_null(athena: Athena) -> None:
    iceberg.create(athena)
    with iceberg.opened(athena).update_schema(allow_incompatible_changes=True) as update:
        update.make_column_optional("id")
        update.add_column("must", StringType(), required=True, default_value="x")
    reason = athena.failure("INSERT INTO orders (id) VALUES ('a')")
    expected = "CONSTRAINT_VIOLATION: NULL value not allowed for NOT NULL column: must"
    assert reason == expected
    assert athena.keys("tables/orders/data/") == []


@pytest.mark.behaviour("athena", "Arrays, maps and rows are stored in Iceberg tables.")
def test_nested_values_are_stored(athena: Athena) -> None:
    athena.run(
        "CREATE TABLE nested (id int, tags array<string>, counts map<string,int>, "
        "place struct<city:string,zip:int>, bytes binary) LOCATION 's3://lake/tables/nested/' "
        "TBLPROPERTIES ('table_type'='ICEBERG')"
    )
    athena.run(
        "INSERT INTO nested VALUES (1, ARRAY['a', NULL], MAP(ARRAY['k'], ARRAY[2]), "
        "CAST(ROW('Bern', 3000) AS row(city varchar, zip integer)), to_utf8('xy')), "
        "(2, NULL, NULL, NULL, NULL)"
    )
    athena.run("UPDATE nested SET tags = ARRAY['b'] WHERE id = 2")
    assert iceberg.rows(athena, "nested") == [
        (1, ["a", None], [("k", 2)], {"city": "Bern", "zip": 3000}, b"xy"),
        (2, ["b"], None, None, None),
    ]


@pytest.mark.behaviour("athena", "Files that were uploaded by an INSERT that fails are removed.")
def test_a_failed_insert_leaves_no_files(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})
    second = Interception(
        lambda request: request.method == "PUT" and "day=2026-01-03" in unquote(request.path),
        answer=s3_error("AccessDenied", 403),
    )
    intercept(monkeypatch, "s3", second)
    sql = (
        "INSERT INTO orders (id, day) VALUES ('a', DATE '2026-01-01'), ('b', DATE '2026-01-02'), "
        "('c', DATE '2026-01-03'), ('d', DATE '2026-01-04')"
    )
    assert "AccessDenied" in athena.failure(sql)
    assert second.met == 1
    assert athena.keys("tables/orders/data/") == []
    athena.run(sql)
    assert len(iceberg.rows(athena)) == 4


@pytest.mark.behaviour(
    "athena", "Manifests are brought together when there are commit.manifest.min-count-to-merge."
)
def test_manifests_do_not_pile_up(athena: Athena) -> None:
    iceberg.create(athena, properties={"commit.manifest.min-count-to-merge": "4"})
    for number in range(9):
        athena.run(f"INSERT INTO orders (quantity) VALUES ({number})")
        if number % 3 == 2:
            athena.run(f"DELETE FROM orders WHERE quantity = {number - 1}")

    table = iceberg.opened(athena)
    snapshot = table.current_snapshot()
    assert snapshot is not None
    assert len(snapshot.manifests(table.io)) <= 4
    assert sorted(row[2] for row in iceberg.rows(athena)) == [0, 2, 3, 5, 6, 8]
    early = table.metadata.snapshots[5]
    then = table.scan(snapshot_id=early.snapshot_id).to_arrow().column("quantity").to_pylist()
    assert sorted(then) == [0, 2, 3, 4]


@pytest.mark.behaviour(
    "athena", "A snapshot has the time at which it was committed, and names the query."
)
def test_snapshots_have_their_time_and_query(athena: Athena) -> None:
    iceberg.create(athena)
    later = datetime.now(UTC) + timedelta(days=3)
    for now in (later, datetime.now(UTC)):
        athena.start("INSERT INTO orders (quantity) VALUES (1)")
        athena.local_aws.step(now)

    first, second = iceberg.opened(athena).metadata.snapshots
    at = datetime.fromtimestamp(first.timestamp_ms / 1000, UTC)
    assert later - timedelta(seconds=1) < at < later + timedelta(minutes=5)
    assert second.timestamp_ms > first.timestamp_ms  # though the clock was turned back
    for snapshot in (first, second):
        assert snapshot.summary is not None
        query = str(snapshot.summary["trino_query_id"])
        assert any(path.rpartition("/")[2].startswith(query) for path in iceberg.files(athena))
