"""OPTIMIZE … REWRITE DATA USING BIN_PACK."""

from __future__ import annotations

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
from localaws.server import LocalAws

OPTIMIZE = "OPTIMIZE orders REWRITE DATA USING BIN_PACK"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.fixture
def scattered(athena: Athena) -> Athena:
    """Six files on one day, two on another."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    for number in range(6):
        athena.run(f"INSERT INTO orders VALUES ('{number}', DATE '2026-01-01', 1, 10, 'placed')")
    for number in range(2):
        athena.run(f"INSERT INTO orders VALUES ('b{number}', DATE '2026-01-02', 1, 10, 'placed')")
    return athena


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE … REWRITE DATA USING BIN_PACK brings a partition's small files together, if they "
    "are optimize_rewrite_data_file_threshold or more (5); the rows stay the same.",
)
def test_small_files_are_brought_together(scattered: Athena) -> None:
    before = iceberg.rows(scattered)

    execution = scattered.run(OPTIMIZE)

    assert iceberg.rows(scattered) == before
    days = [path.split("/")[-2] for path in iceberg.files(scattered)]
    assert days == ["day=2026-01-01", "day=2026-01-02", "day=2026-01-02"]
    assert iceberg.operations(scattered)[-1] == "replace"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "OPTIMIZE")
    assert execution["Statistics"]["DataScannedInBytes"] > 0
