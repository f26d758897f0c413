"""The tables and partitions that a crawl finds in S3."""

from __future__ import annotations

import pytest

from crawled_lake import CONFIGURATION, Lake
from localaws.server import LocalAws


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    return Lake(local_aws)


@pytest.mark.behaviour("glue", "A folder of JSON objects becomes a table named after the folder")
def test_a_folder_becomes_a_table(lake: Lake) -> None:
    lake.put("bronze/orders/dt=2025-07-10/hour=13/a.gz", {"orderid": "1"}, compressed=True)
    lake.put(
        "bronze/orders/dt=2025-07-10/hour=14/b.gz",
        {"orderid": "2", "price": 200, "quantity": 1},
        {"orderid": "3", "price": 10.5, "quantity": 2},
        compressed=True,
    )
    lake.crawler(Configuration=CONFIGURATION)
    lake.crawled()

    assert lake.table()["TableType"] == "EXTERNAL_TABLE"
    assert lake.columns() == {"orderid": "string", "price": "double", "quantity": "int"}
    assert lake.keys() == {"dt": "string", "hour": "string"}
    assert set(lake.partitions()) == {("2025-07-10", "13"), ("2025-07-10", "14")}
