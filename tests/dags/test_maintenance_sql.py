"""Compaction and expiry, on tables as the ingestion leaves them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from changelog_lake import ChangelogLake, Remembered, change
from localaws.server import LocalAws
from salesflow.maintenance import checksum_statement, compact, iceberg_tables, vacuum
from salesflow.patience import Patience
from salesflow.queries import Answer, Row, ask


class Lake(ChangelogLake):
    """Silver after several ingestions."""

    later = timedelta(0)

    def ask(self, sql: str) -> Answer:
        """Run a statement, `later` from now."""

        def turn(_: float) -> None:
            self.local_aws.step(datetime.now(UTC) + self.later)

        patience = Patience(timeout=30, interval=0, sleep=turn)
        return ask(self.athena, sql, database="sales", workgroup="sales", patience=patience)

    def snapshots(self, table: str = "orders") -> list[Row]:
        return self.query(
            f'SELECT CAST(snapshot_id AS varchar), operation FROM "{table}$snapshots" '
            "ORDER BY committed_at"
        )

    def rows(self) -> list[Row]:
        return self.query("SELECT * FROM orders ORDER BY orderid")


@pytest.fixture(scope="module")
def made_before() -> list[Remembered]:
    """The lake once it was made: that of each test is the same at first."""
    return []


@pytest.fixture
def lake(local_aws: LocalAws, made_before: list[Remembered]) -> Lake:
    """Six ingestions of new orders, and then a change and a removal."""
    lake = Lake(local_aws)
    for made in made_before:
        lake.recall(made)
        return lake
    lake.declare()
    for hour in range(6):
        lake.arrive(change(f"{hour}", 100 + hour, "INSERT"), hour=f"{hour:02}")
        lake.merge([lake.partitions[-1]])
    lake.arrive(change("0", 300, "REMOVE"), change("1", 301, status="paid"), hour="06")
    lake.merge([lake.partitions[-1]])
    made_before.append(lake.remember())
    return lake


def test_fewer_files_hold_the_same_rows(lake: Lake) -> None:
    before = lake.rows()
    compaction = compact(lake.ask, "orders")
    assert lake.rows() == before
    assert len(before) == 6
    assert (compaction.rows, compaction.snapshots, compaction.files_after) == (6, 1, 1)
    assert compaction.files_before > 1
    assert compact(lake.ask, "orders").snapshots == 0


def test_a_checksum_is_that_of_the_rows_in_any_files(lake: Lake) -> None:
    *_, (before, _) = lake.snapshots()
    compact(lake.ask, "orders")
    *_, (after, operation) = lake.snapshots()
    assert operation == "replace"
    columns = ["orderid", "price", "is_deleted", "order_ts"]
    [compacted] = lake.query(checksum_statement("orders", columns, after))
    assert [compacted] == lake.query(checksum_statement("orders", columns, before))
    lake.query("UPDATE orders SET price = DECIMAL '499.5001' WHERE orderid = '1'")
    *_, (altered, _) = lake.snapshots()
    [(count, checksum)] = lake.query(checksum_statement("orders", columns, altered))
    assert count == compacted[0]
    assert checksum != compacted[1]


def test_what_changes_merges_into_a_compacted_table(lake: Lake) -> None:
    compact(lake.ask, "orders")
    lake.arrive(change("1", 400, status="shipped"), hour="07")
    lake.merge([lake.partitions[-1]])
    assert lake.query("SELECT status FROM orders WHERE orderid = '1'") == [("shipped",)]
    assert lake.query("SELECT count(*) FROM orders") == [("6",)]


def test_old_snapshots_go_and_the_rows_stay(lake: Lake) -> None:
    before = lake.rows()
    compact(lake.ask, "orders")
    snapshots = lake.snapshots()
    vacuum(lake.ask, "orders")
    assert lake.snapshots() == snapshots
    lake.later = timedelta(days=6)
    vacuum(lake.ask, "orders")
    assert lake.snapshots() == snapshots[-1:]
    assert lake.rows() == before


def test_every_iceberg_table_is_found(lake: Lake) -> None:
    assert set(iceberg_tables(lake.glue, "sales")) >= {"orders", "merges"}
