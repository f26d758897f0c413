"""What merging means: silver is the same whatever the order, the number and the size of steps."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws
from salesflow.merges import Watermark, partition_condition
from salesflow.queries import Row

NEXT_DAY = "2026-03-05"
YESTERDAY = "2026-03-03"
NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    lake = ChangelogLake(local_aws)
    lake.declare()
    return lake


def silver(lake: ChangelogLake, columns: str, where: str = "true") -> list[Row]:
    return lake.query(f"SELECT {columns} FROM orders WHERE {where} ORDER BY orderid")


def time_of(text: str | None) -> datetime | None:
    """A time as Athena prints it, with whatever digits."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC) if text else None


def test_the_newest_sequence_number_wins_whatever_the_order_of_arrival(lake: ChangelogLake) -> None:
    # As text, 99 would be greater than 100.
    lake.arrive(change("a", 100, status="shipped"), change("a", 99, status="paid"))
    lake.merge()
    lake.arrive(change("a", 98, status="placed"), dt=NEXT_DAY)
    lake.merge()
    assert lake.current("orderid, status") == [("a", "shipped")]


def test_a_repeated_change_counts_once(lake: ChangelogLake) -> None:
    row = change("a", 1, "INSERT")
    lake.arrive(row, row)
    lake.merge()
    lake.arrive(row, dt=NEXT_DAY)
    assert lake.merge() == []
    assert lake.current("orderid, quantity * price") == [("a", "999.0000")]


def test_a_removed_order_is_hidden_and_a_late_duplicate_does_not_bring_it_back(
    lake: ChangelogLake,
) -> None:
    lake.arrive(change("a", 1, "INSERT"), change("a", 2, "REMOVE", status="cancelled"))
    lake.merge()
    lake.arrive(change("a", 1, "INSERT"), dt=NEXT_DAY)
    lake.merge()
    assert lake.current("orderid") == []
    assert silver(lake, "orderid, is_deleted, status, quantity") == [
        ("a", "true", "cancelled", "2")
    ]


def test_a_removal_that_comes_first_is_not_undone_by_what_was_before(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 3, "REMOVE"))
    lake.merge()
    lake.arrive(change("a", 1, "INSERT"), change("a", 2))
    lake.merge()
    assert lake.current("orderid") == []


def test_an_order_that_is_placed_again_after_its_removal_exists(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT"), change("a", 2, "REMOVE"))
    lake.merge()
    lake.arrive(change("a", 3, "INSERT", quantity=7))
    lake.merge()
    assert lake.current("orderid, quantity") == [("a", "7")]


def test_of_changes_made_anew_with_one_number_the_last_wins(lake: ChangelogLake) -> None:
    first = change("a", 5, event_id="z", status="paid", creation_time=NOON)
    second = change("a", 5, event_id="b", status="shipped", creation_time=NOON + 60)
    for rows in ([second], [first], [first, second]):
        lake.arrive(*rows)
        lake.merge()
        assert lake.current("status") == [("shipped",)]


def test_an_order_without_time_is_dated_by_its_first_change(lake: ChangelogLake) -> None:
    later = NOON + 86_400
    lake.arrive(change("a", 1, "INSERT", order_ts=None), change("b", 1, "INSERT", order_ts="soon"))
    lake.arrive(change("a", 2, order_ts=None, creation_time=later), dt=NEXT_DAY)
    for partition in reversed(lake.partitions):
        lake.merge([partition])
    assert lake.current("orderid, order_ts, order_date") == [("a", None, DAY), ("b", None, DAY)]
    [[first, last]] = silver(lake, "first_changed_at, changed_at", "orderid = 'a'")
    assert (time_of(first), time_of(last)) == (
        datetime(2026, 3, 4, 12, 0, 1, tzinfo=UTC),
        datetime(2026, 3, 5, 12, tzinfo=UTC),
    )


def test_an_earlier_change_that_comes_late_changes_the_date_and_nothing_else(
    lake: ChangelogLake,
) -> None:
    lake.arrive(change("a", 2, order_ts=None, status="paid"), change("b", 2, status="paid"))
    lake.merge()
    day_before = NOON - 86_400
    lake.arrive(
        change("a", 1, "INSERT", order_ts=None, creation_time=day_before, status="placed"),
        change("b", 1, "INSERT", creation_time=day_before, status="placed"),
        dt=YESTERDAY,
    )
    lake.merge([(YESTERDAY, "12")])
    assert lake.current("orderid, status, order_date") == [
        ("a", "paid", YESTERDAY),
        ("b", "paid", DAY),
    ]


def test_an_order_whose_time_is_changed_moves_to_its_new_day(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT"))
    lake.merge()
    lake.arrive(change("a", 2, order_ts="2026-02-01T00:00:00Z"))
    assert lake.merge() == ["2026-02-01"]
    assert lake.current("orderid, order_date") == [("a", "2026-02-01")]


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2026-03-04T01:30:00-05:00", "2026-03-04 06:30"),
        ("2026-03-03T23:30:00.123456-01:00", "2026-03-04 00:30:00.123456"),
        ("2026-03-04T10:00:00.123456789Z", "2026-03-04 10:00:00.123456"),
        ("2026-03-04T10:00", "2026-03-04 10:00"),
        ("2026-03-04", "2026-03-04 00:00"),
        ("2026-02-30T10:00:00Z", None),
        ("yesterday", None),
        ("20260304T100000Z", None),
        ("0000-02-03T00:00:00Z", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("9999-12-31T23:59:59-14:00", None),
    ],
)
def test_times_are_utc_to_the_microsecond_or_none(
    lake: ChangelogLake, text: str, time: str | None
) -> None:
    lake.arrive(change("a", 1, "INSERT", order_ts=text))
    lake.merge()
    [[order_ts, order_date]] = lake.current("order_ts, order_date")
    assert (time_of(order_ts), order_date) == (time_of(time), DAY)


def test_rows_that_break_a_rule_are_not_merged_and_their_neighbours_are(
    lake: ChangelogLake,
) -> None:
    lake.arrive(
        change("good", 1, "INSERT"),
        change("good", 2, price=None),
        change("", 3, "INSERT"),
        change("b", 4, "UPSERT"),
        change("c", 5, "INSERT", sequence_number=None),
        change("d", 6, "INSERT", creation_time=None),
        change("gone", 7, "REMOVE", price=None, quantity=None, product_name=None),
    )
    lake.merge()
    assert silver(lake, "orderid, last_event_id") == [("gone", "gone-7"), ("good", "good-1")]


def test_what_is_not_known_is_kept_in_attributes(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT", attributes='{"gift":true}'))
    lake.merge()
    assert lake.current("json_extract_scalar(attributes, '$.gift')") == [("true",)]


def many_days(number: int) -> list[dict[str, Any]]:
    """One order for each of as many days, the last of them today."""
    days = [NOW - timedelta(days=back) for back in range(number)]
    return [change(f"o{n:03}", n + 1, "INSERT", order_ts=d.isoformat()) for n, d in enumerate(days)]


def test_more_days_than_a_statement_may_write_to_are_merged_in_several(
    lake: ChangelogLake,
) -> None:
    lake.arrive(*many_days(120))
    assert len(lake.merge()) == 120
    assert lake.query("SELECT count(*), count(DISTINCT order_date) FROM orders") == [("120", "120")]


def test_a_merge_that_ended_halfway_is_finished_by_doing_it_again(lake: ChangelogLake) -> None:
    lake.arrive(*many_days(9), change("o008", 50, order_ts=None))
    found = lake.everything()
    lake.run("silver/merge_orders", new_partitions=found, until="2026-02-27")
    assert lake.query("SELECT count(*) FROM orders") == [("3",)]
    assert len(lake.merge(at_once=3)) == 5
    assert lake.query("SELECT count(*), count(DISTINCT orderid) FROM orders") == [("9", "9")]


def test_an_order_is_written_once_though_its_days_are_cut_apart(lake: ChangelogLake) -> None:
    lake.arrive(*many_days(6))
    lake.merge()
    lake.arrive(
        change("o000", 90, order_ts=NOW.replace(day=1, month=1).isoformat()),
        change("o005", 91, order_ts=None),
        *many_days(6),
    )
    lake.merge(at_once=1)
    assert silver(lake, "orderid, order_date", "orderid IN ('o000', 'o005')") == [
        ("o000", "2026-01-01"),
        ("o005", DAY),
    ]
    assert lake.query("SELECT count(*) FROM orders") == [("6",)]


def test_counting_names_no_date_of_orders_of_which_nothing_is_new(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT"), change("a", 2), change("b", 3, "INSERT"))
    found = lake.everything()
    assert lake.run("silver/find_order_dates", new_partitions=found) == [(DAY, "2", "3", None)]
    lake.merge()
    assert lake.run("silver/find_order_dates", new_partitions=found) == [(None, "2", "3", None)]


def test_counting_names_the_dates_that_orders_move_from(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT"))
    lake.merge()
    lake.arrive(change("a", 2, order_ts="2026-03-02T10:00:00Z"), hour="13")
    found = partition_condition([(DAY, "13")])
    assert lake.run("silver/find_order_dates", new_partitions=found) == [
        ("2026-03-02", "1", "1", DAY)
    ]


def test_only_the_given_partitions_are_read(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT"))
    lake.arrive(change("b", 2, "INSERT"), hour="13")
    lake.merge([(DAY, "13")])
    assert lake.current("orderid") == [("b",)]


def test_a_finished_merge_moves_the_watermark_and_no_other_does(lake: ChangelogLake) -> None:
    def record(newest: str, complete_until: str) -> None:
        lake.run(
            "silver/record_merge",
            newest=f"TIMESTAMP '{newest}'",
            complete_until=f"TIMESTAMP '{complete_until}'",
            first_dt=f"'{DAY}'",
            last_dt="NULL",
            merged={"changes": 1, "orders": 1},
        )

    assert lake.run("silver/read_watermark") == [(None, None, "0")]
    lake.arrive(change("a", 1, "INSERT"))
    lake.merge()
    assert lake.run("silver/read_watermark") == [(None, None, "1")]
    record("2026-03-04 12:00:00", "2026-03-04 12:10:00.5")
    record("2026-03-04 12:05:00", "2026-03-04 12:00:00")
    [row] = lake.run("silver/read_watermark")
    assert Watermark.of(row) == Watermark(
        newest=datetime(2026, 3, 4, 12, 5, tzinfo=UTC),
        complete_until=datetime(2026, 3, 4, 12, 10, 0, 500_000, tzinfo=UTC),
    )


def report(lake: ChangelogLake, name: str, day: str = DAY) -> list[Row]:
    lake.merge()
    return lake.run(f"reports/{name}", day=day)


def test_a_report_counts_an_order_on_its_day_in_its_newest_state(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "INSERT", quantity=1), change("b", 1, "INSERT"))
    lake.arrive(change("a", 2, quantity=5), change("b", 2, "REMOVE"), dt="2026-03-06")
    assert report(lake, "sales_by_channel") == [("", "1", "5", "2497.5000", "1", "5", "2497.5000")]
    assert report(lake, "sales_by_channel", "2026-03-06") == []


def test_a_change_of_an_older_order_without_time_is_no_order_of_the_day(
    lake: ChangelogLake,
) -> None:
    before = NOON - 3 * 86_400
    lake.arrive(change("a", 1, "INSERT", order_ts=None, creation_time=before), dt="2026-03-01")
    lake.merge()
    lake.arrive(change("a", 2, order_ts=None), change("b", 1, "INSERT", order_ts=None))
    assert [row[0] for row in report(lake, "orders")] == ["b"]


def test_the_orders_over_100_are_the_ten_newest(lake: ChangelogLake) -> None:
    prices = [100, 100.01, *(200 for _ in range(11))]
    lake.arrive(*(change(f"o{n:02}", 1, "INSERT", price=p) for n, p in enumerate(prices)))
    assert [row[0] for row in report(lake, "orders_over_100")] == [
        f"o{n:02}" for n in range(12, 2, -1)
    ]


def test_products_are_counted_and_named(lake: ChangelogLake) -> None:
    lake.run("reference/products")
    names = ["Phone", "Charger", "Phone", "Flux capacitor"]
    lake.arrive(*(change(f"o{n}", 1, "INSERT", product_name=p) for n, p in enumerate(names)))
    [row] = report(lake, "unique_products")
    assert row == ("3", "Charger, Flux capacitor, Phone", "1", "Flux capacitor")
