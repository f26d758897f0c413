"""MERGE INTO Iceberg tables."""

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


@pytest.fixture
def orders(athena: Athena) -> Athena:
    """Three orders on two days."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, 10, 'placed'), "
        "('b', DATE '2026-01-01', 2, 20, 'placed'), ('c', DATE '2026-01-02', 3, 30, 'placed')"
    )
    return athena


@pytest.mark.behaviour(
    "athena",
    "MERGE updates, deletes and inserts in one snapshot, and tells how many rows that were.",
)
def test_a_merge_updates_deletes_and_inserts(orders: Athena) -> None:
    answer = orders.answer(
        "MERGE INTO orders AS t USING (VALUES ('a', DATE '2026-01-01', 7, 'paid'), "
        "('b', DATE '2026-01-01', 0, 'gone'), ('d', DATE '2026-01-03', 4, 'placed')) "
        "AS s (id, day, quantity, status) ON t.id = s.id AND t.day = s.day "
        "WHEN MATCHED AND s.status = 'gone' THEN DELETE "
        "WHEN MATCHED THEN UPDATE SET quantity = s.quantity + t.quantity, status = s.status "
        "WHEN NOT MATCHED THEN INSERT (id, day, quantity, price) "
        "VALUES (s.id, s.day, s.quantity, 5)"
    )

    assert answer["UpdateCount"] == 3
    assert iceberg.rows(orders) == [
        ("a", date(2026, 1, 1), 8, Decimal("10.0000"), "paid"),
        ("c", date(2026, 1, 2), 3, Decimal("30.0000"), "placed"),
        ("d", date(2026, 1, 3), 4, Decimal("5.0000"), None),
    ]
    assert iceberg.operations(orders) == ["append", "overwrite"]
