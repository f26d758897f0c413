"""What a crawl does with tables and partitions that are there already."""

from __future__ import annotations

import json
from typing import Any

import pytest

from crawled_lake import BUCKET, CONFIGURATION, CRAWLER, DATABASE, Lake, typed
from localaws.server import LocalAws

MERGE: dict[str, Any] = {
    "Version": 1.0,
    "CrawlerOutput": {
        "Tables": {"AddOrUpdateBehavior": "MergeNewColumns"},
        "Partitions": {"AddOrUpdateBehavior": "InheritFromTable"},
    },
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3},
}
ORDER = {"orderid": "1", "product_name": "Laptop", "quantity": 1, "price": 10}
LOG = {"UpdateBehavior": "LOG", "DeleteBehavior": "LOG"}


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    lake = Lake(local_aws)
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    return lake


def declare(lake: Lake, column: str, kind: str) -> None:
    """Give a column of the table another type, as somebody who knows better does."""
    table = lake.table()
    for each in table["StorageDescriptor"]["Columns"]:
        if each["Name"] == column:
            each["Type"] = kind
    names = ("Name", "StorageDescriptor", "PartitionKeys", "TableType", "Parameters")
    wanted = {name: table[name] for name in names}
    wanted["Parameters"]["owner"] = "sales"
    lake.glue.update_table(DatabaseName=DATABASE, TableInput=wanted)


@pytest.mark.behaviour("glue", "UPDATE_IN_DATABASE adds, changes and removes columns.")
def test_update_in_database(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    lake.put("bronze/orders/dt=1/a.json", {**ORDER, "price": 9.5, "brand": "Acme"})
    lake.crawled()
    assert lake.columns()["price"] == "double"
    assert lake.columns()["brand"] == "string"
    assert typed(lake.partitions()[("1",)]["StorageDescriptor"]) == lake.columns()

    declare(lake, "price", "decimal(18,4)")
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    lake.crawled()
    assert lake.columns() == {
        "orderid": "string",
        "product_name": "string",
        "quantity": "int",
        "price": "int",
    }
    assert "owner" not in lake.table()["Parameters"]


@pytest.mark.behaviour("glue", "MergeNewColumns adds columns and leaves the existing ones alone.")
def test_merge_new_columns(lake: Lake) -> None:
    lake.crawler(Configuration=MERGE)
    lake.crawled()
    declare(lake, "price", "decimal(18,4)")
    lake.put("bronze/orders/dt=2/a.json", {"orderid": "2", "price": 9.25, "brand": "Acme"})
    lake.delete("bronze/orders/dt=1/a.json")
    lake.crawled()

    assert lake.columns() == {
        "orderid": "string",
        "product_name": "string",
        "quantity": "int",
        "price": "decimal(18,4)",
        "brand": "string",
    }
    parameters = lake.table()["Parameters"]
    assert parameters["owner"] == "sales"
    assert parameters["recordCount"] == "1"
    assert lake.table()["StorageDescriptor"]["SerdeInfo"]["Parameters"] == {
        "paths": "brand,orderid,price"
    }
    assert typed(lake.partitions()[("2",)]["StorageDescriptor"]) == lake.columns()


def test_merge_new_columns_of_partitions(lake: Lake) -> None:
    lake.crawler(
        Configuration={
            "Version": 1.0,
            "CrawlerOutput": {"Tables": {"AddOrUpdateBehavior": "MergeNewColumns"}},
        }
    )
    lake.crawled()
    lake.put("bronze/orders/dt=1/b.json", {**ORDER, "price": 9.5, "brand": "Acme"})
    lake.crawled()
    columns = typed(lake.partitions()[("1",)]["StorageDescriptor"])
    assert columns["price"] == "int"
    assert columns["brand"] == "string"


@pytest.mark.behaviour(
    "glue", "With MergeNewColumns a table whose format has changed is deprecated."
)
def test_a_fundamental_change_deprecates_a_merged_table(lake: Lake) -> None:
    lake.crawler(Configuration=MERGE)
    lake.crawled()
    lake.delete("bronze/orders/dt=1/a.json")
    lake.put("bronze/orders/dt=1/a.json.gz", ORDER, compressed=True)
    lake.crawled()
    parameters = lake.table()["Parameters"]
    assert parameters["DEPRECATED_BY_CRAWLER"] == str(int(lake.now.timestamp() * 1000))
    assert parameters["compressionType"] == "none"


@pytest.mark.behaviour("glue", "UpdateBehavior LOG changes no table; new partitions are added.")
def test_update_behaviour_log(lake: Lake) -> None:
    lake.crawler(SchemaChangePolicy=LOG)
    lake.crawled()
    before = lake.table()
    lake.put("bronze/orders/dt=2/a.json", {**ORDER, "brand": "Acme"})
    lake.crawled()
    assert lake.table() == before
    assert set(lake.partitions()) == {("1",), ("2",)}
    assert any("Table orders has changed: left as it was" in line for line in lake.log())


@pytest.mark.behaviour("glue", "DEPRECATE_IN_DATABASE marks what is gone, until it is back.")
def test_deprecate_in_database(lake: Lake) -> None:
    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.crawler()
    lake.crawled()
    lake.delete("bronze/orders/dt=2/a.json")
    lake.crawled()
    since = str(int(lake.now.timestamp() * 1000))
    assert lake.partitions()[("2",)]["Parameters"]["DEPRECATED_BY_CRAWLER"] == since
    assert "DEPRECATED_BY_CRAWLER" not in lake.table()["Parameters"]

    lake.delete("bronze/orders/dt=1/a.json")
    lake.crawled()
    since = str(int(lake.now.timestamp() * 1000))
    assert lake.table()["Parameters"]["DEPRECATED_BY_CRAWLER"] == since
    lake.crawled()
    assert lake.table()["Parameters"]["DEPRECATED_BY_CRAWLER"] == since

    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.crawled()
    assert "DEPRECATED_BY_CRAWLER" not in lake.table()["Parameters"]
    assert "DEPRECATED_BY_CRAWLER" not in lake.partitions()[("2",)]["Parameters"]


@pytest.mark.behaviour("glue", "DELETE_FROM_DATABASE deletes what is gone.")
def test_delete_from_database(lake: Lake) -> None:
    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.crawler(SchemaChangePolicy={"DeleteBehavior": "DELETE_FROM_DATABASE"})
    lake.crawled()
    lake.delete("bronze/orders/dt=2/a.json")
    lake.crawled()
    assert set(lake.partitions()) == {("1",)}
    lake.delete("bronze/orders/dt=1/a.json")
    lake.crawled()
    assert lake.tables() == set()


@pytest.mark.behaviour("glue", "DeleteBehavior LOG leaves what is gone.")
def test_delete_behaviour_log(lake: Lake) -> None:
    lake.put("bronze/orders/dt=2/a.json", ORDER)
    lake.crawler(SchemaChangePolicy={"DeleteBehavior": "LOG"})
    lake.crawled()
    lake.delete("bronze/orders/dt=2/a.json")
    lake.crawled()
    assert any("1 partitions gone, left as they were" in line for line in lake.log())
    lake.delete("bronze/orders/dt=1/a.json")
    lake.crawled()
    assert set(lake.partitions()) == {("1",), ("2",)}
    assert any("Table orders is gone" in line for line in lake.log())


def test_tables_and_partitions_of_others_are_not_deleted(lake: Lake) -> None:
    lake.crawler(SchemaChangePolicy={"DeleteBehavior": "DELETE_FROM_DATABASE"})
    lake.crawled()
    descriptor = {"Columns": [], "Location": f"s3://{BUCKET}/bronze/orders/dt=0/", "SerdeInfo": {}}
    lake.glue.create_partition(
        DatabaseName=DATABASE,
        TableName="orders",
        PartitionInput={"Values": ["0"], "StorageDescriptor": descriptor},
    )
    lake.glue.create_table(
        DatabaseName=DATABASE, TableInput={"Name": "mine", "StorageDescriptor": descriptor}
    )
    lake.crawled()
    assert lake.tables() == {"orders", "mine"}
    assert ("0",) in lake.partitions()


@pytest.mark.behaviour("glue", "A partition that somebody dropped comes back with the next crawl.")
def test_a_dropped_partition_comes_back(lake: Lake) -> None:
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()
    lake.glue.delete_partition(DatabaseName=DATABASE, TableName="orders", PartitionValues=["1"])
    lake.crawled()
    assert set(lake.partitions()) == {("1",)}


def test_a_table_that_was_made_by_hand_is_taken_over(lake: Lake) -> None:
    lake.glue.create_table(
        DatabaseName=DATABASE,
        TableInput={
            "Name": "orders",
            "PartitionKeys": [{"Name": "dt", "Type": "date"}],
            "StorageDescriptor": {
                "Columns": [{"Name": "price", "Type": "decimal(18,4)"}],
                "Location": f"s3://{BUCKET}/bronze/orders",
                "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
            },
        },
    )
    lake.crawler(Configuration=MERGE)
    lake.crawled()
    assert lake.tables() == {"orders"}
    assert lake.columns()["price"] == "decimal(18,4)"
    assert lake.keys() == {"dt": "date"}
    assert set(lake.partitions()) == {("1",)}


def test_a_crawl_that_finds_nothing_new_changes_nothing(lake: Lake) -> None:
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()
    before = lake.table(), lake.partitions()
    lake.crawled()
    assert (lake.table(), lake.partitions()) == before
    newest = lake.glue.list_crawls(CrawlerName=CRAWLER)["Crawls"][0]
    assert json.loads(newest["Summary"]) == {}


@pytest.mark.behaviour("glue", "An object that hasn't changed isn't read again.")
def test_unchanged_objects_are_not_read_again(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    reads: list[str] = []
    with lake.on_reading(reads.append):
        lake.put("bronze/orders/dt=1/b.json", ORDER)
        lake.crawled()
        lake.put("bronze/orders/dt=1/a.json", {**ORDER, "price": 1.5})
        lake.crawled()
    assert reads == ["b.json", "a.json"]
    assert lake.table()["Parameters"]["recordCount"] == "2"
    assert lake.columns()["price"] == "double"


@pytest.mark.behaviour("glue", "CRAWL_NEW_FOLDERS_ONLY adds new folders' partitions, no more.")
def test_new_folders_only(lake: Lake) -> None:
    lake.crawler(
        RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}, Configuration=CONFIGURATION
    )
    lake.crawled()
    before = lake.table()
    lake.put("bronze/orders/dt=1/b.json", {**ORDER, "ignored": 1})
    lake.put("bronze/orders/dt=2/a.json", {**ORDER, "brand": "Acme"})
    lake.crawled()
    assert lake.table() == before
    assert set(lake.partitions()) == {("1",), ("2",)}
    assert lake.partitions()[("1",)]["Parameters"]["objectCount"] == "1"
    policy = lake.glue.get_crawler(Name=CRAWLER)["Crawler"]["SchemaChangePolicy"]
    assert policy == LOG


def test_new_folders_only_makes_no_new_tables(lake: Lake) -> None:
    lake.crawler("", RecrawlPolicy={"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"})
    lake.put("bronze/visits/a.json", {"page": "/"})
    lake.crawled()
    assert lake.tables() == {"orders", "visits"}
    lake.put("bronze/baskets/a.json", {"items": 1})
    lake.crawled()
    assert lake.tables() == {"orders", "visits"}
    assert any("bronze/baskets/ would be a new table" in line for line in lake.log())
