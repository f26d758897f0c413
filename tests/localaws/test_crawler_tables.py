"""The tables and partitions that a crawl finds in S3."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crawled_lake import BUCKET, CONFIGURATION, CRAWLER, DATABASE, Lake
from localaws.server import LocalAws

COMBINE: dict[str, Any] = {
    "Version": 1.0,
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas"},
}
ORDER = {"orderid": "1", "product_name": "Laptop", "quantity": 1, "price": 10.5}
VISIT = {"page": "/", "seconds": 3}


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    return Lake(local_aws)


@pytest.mark.behaviour(
    "glue", "The table is named after the folder, `key=value` folders are partition keys."
)
def test_folders_of_keys_and_values_are_partitions(lake: Lake) -> None:
    lake.put("bronze/orders/dt=2025-07-10/hour=13/a.gz", ORDER, compressed=True)
    lake.put("bronze/orders/dt=2025-07-11/hour=01/b.gz", ORDER, ORDER, compressed=True)
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()

    assert lake.tables() == {"orders"}
    assert list(lake.columns()) == ["orderid", "product_name", "quantity", "price"]
    assert lake.keys() == {"dt": "string", "hour": "string"}
    assert set(lake.partitions()) == {("2025-07-10", "13"), ("2025-07-11", "01")}


@pytest.mark.behaviour("glue", "A table of JSON has the attributes that Glue gives it.")
def test_attributes_of_a_json_table(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.gz", {"orderid": "1"}, {"orderId": "2"}, compressed=True)
    lake.put("bronze/orders/dt=2/a.gz", {"orderid": "3", "brand": "Acme"}, compressed=True)
    size = sum(item["Size"] for item in lake.s3.list_objects_v2(Bucket=BUCKET)["Contents"])
    lake.crawler(Configuration=COMBINE)
    lake.crawled()

    table = lake.table()
    descriptor = table["StorageDescriptor"]
    assert table["TableType"] == "EXTERNAL_TABLE"
    assert descriptor["Location"] == "s3://lake/bronze/orders/"
    assert descriptor["InputFormat"] == "org.apache.hadoop.mapred.TextInputFormat"
    assert (
        descriptor["OutputFormat"] == "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
    )
    assert descriptor["SerdeInfo"] == {
        "SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe",
        "Parameters": {"paths": "brand,orderId,orderid"},
    }
    assert descriptor["Compressed"]
    assert descriptor["Parameters"] == table["Parameters"]
    run = lake.glue.list_crawls(CrawlerName=CRAWLER)["Crawls"][0]["CrawlId"]
    assert table["Parameters"] == {
        "CRAWL_RUN_ID": run,
        "CrawlerSchemaDeserializerVersion": "1.0",
        "CrawlerSchemaSerializerVersion": "1.0",
        "UPDATED_BY_CRAWLER": CRAWLER,
        "averageRecordSize": "22",
        "classification": "json",
        "compressionType": "gzip",
        "objectCount": "2",
        "recordCount": "3",
        "sizeKey": str(size),
        "typeOfData": "file",
    }


@pytest.mark.behaviour("glue", "A partition has a storage descriptor and figures of its own.")
def test_a_partition_has_its_own_attributes(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER, ORDER)
    lake.put("bronze/orders/dt=2/a.json", ORDER | {"price": 3})
    lake.crawler()
    lake.crawled()

    partition = lake.partitions()[("2",)]
    assert partition["StorageDescriptor"]["Location"] == "s3://lake/bronze/orders/dt=2/"
    assert partition["StorageDescriptor"]["SerdeInfo"]["SerializationLibrary"].endswith("JsonSerDe")
    assert partition["Parameters"]["recordCount"] == "1"
    assert partition["Parameters"]["compressionType"] == "none"
    assert partition["StorageDescriptor"]["Columns"][-1] == {"Name": "price", "Type": "int"}
    assert lake.columns()["price"] == "double"


@pytest.mark.behaviour("glue", "With InheritFromTable a partition has the table's columns.")
def test_partitions_inherit_from_the_table(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.put("bronze/orders/dt=2/a.json", ORDER | {"price": 3, "brand_name": "Acme"})
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()
    columns = lake.table()["StorageDescriptor"]["Columns"]
    assert [p["StorageDescriptor"]["Columns"] for p in lake.partitions().values()] == [columns] * 2

    lake.put("bronze/orders/dt=2/b.json", ORDER | {"country": "NO"})
    lake.crawled()
    columns = lake.table()["StorageDescriptor"]["Columns"]
    assert columns[-1]["Name"] == "country"
    assert [p["StorageDescriptor"]["Columns"] for p in lake.partitions().values()] == [columns] * 2


@pytest.mark.behaviour("glue", "Folders without a key are partitions partition_0, partition_1, ….")
def test_folders_without_a_key_are_numbered_partitions(lake: Lake) -> None:
    lake.put("bronze/orders/2025/month=07/10/a.json", ORDER)
    lake.put("bronze/orders/2025/month=08/11/a.json", ORDER)
    lake.crawler()
    lake.crawled()
    assert list(lake.keys()) == ["partition_0", "month", "partition_2"]
    assert set(lake.partitions()) == {("2025", "07", "10"), ("2025", "08", "11")}


def test_a_key_that_is_a_column_too_is_numbered(lake: Lake) -> None:
    lake.put("bronze/orders/orderid=1/a.json", ORDER)
    lake.put("bronze/orders/orderid=2/a.json", ORDER)
    lake.crawler()
    lake.crawled()
    assert list(lake.keys()) == ["partition_0"]
    assert set(lake.partitions()) == {("1",), ("2",)}


def test_more_partitions_than_a_batch_holds_are_all_created(lake: Lake) -> None:
    for day in range(101):
        lake.put(f"bronze/orders/dt={day:03}/a.json", ORDER)
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()
    assert len(lake.partitions()) == 101
    lake.put("bronze/orders/dt=000/b.json", {"new": 1})
    lake.crawled()
    assert {len(p["StorageDescriptor"]["Columns"]) for p in lake.partitions().values()} == {5}


@pytest.mark.behaviour(
    "glue", "Objects and folders that begin with _ or ., and empty objects, are passed over."
)
def test_hidden_and_empty_objects_are_passed_over(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    for key in ("dt=1/_SUCCESS", "dt=1/.a.crc", "_temporary/x.json", "dt=9/.hidden/x.json"):
        lake.put(f"bronze/orders/{key}", VISIT)
    lake.put_bytes("bronze/orders/dt=2/", b"")
    lake.put_bytes("bronze/orders/dt=3_$folder$", b"x")
    lake.crawler()
    lake.crawled()
    assert lake.tables() == {"orders"}
    assert set(lake.partitions()) == {("1",)}


def test_a_neighbour_whose_name_begins_alike_is_not_crawled(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put("bronze/orders_old/a.json", VISIT)
    lake.crawler()
    lake.crawled()
    assert lake.tables() == {"orders"}


@pytest.mark.behaviour("glue", "Names are lower case, with _ for all but letters and digits.")
def test_names_are_spelt_as_the_catalogue_spells_them(lake: Lake) -> None:
    lake.put("bronze/Web-Orders 2025/a.json", ORDER)
    lake.crawler("bronze/Web-Orders 2025/", TablePrefix="Raw_")
    lake.crawled()
    assert lake.tables() == {"raw_web_orders_2025"}


@pytest.mark.behaviour("glue", "A table whose name is taken gets a hash behind its name.")
def test_a_name_that_is_taken_gets_a_hash(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put("silver/orders/a.json", ORDER)
    lake.crawler("bronze/orders")
    lake.crawler("silver/orders", "silver")
    lake.crawled()
    lake.crawled("silver")
    lake.crawled("silver")
    (other,) = lake.tables() - {"orders"}
    assert other.startswith("orders_")
    assert len(other) == len("orders_") + 32
    assert lake.table()["StorageDescriptor"]["Location"] == "s3://lake/bronze/orders/"


@pytest.mark.behaviour("glue", "Dissimilar schemas below one folder become several tables.")
def test_dissimilar_schemas_become_several_tables(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put("bronze/orders/b.json", ORDER)
    lake.put("bronze/visits/year=2025/a.json", VISIT)
    lake.crawler("bronze")
    lake.crawled()
    assert lake.tables() == {"orders", "visits"}
    assert list(lake.keys("visits")) == ["year"]


def test_dissimilar_partitions_become_tables(lake: Lake) -> None:
    """The example of https://docs.aws.amazon.com/glue/latest/dg/crawler-grouping-policy.html"""
    lake.put("table1/year=2017/data1.json", {"A": 1, "B": 2})
    lake.put("table1/year=2018/data2.json", {"C": 3, "D": 4})
    lake.crawler("table1")
    lake.crawled()
    assert lake.tables() == {"year_2017", "year_2018"}


@pytest.mark.behaviour(
    "glue", "With CombineCompatibleSchemas dissimilar schemas are one table too."
)
def test_compatible_schemas_can_be_combined(lake: Lake) -> None:
    lake.put("table1/year=2017/data1.json", {"A": 1, "B": 2})
    lake.put("table1/year=2018/data2.json", {"C": 3, "D": 4})
    lake.crawler("table1", Configuration=COMBINE)
    lake.crawled()
    assert lake.tables() == {"table1"}
    assert lake.columns("table1") == {"a": "int", "b": "int", "c": "int", "d": "int"}
    assert lake.keys("table1") == {"year": "string"}


def test_dissimilar_objects_of_one_folder_become_a_table_each(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put("bronze/orders/b.json", VISIT)
    lake.crawler()
    lake.crawled()
    assert lake.tables() == {"a_json", "b_json"}
    location = lake.table("a_json")["StorageDescriptor"]["Location"]
    assert location == "s3://lake/bronze/orders/a.json"


def test_few_dissimilar_objects_do_not_split_a_table(lake: Lake) -> None:
    for number in range(4):
        lake.put(f"bronze/orders/{number}.json", ORDER)
    lake.put("bronze/orders/odd.json", VISIT)
    lake.crawler()
    lake.crawled()
    assert lake.tables() == {"orders"}
    assert "seconds" in lake.columns()


@pytest.mark.behaviour("glue", "Objects of another format or compression become another table.")
@pytest.mark.parametrize(
    ("data", "compressed"), [(b"a,b\n1,2\n3,4\n", False), (json.dumps(ORDER).encode(), True)]
)
def test_incompatible_objects_are_not_combined(lake: Lake, data: bytes, compressed: bool) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.put_bytes("bronze/orders/dt=2/b", data, compressed=compressed)
    lake.crawler(Configuration=COMBINE)
    lake.crawled()
    assert lake.tables() == {"dt_1", "dt_2"}


@pytest.mark.behaviour("glue", "TableLevelConfiguration says at which folder level tables are.")
def test_the_folder_level_of_tables_can_be_given(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.put("bronze/returns/dt=1/a.json", ORDER)
    lake.crawler("", Configuration=CONFIGURATION)
    lake.crawled()
    assert lake.tables() == {"orders", "returns"}
    assert list(lake.keys("returns")) == ["dt"]


def test_an_object_outside_the_partitions_of_a_given_level_is_left_out(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.put("bronze/orders/stray.json", VISIT)
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()
    assert lake.tables() == {"orders"}
    assert set(lake.partitions()) == {("1",), ("2",)}
    assert "seconds" not in lake.columns()
    assert any("stray.json" in message for message in lake.log())


def test_the_example_of_one_table_with_tables_as_partitions(lake: Lake) -> None:
    """https://docs.aws.amazon.com/glue/latest/dg/crawler-s3-folder-table-partition.html"""
    lake.put("folder1/table1/partition1/file.json", ORDER)
    lake.put("folder1/table1/partition2/file.json", ORDER)
    lake.put("folder1/table2/partition4/file.json", ORDER)
    lake.crawler("folder1/")
    lake.crawled()
    assert list(lake.keys("folder1")) == ["partition_0", "partition_1"]
    assert ("table2", "partition4") in lake.partitions("folder1")


@pytest.mark.behaviour("glue", "Each S3 target makes its own tables; its path may be an object.")
def test_several_targets(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put("bronze/visits/a.json", VISIT)
    lake.put("bronze/visits/b.json", ORDER)
    paths = (f"s3://{BUCKET}/bronze/orders", f"s3://{BUCKET}/bronze/visits/a.json")
    lake.crawler(Targets={"S3Targets": [{"Path": path} for path in paths]})
    lake.crawled()
    assert lake.tables() == {"orders", "a_json"}


@pytest.mark.behaviour("glue", "Exclusions are globs, relative to the target's path.")
@pytest.mark.parametrize(
    ("exclusion", "crawled"),
    [
        ("*.csv", {"a.json", "dt=1/b.json", "dt=1/c.csv", "dt=2/d.json"}),
        ("**.csv", {"a.json", "dt=1/b.json", "dt=2/d.json"}),
        ("dt=1/**", {"a.json", "e.csv", "dt=2/d.json"}),
        ("dt=?/*.{csv,json}", {"a.json", "e.csv"}),
        ("**/[a-c].*", {"a.json", "e.csv", "dt=2/d.json"}),
        ("dt=[!1]/**", {"a.json", "e.csv", "dt=1/b.json", "dt=1/c.csv"}),
    ],
)
def test_exclusions(lake: Lake, exclusion: str, crawled: set[str]) -> None:
    keys = {"a.json", "e.csv", "dt=1/b.json", "dt=1/c.csv", "dt=2/d.json"}
    for key in keys:
        lake.put(f"bronze/orders/{key}", {"field_of_" + key: 1, "b": 1, "c": 1, "d": 1})
    lake.crawler(Target={"Exclusions": [exclusion]})
    lake.crawled()
    names = {table["StorageDescriptor"]["SerdeInfo"]["Parameters"]["paths"] for table in lake.all()}
    paths = {path for name in names for path in name.split(",")} - {"b", "c", "d"}
    assert paths == {"field_of_" + key for key in crawled}


@pytest.mark.behaviour("glue", "SampleSize is the number of objects that are read in each folder.")
def test_a_sample_of_each_folder_is_read(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.put("bronze/orders/dt=1/b.json", ORDER | {"unseen": 1})
    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.crawler(Target={"SampleSize": 1})
    lake.crawled()
    assert "unseen" not in lake.columns()
    assert lake.table()["Parameters"]["objectCount"] == "3"
    assert len(lake.partitions()) == 2


@pytest.mark.behaviour("glue", "What no classifier recognises is a table classified UNKNOWN.")
@pytest.mark.parametrize("data", [b"\x00\x01\x02", b"one line\n", b"\x1f\x8bbroken", b"[1, 2"])
def test_what_is_not_recognised_is_unknown(lake: Lake, data: bytes) -> None:
    lake.put_bytes("bronze/orders/a", data)
    lake.crawler()
    lake.crawled()
    assert lake.table()["Parameters"]["classification"] == "UNKNOWN"
    assert lake.columns() == {}


def test_what_is_not_recognised_does_not_split_a_table(lake: Lake) -> None:
    lake.put("bronze/orders/a.json", ORDER)
    lake.put_bytes("bronze/orders/b", b"\x00\x01")
    lake.crawler()
    lake.crawled()
    assert lake.tables() == {"orders"}
    assert any("bronze/orders/b" in message for message in lake.log())


def test_a_folder_without_objects_makes_no_table(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    assert lake.glue.get_tables(DatabaseName=DATABASE)["TableList"] == []
