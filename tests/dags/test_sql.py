"""What the checks of the changelog mean, on rows as Firehose may deliver them."""

from __future__ import annotations

import pytest

from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    return ChangelogLake(local_aws)


def test_faulty_rows_are_named_with_their_object(lake: ChangelogLake) -> None:
    uri = lake.arrive(
        change("good", 1, "INSERT"),
        change("", 2, "INSERT"),
        change("a", 3, "UPSERT"),
        change("b", 4, "INSERT", price=None),
        change("gone", 5, "REMOVE", price=None, quantity=None, product_name=None),
        change("c", 6, "INSERT", sequence_number=None),
    )
    found = lake.run("check_rows", first_day="2026-03-03")
    assert sorted(str(row[0]) for row in found) == [
        "event_type",
        "no orderid",
        "no product_name, quantity or price",
        "no sequence_number",
    ]
    assert {row[-1] for row in found} == {uri}


def test_only_the_partitions_of_the_delivery_are_checked(lake: ChangelogLake) -> None:
    lake.arrive(change("", 1, "INSERT"), dt="2026-03-01")
    assert lake.run("check_rows", first_day="2026-03-03") == []


def test_changes_are_counted_once_and_within_their_time(lake: ChangelogLake) -> None:
    row = change("a", 10, "INSERT")
    lake.arrive(row, row, change("a", 20), change("a", 31))
    counted = lake.run(
        "count_changes", first_day=DAY, first_second=NOON + 10, last_second=NOON + 30
    )
    assert counted == [("2",)]
