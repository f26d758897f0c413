"""Which partitions a merge reads, and in how many statements it writes."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from salesflow.merges import (
    Watermark,
    cuts,
    listing,
    new_partitions,
    partition_condition,
    timestamp_literal,
)

WATERMARK = datetime(2026, 3, 4, 12, 30, tzinfo=UTC)
FOLDER = "bronze/orders_changelog/"


def placed(key: str, minutes: float) -> dict[str, Any]:
    """An object that came so many minutes after the watermark."""
    return {"Key": f"{FOLDER}{key}", "LastModified": WATERMARK + timedelta(minutes=minutes)}


def test_only_partitions_with_objects_after_the_watermark_are_read() -> None:
    found = new_partitions(
        [
            placed("dt=2026-03-04/hour=11/a.gz", -60),
            placed("dt=2026-03-04/hour=12/b.gz", -10),
            placed("dt=2026-03-04/hour=12/c.gz", 1),
            placed("dt=2026-03-05/hour=00/d.gz", 3),
        ],
        WATERMARK,
        None,
    )
    assert found == (
        [("2026-03-04", "12"), ("2026-03-05", "00")],
        WATERMARK + timedelta(minutes=3),
    )


def test_an_object_that_came_late_into_an_old_folder_is_new() -> None:
    [partition], _ = new_partitions([placed("dt=2026-03-03/hour=13/late.gz", 1)], WATERMARK, None)
    assert partition == ("2026-03-03", "13")


def test_an_object_that_was_uploaded_while_the_newest_one_came_is_new() -> None:
    partitions, _ = new_partitions([placed("dt=2026-03-04/hour=12/slow.gz", -4)], WATERMARK, None)
    assert partitions == [("2026-03-04", "12")]


def test_without_watermark_everything_is_new() -> None:
    partitions, newest = new_partitions([placed("dt=2020-01-01/hour=00/a.gz", -9999)], None, None)
    assert partitions == [("2020-01-01", "00")]
    assert newest == WATERMARK - timedelta(minutes=9999)


def test_what_arrived_since_a_given_day_is_read_again() -> None:
    objects = [placed(f"dt=2026-02-{day}/hour=00/a.gz", -9999) for day in (9, 10, 11)]
    objects += [placed("dt=2026-03-04/hour=12/c.gz", 1)]
    objects[0]["Key"] = f"{FOLDER}dt=2026-02-09/hour=00/a.gz"
    partitions, _ = new_partitions(objects, WATERMARK, date(2026, 2, 10))
    assert partitions == [("2026-02-10", "00"), ("2026-02-11", "00"), ("2026-03-04", "12")]


@pytest.mark.parametrize(
    "key",
    [
        "stray.json",
        "dt=2026-03-04/stray.json",
        "dt=2026-03-04/hour=12/",
        "dt=2026-03-04/hour=12/_SUCCESS",
        "dt=2026-03-04/hour=12/.hidden",
        "dt=today'/hour=12/a.gz",
    ],
)
def test_what_athena_does_not_read_makes_nothing_new(key: str) -> None:
    assert new_partitions([placed(key, 1)], WATERMARK, None) == ([], None)


def test_listing_begins_a_day_before_the_watermark_since_firehose_retries_that_long() -> None:
    assert listing("lake", WATERMARK, None) == {
        "Bucket": "lake",
        "Prefix": FOLDER,
        "StartAfter": f"{FOLDER}dt=2026-03-03/",
    }
    just_after_midnight = WATERMARK.replace(hour=0)
    assert listing("lake", just_after_midnight, None)["StartAfter"] == f"{FOLDER}dt=2026-03-02/"


def test_listing_begins_at_the_day_from_which_all_is_read_again() -> None:
    since = date(2026, 1, 1)
    assert listing("lake", WATERMARK, since)["StartAfter"] == f"{FOLDER}dt=2026-01-01/"
    assert listing("lake", WATERMARK, date(2026, 3, 4)) == listing("lake", WATERMARK, None)


def test_without_watermark_all_is_listed() -> None:
    assert "StartAfter" not in listing("lake", None, date(2026, 1, 1))


def test_partitions_are_selected_by_day_and_hour() -> None:
    assert partition_condition(
        [("2026-03-04", "12"), ("2026-03-04", "13"), ("2026-03-05", "00")]
    ) == (
        "((dt = '2026-03-04' AND hour IN ('12', '13')) OR (dt = '2026-03-05' AND hour IN ('00')))"
    )


def test_very_many_partitions_are_selected_by_their_first_and_last_day() -> None:
    many = [(f"2026-01-{day:02}", f"{hour:02}") for day in range(1, 31) for hour in range(24)]
    assert partition_condition(many) == "dt BETWEEN '2026-01-01' AND '2026-01-30'"


def test_no_partition_is_a_condition_too() -> None:
    assert partition_condition([]) == "dt IS NULL"


def days(number: int) -> list[str]:
    return [(date(2026, 1, 1) + timedelta(days=day)).isoformat() for day in range(number)]


@pytest.mark.parametrize("number", [0, 1, 50])
def test_few_order_dates_are_one_statement(number: int) -> None:
    assert list(cuts(days(number))) == [None]


def test_many_order_dates_are_cut_and_the_last_statement_takes_what_is_left() -> None:
    assert list(cuts(days(101))) == ["2026-02-19", "2026-04-10", None]
    assert list(cuts(days(100))) == ["2026-02-19", None]


def test_the_watermark_is_in_utc() -> None:
    watermark = Watermark.of(["2026-03-04 12:30:00.000000", "2026-03-04 12:31:00.500000", "7"])
    assert watermark.newest == WATERMARK
    assert watermark.complete_until == WATERMARK.replace(minute=31, microsecond=500_000)


def test_nothing_was_merged_where_nothing_was_noted() -> None:
    assert Watermark.of([None, None, "7"]) == Watermark(None, None)


def test_nothing_was_merged_into_a_table_without_orders_whatever_was_noted() -> None:
    row = ["2026-03-04 12:30:00.000000", "2026-03-04 12:31:00.000000", "0"]
    assert Watermark.of(row) == Watermark(None, None)


def test_times_are_written_as_silver_has_them() -> None:
    zoned = WATERMARK.astimezone(None)
    assert timestamp_literal(zoned) == "TIMESTAMP '2026-03-04 12:30:00.000000'"
    assert timestamp_literal(None) == "CAST(NULL AS timestamp(6))"
