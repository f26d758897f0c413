"""When all that was written has been delivered, by what lies in S3 alone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from salesflow.deliveries import Arrivals, Pace, arrivals, listing, missing, pace_of

PACE = Pace(intervals=120, margin=30)
WRITTEN = datetime(2026, 3, 4, 12, 0, 0, 900_000, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return WRITTEN.replace(microsecond=0) + timedelta(seconds=seconds)


def still_missing(newest: float | None, now: float, *, announced: bool = True) -> str | None:
    found = Arrivals(1, 0, None if newest is None else after(newest))
    return missing(found, PACE, written_until=WRITTEN, announced=announced, now=after(now))


def test_an_object_after_the_last_write_and_then_quiet_mean_delivered() -> None:
    assert still_missing(newest=60, now=60 + 150) is None


def test_an_object_alone_does_not_mean_delivered() -> None:
    assert still_missing(newest=60, now=60 + 149) == "150 s without a new object"


def test_quiet_alone_does_not_mean_delivered() -> None:
    assert "an object that came after 2026-03-04T12:00:00" in str(
        still_missing(newest=-500, now=1000)
    )
    assert still_missing(newest=None, now=1000) is not None


def test_times_of_objects_are_whole_seconds() -> None:
    assert still_missing(newest=0, now=151) is None


def test_under_continuous_writes_it_is_never_quiet_and_yet_delivered() -> None:
    # GIVEN an object a second, the newest one second old
    assert still_missing(newest=268, now=269) is not None
    # WHEN both intervals and what else they may take have passed twice
    assert still_missing(newest=270, now=271) is None


def test_an_object_that_came_too_early_proves_nothing_of_the_stream() -> None:
    # GIVEN a stream that delivered once after the write and then broke, but not for long
    assert still_missing(newest=119, now=119 + 149) is not None


def test_a_time_that_nobody_announced_needs_no_object() -> None:
    assert still_missing(newest=None, now=149, announced=False) is not None
    assert still_missing(newest=None, now=151, announced=False) is None
    assert still_missing(newest=-500, now=151, announced=False) is None


def test_a_time_that_nobody_announced_waits_for_what_is_still_coming() -> None:
    assert still_missing(newest=100, now=200, announced=False) is not None
    assert still_missing(newest=268, now=271, announced=False) is None


@pytest.mark.parametrize(
    ("hints", "parameters", "intervals"),
    [
        ({"IntervalInSeconds": 60, "SizeInMBs": 64}, {"BufferIntervalInSeconds": "30"}, 90),
        ({"IntervalInSeconds": 0, "SizeInMBs": 64}, {}, 60),
        ({}, {"BufferIntervalInSeconds": "0"}, 300),
    ],
)
def test_the_pace_is_that_of_both_buffers(
    hints: dict[str, int], parameters: dict[str, str], intervals: float
) -> None:
    processors = [
        {
            "Type": "Lambda",
            "Parameters": [
                {"ParameterName": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
        }
    ]
    destination = {
        "BufferingHints": hints,
        "ProcessingConfiguration": {"Enabled": True, "Processors": processors},
    }
    pace = pace_of({"Destinations": [{"ExtendedS3DestinationDescription": destination}]})
    assert pace == Pace(intervals, intervals / 4)


def test_without_buffering_there_is_still_a_margin() -> None:
    destination = {"BufferingHints": {"IntervalInSeconds": 1, "SizeInMBs": 1}}
    pace = pace_of({"Destinations": [{"ExtendedS3DestinationDescription": destination}]})
    assert pace == Pace(intervals=1, margin=5)


def test_listing_begins_at_the_hour_in_which_the_first_record_may_have_arrived() -> None:
    since = datetime(2026, 3, 4, 0, 1, tzinfo=UTC)
    rows, errors = listing("lake", since, PACE)
    assert rows == {
        "Bucket": "lake",
        "Prefix": "bronze/orders_changelog/",
        "StartAfter": "bronze/orders_changelog/dt=2026-03-03/hour=23/",
    }
    assert errors["StartAfter"] == (
        "errors/orders_changelog/processing-failed/dt=2026-03-03/hour=23/"
    )


def test_listing_without_a_beginning_lists_all() -> None:
    assert [sorted(request) for request in listing("lake", None, PACE)] == [
        ["Bucket", "Prefix"]
    ] * 2


def test_objects_of_failed_records_count_as_arrived() -> None:
    day = "dt=2026-03-04/hour=12"
    found = arrivals(
        [
            {"Key": f"bronze/orders_changelog/{day}/a.gz", "LastModified": after(1)},
            {
                "Key": f"errors/orders_changelog/processing-failed/{day}/b",
                "LastModified": after(3),
            },
            {"Key": f"bronze/orders_changelog/{day}/c.gz", "LastModified": after(2)},
        ]
    )
    assert found == Arrivals(row_objects=2, error_objects=1, newest=after(3))
