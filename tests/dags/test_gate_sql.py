"""What the queries of the gate find, on rows as they may lie in bronze."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws
from salesflow.merges import partition_condition, timestamp_literal
from salesflow.quality import VOLUME_DAYS, VOLUME_HOURS, Outcome

OF_RUN = {"new_partitions": partition_condition([(DAY, "12")]), "since_second": 0}


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    lake = ChangelogLake(local_aws)
    for table in ("create_check_results", "create_rows_set_aside"):
        lake.run(f"gate/{table}")
    return lake


def broken(lake: ChangelogLake) -> int:
    [(found, _, _)] = lake.run("gate/check_rows", **OF_RUN)
    return int(found or 0)


def test_good_rows_pass_and_those_since_the_last_merge_are_counted(lake: ChangelogLake) -> None:
    old, new = change("a", 1, "INSERT"), change("a", 50)
    lake.arrive(old, new, new, change("b", 51, "REMOVE"))
    assert lake.run("gate/check_rows", **OF_RUN | {"since_second": NOON + 50}) == [("0", "3", "2")]


def test_a_partition_of_an_empty_object_passes(lake: ChangelogLake) -> None:
    lake.arrive()
    assert lake.run("gate/check_rows", **OF_RUN) == [("0", "0", "0")]


def test_no_new_partitions_pass(lake: ChangelogLake) -> None:
    lake.arrive(change("", 1))
    none = {"new_partitions": partition_condition([])}
    assert lake.run("gate/check_rows", **OF_RUN | none) == [("0", "0", "0")]


def test_faulty_rows_are_counted_and_named_with_their_object(lake: ChangelogLake) -> None:
    uri = lake.arrive(
        change("good", 1, "INSERT"),
        *(change(f"free{n}", n, price=0) for n in range(9)),
        change("b", 4, "INSERT", price=None),
        change("gone", 5, "REMOVE", price=None, quantity=0, product_name=None),
    )
    assert broken(lake) == 10
    named = lake.run("gate/name_rows", **OF_RUN)
    assert named[0] == ("price is missing", "1", "b", "b-4", uri)
    assert [row[:4] for row in named[1:]] == [
        ("price is not more than 0", "9", f"free{n}", f"free{n}-{n}") for n in range(5)
    ]


def test_rows_of_other_partitions_are_not_judged(lake: ChangelogLake) -> None:
    lake.arrive(change("", 1, "INSERT"), hour="11")
    lake.arrive(change("good", 1, "INSERT"))
    assert broken(lake) == 0


def test_rows_that_are_set_aside_stop_nothing_and_are_recorded(lake: ChangelogLake) -> None:
    row = change("free", 1, price=0)
    nobody = {"price": -1, "event_type": "INSERT"}
    uri = lake.arrive(row, row, nobody, change("good", 1, "INSERT"))
    assert broken(lake) == 3
    lake.run("gate/set_aside_rows", **OF_RUN)
    lake.run("gate/set_aside_rows", **OF_RUN)
    assert broken(lake) == 0
    assert lake.query(
        "SELECT orderid, event_id, problem, path, run_id FROM rows_set_aside ORDER BY orderid DESC"
    ) == [
        ("free", "free-1", "price is not more than 0", uri, "manual__2026"),
        ("", "", "orderid is missing", uri, "manual__2026"),
    ]


def test_what_is_set_aside_excuses_no_other_row(lake: ChangelogLake) -> None:
    lake.arrive(change("free", 1, price=0))
    lake.run("gate/set_aside_rows", **OF_RUN)
    lake.arrive(change("free", 1, price=0))
    lake.arrive(change("free", 2, price=0), change("a", 1, quantity=0))
    assert broken(lake) == 3


@pytest.fixture
def quarantine(lake: ChangelogLake) -> ChangelogLake:
    lake.run("quarantine/quarantined_records")
    for hour, arrived in (("11", NOON - 60), ("12", NOON), ("12", NOON + 1)):
        failed = {"arrivaltimestamp": arrived * 1000, "rawdata": "e30="}
        lake.s3.put_object(
            Bucket="lake",
            Key=f"errors/orders_changelog/processing-failed/dt={DAY}/hour={hour}/{arrived}",
            Body=json.dumps(failed).encode() + b"\n",
        )
    return lake


@pytest.mark.parametrize(
    ("since", "new_rows", "rate"),
    [(0, 3, ("0.5", "3", "6")), (NOON, 38, ("0.05", "2", "40")), (NOON + 9, 0, ("0.0", "0", "0"))],
)
def test_the_rate_is_that_of_what_came_since_the_last_merge(
    quarantine: ChangelogLake, since: int, new_rows: int, rate: tuple[str, ...]
) -> None:
    [found] = quarantine.run(
        "gate/check_quarantine", new_rows=new_rows, first_day="2026-03-03", since_second=since
    )
    assert found == rate


def merged(lake: ChangelogLake, *, days_ago: int, hours_ago: float, orders: int) -> None:
    """There was a merge, of so many orders."""
    at = datetime.now(UTC) - timedelta(days=days_ago, hours=hours_ago)
    lake.query(
        f"INSERT INTO merges (merged_at, changes, orders) "
        f"VALUES ({timestamp_literal(at)}, {orders}, {orders})"
    )


@pytest.fixture
def usual(lake: ChangelogLake) -> ChangelogLake:
    """A lake of which it is known how much is usual: 100 orders."""
    lake.run("silver/create_merges")
    for days_ago, orders in ((1, 90), (2, 100), (3, 5000), (5, 100), (VOLUME_DAYS, 110)):
        merged(lake, days_ago=days_ago, hours_ago=1, orders=orders // 2)
        merged(lake, days_ago=days_ago, hours_ago=VOLUME_HOURS - 0.5, orders=orders // 2)
        merged(lake, days_ago=days_ago, hours_ago=VOLUME_HOURS + 1, orders=7777)
    merged(lake, days_ago=VOLUME_DAYS + 1, hours_ago=1, orders=7777)
    return lake


def test_volume_is_that_of_the_same_hours_of_the_days_before(usual: ChangelogLake) -> None:
    merged(usual, days_ago=0, hours_ago=1, orders=20)
    assert usual.run("gate/check_volume", new_orders=30) == [("0.5", "50", "100.0")]


def test_no_orders_at_all_are_noticed(usual: ChangelogLake) -> None:
    assert usual.run("gate/check_volume", new_orders=0) == [("0.0", "0", "100.0")]


def test_nothing_is_usual_that_was_seen_on_few_days(lake: ChangelogLake) -> None:
    lake.run("silver/create_merges")
    assert lake.run("gate/check_volume", new_orders=5) == [("1.0", "5", None)]
    for days_ago in (1, 2, 3):
        merged(lake, days_ago=days_ago, hours_ago=1, orders=1000)
    assert lake.run("gate/check_volume", new_orders=5)[0][0] == "1.0"


def test_results_are_recorded_whatever_their_text(lake: ChangelogLake) -> None:
    results = [
        Outcome("row_price", "blocking", False, 2, 'it\'s "free";\n-- 100 % {{ off }}'),
        Outcome("volume", "warning", True, 0, "x" * 5000),
    ]
    lake.run("gate/record_checks", results=results)
    recorded: list[Any] = lake.query(
        "SELECT run_id, check_name, severity, outcome, found, sample FROM check_results "
        "WHERE checked_at > current_timestamp - INTERVAL '1' HOUR ORDER BY check_name"
    )
    assert recorded[0] == (
        *("manual__2026", "row_price", "blocking", "failed", "2"),
        'it\'s "free";\N{REPLACEMENT CHARACTER}-- 100 % {{ off }}',
    )
    assert recorded[1][:5] == ("manual__2026", "volume", "warning", "passed", "0")
    assert len(recorded[1][5]) == 2000
