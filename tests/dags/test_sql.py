"""What the checks of the changelog mean, on rows as Firehose may deliver them."""

from __future__ import annotations

import pytest

from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    return ChangelogLake(local_aws)


def test_changes_are_counted_once_and_within_their_time(lake: ChangelogLake) -> None:
    row = change("a", 10, "INSERT")
    lake.arrive(row, row, change("a", 20), change("a", 31))
    counted = lake.run(
        "count_changes", first_day=DAY, first_second=NOON + 10, last_second=NOON + 30
    )
    assert counted == [("2",)]
