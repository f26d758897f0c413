"""What CREATE TABLE AS, INSERT INTO and UNLOAD write."""

from __future__ import annotations

import gzip
import io
import json
from typing import Any

import pyarrow.parquet as pq
import pytest
from botocore.exceptions import ClientError

from athena_queries import BUCKET, Athena
from localaws.server import LocalAws

DAYS = "SELECT n, CAST(n AS varchar) AS day FROM UNNEST(sequence(1, {})) AS t(n)"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def body(athena: Athena, key: str) -> bytes:
    found: bytes = athena.s3.get_object(Bucket=BUCKET, Key=key)["Body"].read()
    return found


def manifest(athena: Athena, execution: dict[str, Any]) -> list[str]:
    """The keys of the files that a statement says it wrote."""
    text = athena.text(execution["Statistics"]["DataManifestLocation"])
    return [uri.removeprefix(f"s3://{BUCKET}/") for uri in text.splitlines()]


@pytest.mark.behaviour(
    "athena",
    "CREATE TABLE AS writes Parquet with GZIP, by default below tables/<id> of the output "
    "location, and a manifest of its files; GetQueryResults gives the number of rows.",
)
def test_create_table_as_writes_parquet(athena: Athena) -> None:
    execution = athena.run(
        "CREATE TABLE totals AS SELECT 'a' AS name, DECIMAL '1.50' AS price, "
        "TIMESTAMP '2026-01-01 12:00:00' AS at, ARRAY[1, 2] AS list, MAP(ARRAY['k'], ARRAY[1]) AS m"
    )
    query_id = execution["QueryExecutionId"]
    assert execution["StatementType"] == "DDL"
    assert execution["SubstatementType"] == "CREATE_TABLE_AS_SELECT"
    location = f"s3://lake/results/tables/{query_id}"
    assert execution["ResultConfiguration"]["OutputLocation"] == location

    table = athena.table("totals")
    assert table["StorageDescriptor"]["Location"] == location + "/"
    assert [(c["Name"], c["Type"]) for c in table["StorageDescriptor"]["Columns"]] == [
        ("name", "string"),
        ("price", "decimal(3,2)"),
        ("at", "timestamp"),
        ("list", "array<int>"),
        ("m", "map<string,int>"),
    ]
    (key,) = manifest(athena, execution)
    assert key.startswith(f"results/tables/{query_id}/")
    file = pq.ParquetFile(io.BytesIO(body(athena, key)))
    assert file.metadata.row_group(0).column(0).compression == "GZIP"
    answer = athena.client.get_query_results(QueryExecutionId=query_id)
    assert answer["UpdateCount"] == 1
    assert answer["ResultSet"]["Rows"] == []
    assert answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]["Name"] == "rows"
    assert athena.rows("SELECT * FROM totals")[1] == [
        "a",
        "1.50",
        "2026-01-01 12:00:00.000",
        "[1, 2]",
        "{k=1}",
    ]


@pytest.mark.behaviour(
    "athena",
    "CREATE TABLE AS takes format (PARQUET, JSON, TEXTFILE), write_compression, field_delimiter, "
    "external_location and partitioned_by, whose columns must be the last.",
)
def test_create_table_as_writes_partitioned_json(athena: Athena) -> None:
    execution = athena.run(
        "CREATE TABLE sold WITH (format = 'JSON', external_location = 's3://lake/sold/', "
        "partitioned_by = ARRAY['dt']) AS SELECT * FROM (VALUES (1, DECIMAL '0.10', 'a b'), "
        "(2, DECIMAL '0.20', 'c:d'), (3, NULL, NULL)) AS t(n, price, dt)"
    )
    assert athena.partitions("sold") == {
        ("a b",): "s3://lake/sold/dt=a b/",
        ("c:d",): "s3://lake/sold/dt=c%3Ad/",
        ("__HIVE_DEFAULT_PARTITION__",): "s3://lake/sold/dt=__HIVE_DEFAULT_PARTITION__/",
    }
    files = {key.split("/")[1]: key for key in manifest(athena, execution)}
    text = gzip.decompress(body(athena, files["dt=c%3Ad"])).decode()
    assert text == '{"n":2,"price":0.20}\n'
    assert files["dt=c%3Ad"].endswith(".gz")
    assert athena.rows("SELECT n, price, dt FROM sold ORDER BY n")[1:] == [
        ["1", "0.10", "a b"],
        ["2", "0.20", "c:d"],
        ["3", None, None],
    ]


def test_create_table_as_writes_text(athena: Athena) -> None:
    athena.run(
        "CREATE TABLE words WITH (format = 'TEXTFILE', field_delimiter = ',', "
        "write_compression = 'NONE', external_location = 's3://lake/words') "
        "AS SELECT * FROM (VALUES (1, 'x'), (2, NULL)) AS t(n, word)"
    )
    (key,) = athena.keys("words/")
    assert sorted(body(athena, key).decode().splitlines()) == ["1,x", "2,\\N"]
    assert athena.rows("SELECT n, word FROM words ORDER BY n")[1:] == [["1", "x"], ["2", None]]


@pytest.mark.behaviour(
    "athena", "CREATE TABLE AS needs an empty folder, a name that is free, and named columns."
)
def test_create_table_as_refuses_what_athena_refuses(athena: Athena) -> None:
    athena.put("full/a.json", "{}")
    create = "CREATE TABLE t WITH ({}) AS SELECT 1 AS a, 2 AS b"
    assert "HIVE_PATH_ALREADY_EXISTS" in athena.failure(
        create.format("external_location = 's3://lake/full/'")
    )
    assert "HIVE_COLUMN_ORDER_MISMATCH" in athena.failure(
        create.format("partitioned_by = ARRAY['a']")
    )
    assert "property 'nonsense' does not exist" in athena.failure(create.format("nonsense = '1'"))
    assert "doesn't write the format ORC" in athena.failure(create.format("format = 'ORC'"))
    assert "Column name not specified at position 1" in athena.failure("CREATE TABLE t AS SELECT 1")
    assert "Unsupported Hive type" in athena.failure("CREATE TABLE t AS SELECT NULL AS a")
    assert athena.lines("SHOW TABLES") == []
    athena.run("CREATE TABLE t AS SELECT 1 AS a")
    assert "'awsdatacatalog.sales.t' already exists" in athena.failure(
        "CREATE TABLE t AS SELECT 2 AS a"
    )
    athena.run("CREATE TABLE IF NOT EXISTS t AS SELECT 2 AS a")
    assert athena.rows("SELECT a FROM t")[1:] == [["1"]]


def test_with_no_data_makes_an_empty_table(athena: Athena) -> None:
    athena.run("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b WITH NO DATA")
    assert athena.rows("SELECT * FROM t") == [["a", "b"]]


@pytest.mark.behaviour(
    "athena", "A workgroup that enforces its location refuses external_location in CREATE TABLE AS."
)
def test_an_enforcing_workgroup_refuses_an_external_location(athena: Athena) -> None:
    athena.client.create_work_group(
        Name="team",
        Configuration={
            "EnforceWorkGroupConfiguration": True,
            "ResultConfiguration": {"OutputLocation": "s3://lake/team/"},
        },
    )
    with pytest.raises(ClientError, match="enforces a centralized output location"):
        athena.start(
            "CREATE TABLE t WITH (external_location = 's3://lake/t/') AS SELECT 1 AS a",
            WorkGroup="team",
        )


@pytest.mark.behaviour(
    "athena",
    "CREATE TABLE AS, INSERT and UNLOAD write 100 partitions at most; a statement that fails "
    "leaves neither table nor files.",
)
def test_a_statement_writes_100_partitions_at_most(athena: Athena) -> None:
    create = (
        "CREATE TABLE days WITH (external_location = 's3://lake/days/', "
        "partitioned_by = ARRAY['day']) AS "
    )
    reason = athena.failure(create + DAYS.format(101))
    assert reason == (
        "HIVE_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions/buckets"
    )
    assert athena.lines("SHOW TABLES") == []
    assert athena.keys("days/") == []

    athena.run(create + DAYS.format(100))
    assert len(athena.partitions("days")) == 100
    assert "TOO_MANY_OPEN" in athena.failure("INSERT INTO days " + DAYS.format(101))
    assert athena.rows("SELECT count(*) AS n FROM days")[1:] == [["100"]]
    unload = f"UNLOAD ({DAYS.format(101)}) TO 's3://lake/unloaded/' "
    assert "TOO_MANY_OPEN" in athena.failure(
        unload + "WITH (format = 'PARQUET', partitioned_by = ARRAY['day'])"
    )
    assert athena.keys("unloaded/") == []


@pytest.mark.behaviour(
    "athena",
    "INSERT INTO adds files to a table, and the partitions that are new, from a query or VALUES.",
)
def test_insert_adds_rows_and_partitions(athena: Athena) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE events (n bigint, name string) PARTITIONED BY (dt string) "
        "STORED AS PARQUET LOCATION 's3://lake/events/'"
    )
    athena.run("ALTER TABLE events ADD PARTITION (dt = 'b') LOCATION 's3://lake/elsewhere/'")
    execution = athena.run("INSERT INTO events VALUES (1, 'x', 'a'), (2, 'y', 'b')")

    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "INSERT")
    query_id = execution["QueryExecutionId"]
    assert execution["ResultConfiguration"]["OutputLocation"] == f"s3://lake/results/{query_id}"
    folders = sorted(key.rpartition("/")[0] for key in manifest(athena, execution))
    assert folders == ["elsewhere", "events/dt=a"]
    assert athena.partitions("events")[("a",)] == "s3://lake/events/dt=a/"
    answer = athena.client.get_query_results(QueryExecutionId=query_id)
    assert answer["UpdateCount"] == 2

    athena.run("INSERT INTO events (dt, n) SELECT dt, n + 10 FROM events")
    assert athena.rows("SELECT n, name, dt FROM events ORDER BY n")[1:] == [
        ["1", "x", "a"],
        ["2", "y", "b"],
        ["11", None, "a"],
        ["12", None, "b"],
    ]


def test_insert_into_a_table_of_json_keeps_every_digit(athena: Athena) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE prices (price decimal(18,4), tags array<string>) "
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/prices/'"
    )
    athena.run("INSERT INTO prices VALUES (DECIMAL '12345678901234.5678', ARRAY['a', NULL])")
    (key,) = athena.keys("prices/")
    line = gzip.decompress(body(athena, key)).decode()
    assert line == '{"price":12345678901234.5678,"tags":["a",null]}\n'
    assert json.loads(line)["tags"] == ["a", None]
    assert athena.rows("SELECT price FROM prices")[1:] == [["12345678901234.5678"]]


@pytest.mark.behaviour("athena", "INSERT checks number and types of columns, as Athena words it.")
@pytest.mark.parametrize(
    ("insert", "reason"),
    [
        ("INSERT INTO t VALUES (1)", "Table: [integer, varchar], Query: [integer]"),
        ("INSERT INTO t VALUES ('x', 'y')", "Table: [integer, varchar], Query: [varchar, varchar]"),
        ("INSERT INTO t (a, c) VALUES (1, 2)", "does not exist in target table: c"),
        ("INSERT INTO missing VALUES (1)", "'awsdatacatalog.sales.missing' does not exist"),
    ],
)
def test_insert_checks_its_columns(athena: Athena, insert: str, reason: str) -> None:
    athena.run("CREATE TABLE t AS SELECT 1 AS a, 'x' AS b")
    assert reason in athena.failure(insert)
    assert athena.rows("SELECT count(*) AS n FROM t")[1:] == [["1"]]


def test_tables_of_csv_take_no_rows(athena: Athena) -> None:
    athena.run(
        "CREATE EXTERNAL TABLE c (a string) ROW FORMAT SERDE "
        "'org.apache.hadoop.hive.serde2.OpenCSVSerde' LOCATION 's3://lake/c/'"
    )
    assert "INSERT INTO a table with the SerDe" in athena.failure("INSERT INTO c VALUES ('x')")
    athena.run("CREATE VIEW v AS SELECT 1 AS a")
    assert "Inserting into views" in athena.failure("INSERT INTO v VALUES (1)")


@pytest.mark.behaviour(
    "athena",
    "UNLOAD writes the rows of a query, partitioned if asked, into an empty folder, with a "
    "manifest; it needs a format.",
)
def test_unload(athena: Athena) -> None:
    query = "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS t(n, dt)"
    execution = athena.run(
        f"UNLOAD ({query}) TO 's3://lake/out/' "
        "WITH (format = 'PARQUET', compression = 'SNAPPY', partitioned_by = ARRAY['dt'])"
    )
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "UNLOAD")
    files = manifest(athena, execution)
    assert sorted(key.rpartition("/")[0] for key in files) == ["out/dt=a", "out/dt=b"]
    file = pq.ParquetFile(io.BytesIO(body(athena, files[0])))
    assert file.metadata.row_group(0).column(0).compression == "SNAPPY"
    assert file.schema_arrow.names == ["n"]

    again = f"UNLOAD ({query}) TO 's3://lake/out/' WITH (format = 'JSON')"
    assert "HIVE_PATH_ALREADY_EXISTS" in athena.failure(again)
    with pytest.raises(ClientError, match="format must be specified"):
        athena.start(f"UNLOAD ({query}) TO 's3://lake/elsewhere/'")


def test_parameters_reach_the_query_of_a_writing_statement(athena: Athena) -> None:
    athena.run("CREATE TABLE t AS SELECT ? AS a", ExecutionParameters=["'x'"])
    athena.run("INSERT INTO t VALUES (?)", ExecutionParameters=["'y'"])
    assert athena.rows("SELECT a FROM t ORDER BY a")[1:] == [["x"], ["y"]]
