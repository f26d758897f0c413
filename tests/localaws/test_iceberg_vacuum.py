"""VACUUM of Iceberg tables."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
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
