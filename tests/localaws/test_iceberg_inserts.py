"""INSERT INTO Iceberg tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.mark.behaviour(
    "athena",
    "INSERT INTO an Iceberg table writes Parquet files by partition and appends one snapshot.",
)
def test_inserted_rows_are_in_their_partitions(athena: Athena) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})

    execution = athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, DECIMAL '9.99', 'paid'), "
        "('b', DATE '2026-01-02', 2, 5, NULL), ('c', NULL, NULL, NULL, 'paid')"
    )

    assert iceberg.rows(athena) == [
        ("a", date(2026, 1, 1), 1, Decimal("9.9900"), "paid"),
        ("b", date(2026, 1, 2), 2, Decimal("5.0000"), None),
        ("c", None, None, None, "paid"),
    ]
    assert iceberg.operations(athena) == ["append"]
    found = [path.split("/")[-2] for path in iceberg.files(athena)]
    assert found == ["day=2026-01-01", "day=2026-01-02", "day=null"]
    manifest = athena.text(execution["Statistics"]["DataManifestLocation"]).splitlines()
    assert sorted(manifest) == iceberg.files(athena)
