"""DDL on Iceberg tables."""

from __future__ import annotations

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError
from pyiceberg.table import Table

from athena_queries import Athena
from localaws.athena.iceberg.tables import IcebergTables
from localaws.server import LocalAws

ICEBERG = "LOCATION 's3://lake/orders/' TBLPROPERTIES ('table_type' = 'ICEBERG')"
ORDERS = f"""
CREATE TABLE IF NOT EXISTS orders (
  id bigint COMMENT 'the key',
  price decimal(18, 4),
  placed timestamp,
  lines array<struct<sku:string, count:int>>,
  tags map<string, string>,
  order_date date
)
PARTITIONED BY (order_date, bucket(16, id), month(placed))
{ICEBERG}
"""
TINY = f"CREATE TABLE orders (id int, note string) {ICEBERG}"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def opened(athena: Athena) -> Table:
    """The table as PyIceberg has it."""
    return IcebergTables(athena.local_aws.aws).load("sales", "orders")


@pytest.mark.behaviour("athena", "CREATE TABLE with table_type ICEBERG makes an Iceberg v2 table.")
def test_create_table(athena: Athena) -> None:
    execution = athena.run(ORDERS)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE")

    table = opened(athena)

    assert [str(field) for field in table.schema().fields] == [
        "1: id: optional long (the key)",
        "2: price: optional decimal(18, 4)",
        "3: placed: optional timestamp",
        "4: lines: optional list<struct<8: sku: optional string, 9: count: optional int>>",
        "5: tags: optional map<string, string>",
        "6: order_date: optional date",
    ]
    assert [(field.name, str(field.transform)) for field in table.spec().fields] == [
        ("order_date", "identity"),
        ("id_bucket", "bucket[16]"),
        ("placed_month", "month"),
    ]
    assert table.metadata.format_version == 2
    assert table.location() == "s3://lake/orders"
    assert athena.table("orders")["PartitionKeys"] == []
    athena.run(ORDERS)
    assert opened(athena).metadata_location == table.metadata_location
    assert "AlreadyExistsException" in athena.failure(ORDERS.replace("IF NOT EXISTS", ""))


@pytest.mark.parametrize(
    ("transform", "made"),
    [
        ("year(placed)", "placed_year: year"),
        ("month(order_date)", "order_date_month: month"),
        ("day(placed)", "placed_day: day"),
        ("hour(placed)", "placed_hour: hour"),
        ("truncate(10, note)", "note_trunc: truncate[10]"),
        ("bucket(4, price)", "price_bucket: bucket[4]"),
    ],
)
@pytest.mark.behaviour(
    "athena",
    "An Iceberg table is partitioned by columns, or by their year, month, day, hour, bucket or "
    "truncated value.",
)
def test_partition_transforms(athena: Athena, transform: str, made: str) -> None:
    athena.run(
        "CREATE TABLE orders (placed timestamp, order_date date, note string, price decimal(9, 2)) "
        f"PARTITIONED BY ({transform}) {ICEBERG}"
    )

    (field,) = opened(athena).spec().fields

    assert f"{field.name}: {field.transform}" == made


@pytest.mark.parametrize(
    ("partitioning", "reason"),
    [
        ("missing", "Cannot find partition column: missing"),
        ("hour(order_date)", "hour does not take the type date"),
        ("truncate(2, order_date)", "truncate does not take the type date"),
        ("bucket(0, id)", "Unable to parse partitioning value: bucket(0, id)"),
        ("id, id", "Duplicate partition field: id"),
    ],
)
def test_partitionings_that_make_no_sense_are_refused(
    athena: Athena, partitioning: str, reason: str
) -> None:
    sql = f"CREATE TABLE orders (id int, order_date date) PARTITIONED BY ({partitioning}) {ICEBERG}"
    assert reason in athena.failure(sql)
    assert athena.lines("SHOW TABLES") == []


@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            f"CREATE EXTERNAL TABLE t (id int) {ICEBERG}",
            "External keyword not supported for table type ICEBERG",
        ),
        (
            "CREATE TABLE t (id int) TBLPROPERTIES ('table_type' = 'ICEBERG')",
            "No location was specified for table",
        ),
        (f"CREATE TABLE t (id int NOT NULL) {ICEBERG}", "mismatched input 'NOT'"),
        (f"CREATE TABLE t (id int) PARTITIONED BY (d date) {ICEBERG}", "must not have a type"),
        (f"CREATE TABLE t (id int) PARTITIONED BY (week(id)) {ICEBERG}", "transform: week"),
        (f"CREATE TABLE t (id int) PARTITIONED BY (bucket(id)) {ICEBERG}", "Invalid arguments"),
        (f"CREATE TABLE t (id int) STORED AS PARQUET {ICEBERG}", "STORED AS are not supported"),
        ("ALTER TABLE t RENAME TO u", "ALTER TABLE RENAME is not supported"),
    ],
)
@pytest.mark.behaviour(
    "athena", "CREATE TABLE of an Iceberg table takes no EXTERNAL, and needs a LOCATION."
)
def test_statements_that_are_not_as_they_must_be_are_refused(
    athena: Athena, sql: str, reason: str
) -> None:
    with pytest.raises(ClientError) as refused:
        athena.start(sql)
    assert reason in refused.value.response["Error"]["Message"]


@pytest.mark.parametrize("kind", ["tinyint", "smallint", "char(3)", "varchar(3)", "uniontype<int>"])
@pytest.mark.behaviour("athena", "Iceberg tables have no tinyint, smallint, char and varchar.")
def test_types_that_iceberg_has_not_are_refused(athena: Athena, kind: str) -> None:
    failure = athena.failure(f"CREATE TABLE orders (id {kind}) {ICEBERG}")
    assert kind in failure
    assert athena.lines("SHOW TABLES") == []


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ("'write.format.default' = 'parquet'", "property key: write.format.default"),
        ("'classification' = 'parquet'", "property key: classification"),
        ("'write_compression' = 'lz4'", "property value: write_compression=lz4"),
        ("'vacuum_min_snapshots_to_keep' = '0'", "vacuum_min_snapshots_to_keep=0"),
        ("'optimize_rewrite_delete_file_threshold' = '50'", "_threshold=50"),
        ("'format' = 'orc'", "NOT_SUPPORTED: the ORC format of Iceberg tables"),
    ],
)
@pytest.mark.behaviour("athena", "Iceberg tables take the properties of Athena's list only.")
def test_other_properties_are_refused(athena: Athena, properties: str, reason: str) -> None:
    sql = TINY.replace("'table_type'", f"{properties}, 'table_type'")
    assert reason in athena.failure(sql)
    athena.run(TINY)
    assert reason in athena.failure(f"ALTER TABLE orders SET TBLPROPERTIES ({properties})")


@pytest.mark.behaviour("athena", "ALTER TABLE sets and removes properties of Iceberg tables.")
def test_properties(athena: Athena) -> None:
    athena.run(TINY.replace("'table_type'", "'vacuum_max_snapshot_age_seconds'='60', 'table_type'"))
    assert opened(athena).properties["history.expire.max-snapshot-age-ms"] == "60000"

    athena.run("ALTER TABLE orders SET TBLPROPERTIES ('write_compression' = 'SNAPPY')")
    assert athena.lines("SHOW TBLPROPERTIES orders") == [
        "table_type\ticeberg",
        "format\tparquet",
        "write_compression\tsnappy",
        "vacuum_max_snapshot_age_seconds\t60",
    ]
    assert athena.lines("SHOW TBLPROPERTIES orders('write_compression')") == ["snappy"]

    athena.run("ALTER TABLE orders UNSET TBLPROPERTIES ('vacuum_max_snapshot_age_seconds')")
    assert "history.expire.max-snapshot-age-ms" not in opened(athena).properties


@pytest.mark.behaviour("athena", "DROP TABLE deletes the data of an Iceberg table.")
def test_drop_table(athena: Athena) -> None:
    athena.run(TINY)
    opened(athena).append(pa.table({"id": pa.array([1], pa.int32()), "note": ["a"]}))
    opened(athena).delete("id = 1")
    athena.put("orders_of_others/1.json", "{}")
    assert len(athena.keys("orders/")) > 5

    athena.run("DROP TABLE orders")

    assert athena.lines("SHOW TABLES") == []
    assert athena.keys("orders/") == []
    assert athena.keys("orders_of_others/") == ["orders_of_others/1.json"]
    athena.run("DROP TABLE IF EXISTS orders")


@pytest.mark.behaviour("athena", "ALTER TABLE adds, changes and drops columns of Iceberg tables.")
def test_columns_change_and_the_files_stay(athena: Athena) -> None:
    athena.run(TINY)
    opened(athena).append(pa.table({"id": pa.array([1], pa.int32()), "note": ["a"]}))

    athena.run("ALTER TABLE orders ADD COLUMNS (price decimal(9, 2) COMMENT 'each', old string)")
    athena.run("ALTER TABLE orders CHANGE COLUMN id id bigint")
    athena.run("ALTER TABLE orders CHANGE note remark string FIRST")
    athena.run("ALTER TABLE orders CHANGE price price decimal(18, 2) AFTER remark")
    athena.run("ALTER TABLE orders DROP COLUMN old")
    athena.run("ALTER TABLE orders ADD COLUMNS (old int)")

    assert athena.rows("SELECT * FROM orders") == [
        ["remark", "price", "id", "old"],
        ["a", None, "1", None],
    ]
    columns = athena.client.get_table_metadata(
        CatalogName="AwsDataCatalog", DatabaseName="sales", TableName="orders"
    )["TableMetadata"]["Columns"]
    assert [(column["Name"], column["Type"]) for column in columns] == [
        ("remark", "string"),
        ("price", "decimal(18,2)"),
        ("id", "bigint"),
        ("old", "int"),
    ]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ("ADD COLUMNS (id int)", "Duplicate column name: id"),
        ("ADD COLUMNS (a int, a int)", "Duplicate column name: a"),
        ("ADD COLUMNS (a smallint)", "NOT_SUPPORTED: Type not supported for Iceberg: smallint"),
        ("CHANGE COLUMN id id string", "Cannot change column type"),
        ("CHANGE COLUMN id note int", "Duplicate column name: note"),
        ("CHANGE COLUMN missing m int", "Invalid column reference missing"),
        ("DROP COLUMN missing", "Invalid column reference missing"),
        ("DROP COLUMN note", "Cannot drop partition field: note"),
        ("REPLACE COLUMNS (a int)", "not supported for Iceberg tables"),
        ("SET LOCATION 's3://lake/elsewhere/'", "not supported for Iceberg tables"),
        ("ADD PARTITION (note = 'a')", "not supported for Iceberg tables"),
    ],
)
def test_changes_that_make_no_sense_are_refused(athena: Athena, change: str, reason: str) -> None:
    athena.run(TINY.replace("LOCATION", "PARTITIONED BY (note) LOCATION"))
    before = opened(athena).metadata_location
    assert reason in athena.failure(f"ALTER TABLE orders {change}")
    assert opened(athena).metadata_location == before


def test_columns_of_other_tables_are_not_changed_so(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE plain (id int) LOCATION 's3://lake/plain/'")
    for change in ("CHANGE COLUMN id n int", "DROP COLUMN id", "UNSET TBLPROPERTIES ('a')"):
        assert "only supported for Iceberg" in athena.failure(f"ALTER TABLE plain {change}")


@pytest.mark.behaviour("athena", "DESCRIBE shows an Iceberg table's schema and partition spec.")
def test_describe(athena: Athena) -> None:
    athena.run(ORDERS)

    lines = [
        tuple(field.strip() for field in str(line).split("\t"))
        for line in athena.lines("DESCRIBE orders")
    ]

    assert lines == [
        ("# Table schema:", "", ""),
        ("# col_name", "data_type", "comment"),
        ("id", "bigint", "the key"),
        ("price", "decimal(18,4)", ""),
        ("placed", "timestamp", ""),
        ("lines", "array<struct<sku:string,count:int>>", ""),
        ("tags", "map<string,string>", ""),
        ("order_date", "date", ""),
        ("", "", ""),
        ("# Partition spec:", "", ""),
        ("# field_name", "field_transform", "column_name"),
        ("order_date", "identity", "order_date"),
        ("id_bucket", "bucket[16]", "id"),
        ("placed_month", "month", "placed"),
    ]
    assert "s3://lake/orders" in str(athena.lines("DESCRIBE FORMATTED orders"))
    names = [str(line).strip() for line in athena.lines("SHOW COLUMNS IN orders")]
    assert names == ["id", "price", "placed", "lines", "tags", "order_date"]


@pytest.mark.behaviour("athena", "SHOW CREATE TABLE shows what makes the Iceberg table again.")
def test_show_create_table_makes_the_table_again(athena: Athena) -> None:
    athena.run(ORDERS)
    before = opened(athena)
    statement = "\n".join(map(str, athena.lines("SHOW CREATE TABLE orders")))
    assert "PARTITIONED BY (`order_date`, bucket(16, `id`), month(`placed`))" in statement

    athena.run("DROP TABLE orders")
    athena.run(statement)

    after = opened(athena)
    assert (after.schema(), after.spec()) == (before.schema(), before.spec())
    assert after.properties == before.properties


CTAS = """
CREATE TABLE orders WITH (
  table_type = 'ICEBERG', location = 's3://lake/orders/', is_external = false,
  format = 'PARQUET', partitioning = ARRAY['order_date', 'bucket(id, 4)'],
  vacuum_min_snapshots_to_keep = 3
) AS SELECT * FROM (VALUES
  (1, DECIMAL '1.50', DATE '2025-07-01'), (2, DECIMAL '2.25', DATE '2025-07-02')
) AS t (id, price, order_date)
"""


@pytest.mark.behaviour("athena", "CREATE TABLE AS makes an Iceberg table of a query's rows.")
def test_create_table_as(athena: Athena) -> None:
    execution = athena.run(CTAS)

    assert execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    assert athena.rows("SELECT * FROM orders ORDER BY id") == [
        ["id", "price", "order_date"],
        ["1", "1.50", "2025-07-01"],
        ["2", "2.25", "2025-07-02"],
    ]
    table = opened(athena)
    assert [str(field.transform) for field in table.spec().fields] == ["identity", "bucket[4]"]
    assert table.properties["history.expire.min-snapshots-to-keep"] == "3"
    assert table.scan().to_arrow().num_rows == 2
    assert "TABLE_ALREADY_EXISTS" in athena.failure(CTAS)


def test_create_table_as_without_data(athena: Athena) -> None:
    athena.run(CTAS + " WITH NO DATA")
    assert athena.rows("SELECT count(*) FROM orders")[1:] == [["0"]]
    assert opened(athena).schema().column_names == ["id", "price", "order_date"]


@pytest.mark.parametrize(
    ("part", "other", "reason"),
    [
        ("is_external = false", "is_external = true", "set is_external = false"),
        ("location = 's3://lake/orders/', ", "", "location property must be set"),
        ("location =", "external_location =", "property 'external_location' does not exist"),
        ("'bucket(id, 4)'", "'week(id)'", "Unable to parse partitioning value"),
        ("DECIMAL '1.50'", "CAST(1 AS decimal(9, 2)) / 0", "DIVISION_BY_ZERO"),
        ("1, DECIMAL", "CAST(1 AS tinyint), DECIMAL", "for Iceberg: tinyint"),
    ],
)
def test_a_ctas_that_fails_leaves_nothing(
    athena: Athena, part: str, other: str, reason: str
) -> None:
    assert reason in athena.failure(CTAS.replace(part, other))
    assert athena.lines("SHOW TABLES") == []
    assert athena.keys("orders/") == []


@pytest.mark.behaviour("athena", "CREATE TABLE AS of an Iceberg table needs an empty location.")
def test_create_table_as_where_something_is(athena: Athena) -> None:
    athena.put("orders/1.json", "{}")
    assert athena.failure(CTAS) == (
        "ICEBERG_FILESYSTEM_ERROR: Cannot create a table on a non-empty location: s3://lake/orders/"
    )
