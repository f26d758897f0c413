"""Partitions: added by name, found by MSCK, dropped."""

from __future__ import annotations

import pytest
from botocore.exceptions import ClientError

from athena_queries import Athena
from localaws.server import LocalAws

TABLE = """
CREATE EXTERNAL TABLE events (n int) PARTITIONED BY (dt string, hour int)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/events/'
"""


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    athena = Athena(local_aws)
    athena.run(TABLE)
    return athena


@pytest.mark.behaviour(
    "athena",
    "ALTER TABLE ADD PARTITION adds partitions at their Hive folders or where it says; one that is "
    "there is an error without IF NOT EXISTS.",
)
def test_add_partition(athena: Athena) -> None:
    athena.run(
        "ALTER TABLE events ADD PARTITION (dt = '2026-01-01', hour = 0) "
        "PARTITION (dt = '2026-01-02', hour = 1) LOCATION 's3://lake/elsewhere/'"
    )
    assert athena.partitions("events") == {
        ("2026-01-01", "0"): "s3://lake/events/dt=2026-01-01/hour=0/",
        ("2026-01-02", "1"): "s3://lake/elsewhere/",
    }
    athena.put("elsewhere/a.json", '{"n": 7}\n')
    assert athena.rows("SELECT n, dt, hour FROM events")[1:] == [["7", "2026-01-02", "1"]]
    again = "ALTER TABLE events ADD {} PARTITION (dt = '2026-01-01', hour = 0)"
    assert "Partition already exists" in athena.failure(again.format(""))
    athena.run(again.format("IF NOT EXISTS"))
    assert athena.lines("SHOW PARTITIONS events") == [
        "dt=2026-01-01/hour=0",
        "dt=2026-01-02/hour=1",
    ]


@pytest.mark.parametrize("values", ["dt = 'x'", "dt = 'x', hour = 1, minute = 2"])
def test_a_partition_has_a_value_for_each_key(athena: Athena, values: str) -> None:
    reason = athena.failure(f"ALTER TABLE events ADD PARTITION ({values})")
    assert "doesn't contain all partition columns (dt, hour)" in reason


@pytest.mark.behaviour(
    "athena",
    "MSCK REPAIR TABLE adds the partitions of Hive folders that the catalogue lacks, passes over "
    "hidden and other folders, and removes none.",
)
def test_repair_adds_what_is_missing_and_removes_nothing(athena: Athena) -> None:
    athena.run("ALTER TABLE events ADD PARTITION (dt = 'gone', hour = 0)")
    for key in (
        "dt=2026-01-01/hour=0/a.json",
        "dt=2026-01-01/hour=0/b.json",
        "dt=a%3Ab/hour=1/a.json",
        "_dt=x/hour=1/a.json",
        "dt=x/.hour=1/a.json",
        "2026/01/a.json",
        "hour=1/dt=x/a.json",
        "dt=2026-01-01/a.json",
    ):
        athena.put(f"events/{key}", '{"n": 1}\n')

    lines = athena.lines("MSCK REPAIR TABLE events")

    assert lines == [
        "Partitions not in metastore:\tevents:dt=2026-01-01/hour=0\tevents:dt=a%3Ab/hour=1",
        "Partitions missing from filesystem:\tevents:dt=gone/hour=0",
        "Repair: Added partition to metastore events:dt=2026-01-01/hour=0",
        "Repair: Added partition to metastore events:dt=a%3Ab/hour=1",
    ]
    assert athena.partitions("events") == {
        ("gone", "0"): "s3://lake/events/dt=gone/hour=0/",
        ("2026-01-01", "0"): "s3://lake/events/dt=2026-01-01/hour=0/",
        ("a:b", "1"): "s3://lake/events/dt=a%3Ab/hour=1/",
    }
    assert athena.rows("SELECT count(*) AS n FROM events")[1:] == [["3"]]
    assert "Repair: Added" not in "".join(map(str, athena.lines("MSCK REPAIR TABLE events")))


@pytest.mark.behaviour(
    "athena",
    "ALTER TABLE DROP PARTITION drops those that meet its conditions and leaves their data.",
)
def test_drop_partition(athena: Athena) -> None:
    for hour in range(12):
        athena.run(f"ALTER TABLE events ADD PARTITION (dt = 'a', hour = {hour})")
    athena.put("events/dt=a/hour=3/a.json", '{"n": 1}\n')
    athena.run("ALTER TABLE events DROP PARTITION (dt = 'a', hour = 3)")
    athena.run("ALTER TABLE events DROP PARTITION (hour >= 10), PARTITION (hour < 2)")
    hours = [int(hour) for _, hour in athena.partitions("events")]
    assert hours == [2, 4, 5, 6, 7, 8, 9]
    assert athena.keys("events/") == ["events/dt=a/hour=3/a.json"]
    again = "ALTER TABLE events DROP {} PARTITION (dt = 'a', hour = 3)"
    assert "Partition not found" in athena.failure(again.format(""))
    athena.run(again.format("IF EXISTS"))


def test_a_partition_is_moved(athena: Athena) -> None:
    athena.run("ALTER TABLE events ADD PARTITION (dt = 'a', hour = 1)")
    move = "ALTER TABLE events PARTITION (dt = '{}', hour = 1) SET LOCATION 's3://lake/moved/'"
    athena.run(move.format("a"))
    assert athena.partitions("events") == {("a", "1"): "s3://lake/moved/"}
    assert "Partition not found" in athena.failure(move.format("b"))


def test_a_table_without_keys_has_no_partitions(athena: Athena) -> None:
    athena.run("CREATE EXTERNAL TABLE plain (n int) LOCATION 's3://lake/plain/'")
    assert "is not a partitioned table" in athena.failure("SHOW PARTITIONS plain")
    assert "is not a partitioned table" in athena.failure("MSCK REPAIR TABLE plain")
    with pytest.raises(ClientError, match="Expecting: identifier"):
        athena.start("SHOW PARTITIONS")
