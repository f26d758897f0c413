"""VACUUM of Iceberg tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
from aws_requests import Interception, intercept, json_error
from localaws.athena.iceberg import vacuuming
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def run_later(athena: Athena, sql: str, later: timedelta) -> None:
    """Run a statement when some time has gone by."""
    query_id = athena.start(sql)
    athena.local_aws.step(datetime.now(UTC) + later)
    assert athena.execution(query_id)["Status"]["State"] == "SUCCEEDED"


@pytest.mark.behaviour(
    "athena",
    "VACUUM removes snapshots older than vacuum_max_snapshot_age_seconds (5 days), and the files "
    "that only they needed.",
)
def test_old_snapshots_go_with_their_files(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, 10, 'placed')")
    (old,) = iceberg.files(athena)
    athena.run("UPDATE orders SET quantity = 2")
    rows = iceberg.rows(athena)

    run_later(athena, "VACUUM orders", timedelta(days=6))

    assert iceberg.operations(athena) == ["overwrite"]
    assert iceberg.rows(athena) == rows
    kept = [f"s3://lake/{key}" for key in athena.keys("tables/orders/data/")]
    assert kept == iceberg.files(athena)
    assert old not in kept


def keys(athena: Athena, folder: str) -> set[str]:
    return {key.rpartition("/")[2] for key in athena.keys(f"tables/orders/{folder}/")}


def names(uris: set[str]) -> set[str]:
    return {uri.rpartition("/")[2] for uri in uris}


@pytest.mark.behaviour(
    "athena", "VACUUM keeps young snapshots, and the files that time travel to them needs."
)
def test_young_snapshots_stay(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders (id, quantity) VALUES ('a', 1)")
    athena.run("UPDATE orders SET quantity = 2")
    before = keys(athena, "data"), keys(athena, "metadata")
    first = iceberg.opened(athena).metadata.snapshots[0].snapshot_id

    run_later(athena, "VACUUM orders", timedelta(days=4))

    assert (keys(athena, "data"), keys(athena, "metadata")) == before
    rows = athena.rows(f"SELECT quantity FROM orders FOR VERSION AS OF {first}")
    assert rows[1:] == [["1"]]


@pytest.mark.behaviour(
    "athena",
    "VACUUM keeps vacuum_min_snapshots_to_keep snapshots, however old; the age is "
    "vacuum_max_snapshot_age_seconds.",
)
def test_some_snapshots_are_kept_however_old(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run(
        "ALTER TABLE orders SET TBLPROPERTIES ('vacuum_min_snapshots_to_keep'='3', "
        "'vacuum_max_snapshot_age_seconds'='60')"
    )
    for number in range(5):
        athena.run(f"INSERT INTO orders (quantity) VALUES ({number})")
    ids = [snapshot.snapshot_id for snapshot in iceberg.opened(athena).metadata.snapshots]

    run_later(athena, "VACUUM orders", timedelta(minutes=2))

    kept = [snapshot.snapshot_id for snapshot in iceberg.opened(athena).metadata.snapshots]
    assert kept == ids[2:]
    assert len(iceberg.rows(athena)) == 5
    assert athena.failure(f"SELECT * FROM orders FOR VERSION AS OF {ids[0]}")


@pytest.mark.behaviour("athena", "VACUUM keeps the snapshots that branches and tags name.")
def test_tagged_snapshots_stay(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders (quantity) VALUES (1)")
    table = iceberg.opened(athena)
    tagged = table.metadata.current_snapshot_id
    assert tagged is not None
    table.manage_snapshots().create_tag(tagged, "audit").commit()
    athena.run("DELETE FROM orders")
    athena.run("INSERT INTO orders (quantity) VALUES (2)")

    run_later(athena, "VACUUM orders", timedelta(days=9))

    table = iceberg.opened(athena)
    assert table.metadata.snapshots[0].snapshot_id == tagged
    assert len(table.metadata.snapshots) == 2
    assert table.scan(snapshot_id=tagged).to_arrow().column("quantity").to_pylist() == [1]


@pytest.mark.behaviour(
    "athena",
    "VACUUM removes orphans of the table's data and metadata that are older than the age, and "
    "nothing else.",
)
def test_orphans_are_removed_when_they_are_old(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders (quantity) VALUES (1)")
    orphans = ["tables/orders/data/lost.parquet", "tables/orders/metadata/lost-m0.avro"]
    foreign = ["tables/orders/readme.txt", "tables/orders2/data/lost.parquet"]
    for key in (*orphans, *foreign):
        athena.put(key, "x")

    run_later(athena, "VACUUM orders", timedelta(days=4))
    assert set(orphans) <= set(athena.keys("tables/"))
    run_later(athena, "VACUUM orders", timedelta(days=6))

    left = athena.keys("tables/")
    assert not set(orphans) & set(left)
    assert set(foreign) <= set(left)
    assert len(iceberg.rows(athena)) == 1


@pytest.mark.behaviour(
    "athena",
    "VACUUM leaves of a table's metadata what its snapshots need, and "
    "vacuum_max_metadata_files_to_keep metadata files before the present one.",
)
def test_metadata_that_is_not_needed_goes(athena: Athena) -> None:
    iceberg.create(athena, properties={"write.metadata.previous-versions-max": "2"})
    for number in range(5):
        athena.run(f"INSERT INTO orders (quantity) VALUES ({number})")

    run_later(athena, "VACUUM orders", timedelta(days=6))

    table = iceberg.opened(athena)
    (snapshot,) = table.metadata.snapshots
    manifests = {manifest.manifest_path for manifest in snapshot.manifests(table.io)}
    log = {entry.metadata_file for entry in table.metadata.metadata_log}
    assert len(log) == 2
    needed = {table.metadata_location, snapshot.manifest_list, *manifests, *log}
    assert keys(athena, "metadata") == names(needed)
    assert len(iceberg.rows(athena)) == 5


@pytest.mark.behaviour(
    "athena",
    "A VACUUM removes 20,000 files at most, then fails with ICEBERG_VACUUM_MORE_RUNS_NEEDED.",
)
def test_many_files_take_several_runs(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vacuuming, "FILES", 3)
    iceberg.create(athena)
    for number in range(3):
        athena.run(f"INSERT INTO orders (quantity) VALUES ({number})")
    athena.run("UPDATE orders SET quantity = 9")
    later = datetime.now(UTC) + timedelta(days=6)

    for _ in range(9):
        query_id = athena.start("VACUUM orders")
        athena.local_aws.step(later)
        status = athena.execution(query_id)["Status"]
        if status["State"] == "SUCCEEDED":
            break
        assert status["StateChangeReason"].startswith("ICEBERG_VACUUM_MORE_RUNS_NEEDED: Removed 3")

    assert status["State"] == "SUCCEEDED"
    assert len(athena.keys("tables/orders/data/")) == 1
    assert [row[2] for row in iceberg.rows(athena)] == [9, 9, 9]


@pytest.mark.behaviour("athena", "VACUUM is for Iceberg tables; their names may be in backticks.")
def test_names_may_be_in_backticks(athena: Athena) -> None:
    iceberg.create(athena, "_orders")
    execution = athena.run("VACUUM `_orders`")
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "VACUUM")
    athena.run("CREATE TABLE plain AS SELECT 1 AS n")
    assert "only supported for Iceberg" in athena.failure("VACUUM plain")


@pytest.mark.behaviour(
    "athena", "A VACUUM that can't commit fails and removes nothing; it can be run again."
)
def test_a_vacuum_that_cannot_commit_removes_nothing(
    athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    iceberg.create(athena)
    athena.run("INSERT INTO orders (quantity) VALUES (1)")
    athena.run("UPDATE orders SET quantity = 2")
    before = athena.keys("tables/")
    fault = Interception(
        lambda request: request.operation == "UpdateTable",
        answer=json_error("AccessDeniedException"),
    )
    intercept(monkeypatch, "glue", fault)

    query_id = athena.start("VACUUM orders")
    athena.local_aws.step(datetime.now(UTC) + timedelta(days=6))

    assert athena.execution(query_id)["Status"]["State"] == "FAILED"
    assert set(before) <= set(athena.keys("tables/"))
    run_later(athena, "VACUUM orders", timedelta(days=6))
    assert len(athena.keys("tables/orders/data/")) == 1
