"""DDL on databases and tables."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from athena_queries import DATABASE, Athena
from localaws.server import LocalAws

ORDERS = """
CREATE EXTERNAL TABLE IF NOT EXISTS `orders` (
  `orderid` string COMMENT 'the key',
  quantity int,
  lines array<struct<sku:string, price:decimal(10, 2)>>
)
COMMENT 'what was ordered'
PARTITIONED BY (dt string, hour string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
WITH SERDEPROPERTIES ('ignore.malformed.json' = 'true')
LOCATION 's3://lake/orders'
TBLPROPERTIES ('classification' = 'json', "note" = "it's")
"""
TEXT = "CREATE EXTERNAL TABLE lines (a int, b string) {} LOCATION 's3://lake/lines/'"
LAZY = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.mark.behaviour(
    "athena",
    "CREATE EXTERNAL TABLE adds a table to the Glue catalogue, over the data that is there.",
)
def test_create_external_table(athena: Athena) -> None:
    execution = athena.run(ORDERS)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DDL", "CREATE_TABLE")

    table = athena.table("orders")
    descriptor = table["StorageDescriptor"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert table["Description"] == "what was ordered"
    assert table["Parameters"] == {"EXTERNAL": "TRUE", "classification": "json", "note": "it's"}
    assert descriptor["Columns"] == [
        {"Name": "orderid", "Type": "string", "Comment": "the key"},
        {"Name": "quantity", "Type": "int"},
        {"Name": "lines", "Type": "array<struct<sku:string,price:decimal(10,2)>>"},
    ]
    assert table["PartitionKeys"] == [
        {"Name": "dt", "Type": "string"},
        {"Name": "hour", "Type": "string"},
    ]
    assert descriptor["Location"] == "s3://lake/orders/"
    assert descriptor["SerdeInfo"] == {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"ignore.malformed.json": "true"},
    }


def test_a_table_that_is_there_is_an_error_without_if_not_exists(athena: Athena) -> None:
    athena.run(ORDERS)
    athena.run(ORDERS)
    reason = athena.failure(ORDERS.replace("IF NOT EXISTS", ""))
    assert "AlreadyExistsException(message:Table orders already exists)" in reason
    assert "Database does not exist: nowhere" in athena.failure(
        "CREATE EXTERNAL TABLE nowhere.t (a int) LOCATION 's3://lake/t/'"
    )


@pytest.mark.behaviour(
    "athena", "Tables are of JSON, Parquet, or text: LazySimple, delimited, or OpenCSV."
)
@pytest.mark.parametrize(
    ("clause", "serde", "parameters"),
    [
        ("", LAZY, {"serialization.format": "1"}),
        (
            "ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\\\' "
            "LINES TERMINATED BY '\\n' STORED AS TEXTFILE",
            LAZY,
            {"field.delim": ",", "serialization.format": ",", "escape.delim": "\\"},
        ),
        (
            "STORED AS PARQUET",
            "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe",
            {},
        ),
        (
            "ROW FORMAT SERDE 'org.apache.hadoop.hive.serde2.OpenCSVSerde' "
            "WITH SERDEPROPERTIES ('separatorChar' = ';')",
            "org.apache.hadoop.hive.serde2.OpenCSVSerde",
            {"separatorChar": ";"},
        ),
    ],
)
def test_formats_of_tables(
    athena: Athena, clause: str, serde: str, parameters: dict[str, str]
) -> None:
    athena.run(TEXT.format(clause))
    info = athena.table("lines")["StorageDescriptor"]["SerdeInfo"]
    assert info["SerializationLibrary"] == serde
    assert info.get("Parameters", {}) == parameters


def test_a_table_of_text_can_be_asked(athena: Athena) -> None:
    athena.put("lines/a.csv", "n,t\n1,x\n2,\\,\n")
    athena.run(
        TEXT.format("ROW FORMAT DELIMITED FIELDS TERMINATED BY ',' ESCAPED BY '\\\\'")
        + " TBLPROPERTIES ('skip.header.line.count' = '1')"
    )
    assert athena.rows("SELECT * FROM lines ORDER BY a")[1:] == [["1", "x"], ["2", ","]]


@pytest.mark.behaviour("athena", "DROP TABLE leaves the table's data where it is.")
def test_drop_table_leaves_the_data(athena: Athena) -> None:
    athena.put("orders/dt=1/hour=1/a.json", "{}")
    athena.run(ORDERS)
    athena.run("DROP TABLE orders")
    assert athena.lines("SHOW TABLES") == []
    assert athena.keys("orders/") == ["orders/dt=1/hour=1/a.json"]
    assert "Table not found sales.orders" in athena.failure("DROP TABLE orders")
    athena.run("DROP TABLE IF EXISTS orders")


@pytest.mark.behaviour("athena", "A database that has tables is dropped with CASCADE only.")
def test_databases(athena: Athena) -> None:
    athena.run("CREATE DATABASE IF NOT EXISTS lab COMMENT 'for trials' LOCATION 's3://lake/lab/'")
    database = athena.glue.get_database(Name="lab")["Database"]
    assert (database["Description"], database["LocationUri"]) == ("for trials", "s3://lake/lab/")
    athena.run("CREATE SCHEMA IF NOT EXISTS lab")
    assert "Database lab already exists" in athena.failure("CREATE DATABASE lab")
    athena.run("CREATE EXTERNAL TABLE lab.t (a int) LOCATION 's3://lake/t/'")
    assert "Database lab is not empty" in athena.failure("DROP DATABASE lab")
    athena.run("DROP DATABASE lab CASCADE")
    assert athena.lines("SHOW DATABASES") == [DATABASE]
    assert "Database does not exist: lab" in athena.failure("DROP DATABASE lab")
    athena.run("DROP SCHEMA IF EXISTS lab")


@pytest.mark.behaviour(
    "athena", "ALTER TABLE adds and replaces columns, and sets properties and locations."
)
def test_alter_table(athena: Athena) -> None:
    athena.run(ORDERS)
    athena.run("ALTER TABLE orders ADD COLUMNS (price decimal(18,4), channel string)")
    athena.run("ALTER TABLE sales.orders SET TBLPROPERTIES ('note' = 'new', 'more' = '1')")
    athena.run("ALTER TABLE orders SET LOCATION 's3://lake/elsewhere/'")
    table = athena.table("orders")
    names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
    assert names == ["orderid", "quantity", "lines", "price", "channel"]
    assert table["Parameters"]["note"] == "new"
    assert table["StorageDescriptor"]["Location"] == "s3://lake/elsewhere/"
    assert "Duplicate column name: dt" in athena.failure("ALTER TABLE orders ADD COLUMNS (dt int)")
    athena.run("ALTER TABLE orders REPLACE COLUMNS (orderid string)")
    assert athena.table("orders")["StorageDescriptor"]["Columns"] == [
        {"Name": "orderid", "Type": "string"}
    ]


@pytest.mark.behaviour(
    "athena", "SHOW lists databases, tables, views, columns, properties, with Hive's patterns."
)
def test_show(athena: Athena) -> None:
    athena.run(ORDERS)
    athena.run("CREATE VIEW newest AS SELECT 1 AS one")
    assert athena.lines("SHOW TABLES") == ["newest", "orders"]
    assert athena.lines("SHOW TABLES IN sales 'ord*|nothing'") == ["orders"]
    assert athena.lines("SHOW TABLES FROM sales LIKE 'new.*'") == ["newest"]
    assert athena.lines("SHOW VIEWS") == ["newest"]
    assert athena.lines("SHOW VIEWS IN sales LIKE 'x*'") == []
    assert [line.rstrip() for line in athena.lines("SHOW COLUMNS IN orders") if line] == [
        "orderid",
        "quantity",
        "lines",
        "dt",
        "hour",
    ]
    assert athena.lines("SHOW TBLPROPERTIES orders") == [
        "EXTERNAL\tTRUE",
        "classification\tjson",
        "note\tit's",
    ]
    assert athena.lines("SHOW TBLPROPERTIES orders('note')") == ["it's"]
    assert "Database does not exist: nowhere" in athena.failure("SHOW TABLES IN nowhere")


@pytest.mark.behaviour(
    "athena", "SHOW CREATE TABLE gives a statement that makes the same table again."
)
def test_show_create_table_makes_the_same_table(athena: Athena) -> None:
    athena.run(ORDERS)
    first = athena.table("orders")
    lines = athena.lines("SHOW CREATE TABLE orders")
    assert lines[0] == "CREATE EXTERNAL TABLE `sales.orders`("
    assert lines[1] == "  `orderid` string COMMENT 'the key', "
    statement = "\n".join(str(line) for line in lines).replace("`sales.orders`", "orders")
    athena.run("DROP TABLE orders")
    athena.run(statement)
    again = athena.table("orders")
    for key in ("StorageDescriptor", "PartitionKeys", "Parameters", "Description"):
        assert again[key] == first[key]


@pytest.mark.behaviour(
    "athena",
    "DESCRIBE gives name, type and comment, each 20 wide and apart by tabs, the partition keys "
    "once more; FORMATTED adds where and how the table is stored.",
)
def test_describe(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE t (n int) PARTITIONED BY (p string) LOCATION 's3://lake/t/'")
    blank = " " * 20
    name, key = "n".ljust(20), "p".ljust(20)
    described = [
        f"{name}\t{'int'.ljust(20)}\t{blank}",
        f"{key}\t{'string'.ljust(20)}\t{blank}",
        "\t \t ",
        "# Partition Information\t \t ",
        f"{'# col_name'.ljust(20)}\t{'data_type'.ljust(20)}\t{'comment'.ljust(20)}",
        "\t \t ",
        f"{key}\t{'string'.ljust(20)}\t{blank}",
    ]
    assert athena.lines("DESCRIBE t") == described
    assert athena.lines("DESC sales.t") == described
    formatted = athena.lines("DESCRIBE FORMATTED t")
    assert formatted[: len(described)] == described
    assert any("s3://lake/t/" in str(line) for line in formatted)
    columns = athena.answer("DESCRIBE t")["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert [column["Name"] for column in columns] == ["col_name", "data_type", "comment"]


@pytest.mark.behaviour(
    "athena", "DESCRIBE and SHOW COLUMNS of what isn't there are refused when they are submitted."
)
@pytest.mark.parametrize("sql", ["DESCRIBE missing", "SHOW COLUMNS IN missing"])
def test_describing_what_is_not_there_is_refused(athena: Athena, sql: str) -> None:
    with pytest.raises(ClientError, match="Entity Not Found"):
        athena.start(sql)


@pytest.mark.behaviour(
    "athena",
    "MERGE, UPDATE, DELETE, OPTIMIZE and VACUUM are for Iceberg tables: on others they fail with "
    "Athena's words.",
)
@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM orders WHERE quantity = 1",
        "UPDATE orders SET quantity = 1",
        "MERGE INTO orders AS t USING orders AS s ON t.orderid = s.orderid "
        "WHEN MATCHED THEN DELETE",
    ],
)
def test_rows_of_hive_tables_are_not_changed(athena: Athena, sql: str) -> None:
    athena.run(ORDERS)
    assert "Modifying Hive table rows is only supported for transactional" in athena.failure(sql)


def test_hive_tables_need_no_maintenance(athena: Athena) -> None:
    athena.run(ORDERS)
    assert "only supported for Iceberg" in athena.failure(
        "OPTIMIZE orders REWRITE DATA USING BIN_PACK"
    )
    assert "only supported for Iceberg" in athena.failure("VACUUM orders")


@pytest.mark.behaviour("athena", "In DDL a name is bare or in back-quotes, never in double quotes.")
def test_double_quoted_names_are_refused_in_ddl(athena: Athena) -> None:
    with pytest.raises(ClientError, match="mismatched input '\"orders\"'"):
        athena.start('DROP TABLE "orders"')
    athena.run(ORDERS)
    athena.run("DROP TABLE `sales`.`orders`")


@pytest.mark.behaviour("athena", "The API shows data catalogue, databases and tables.")
def test_metadata_api(athena: Athena) -> None:
    athena.run(ORDERS)
    client = athena.client
    assert client.list_data_catalogs()["DataCatalogsSummary"] == [
        {"CatalogName": "AwsDataCatalog", "Type": "GLUE"}
    ]
    assert client.get_data_catalog(Name="AwsDataCatalog")["DataCatalog"]["Type"] == "GLUE"
    catalog = {"CatalogName": "AwsDataCatalog"}
    names = [found["Name"] for found in client.list_databases(**catalog)["DatabaseList"]]
    assert names == [DATABASE]
    assert client.get_database(**catalog, DatabaseName=DATABASE)["Database"]["Name"] == DATABASE
    table = client.get_table_metadata(**catalog, DatabaseName=DATABASE, TableName="orders")
    metadata = table["TableMetadata"]
    assert metadata["Columns"][0] == {"Name": "orderid", "Type": "string", "Comment": "the key"}
    assert [key["Name"] for key in metadata["PartitionKeys"]] == ["dt", "hour"]
    assert metadata["Parameters"]["location"] == "s3://lake/orders/"
    listed = client.list_table_metadata(**catalog, DatabaseName=DATABASE)["TableMetadataList"]
    assert [found["Name"] for found in listed] == ["orders"]
    with pytest.raises(ClientError) as missing:
        client.get_table_metadata(**catalog, DatabaseName=DATABASE, TableName="missing")
    assert missing.value.response["Error"]["Code"] == "MetadataException"
