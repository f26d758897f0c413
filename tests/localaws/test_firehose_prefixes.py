"""Firehose: names of objects."""

from __future__ import annotations

import re
from datetime import UTC, datetime

import pytest

from localaws.errors import AwsError
from localaws.firehose.prefixes import ObjectNames, format_time

ARRIVAL = datetime(2018, 8, 27, 10, 30, 5, 123456, tzinfo=UTC)


@pytest.mark.behaviour(
    "firehose", "Prefixes are evaluated with the arrival of the oldest record, UTC"
)
@pytest.mark.parametrize(
    ("prefix", "error_prefix", "data", "errors"),
    [
        (None, None, "2018/08/27/10/", "processing-failed/2018/08/27/10/"),
        ("lake/", None, "lake/2018/08/27/10/", "lake/processing-failed/2018/08/27/10/"),
        (
            None,
            "failures/!{firehose:error-output-type}/",
            "2018/08/27/10/",
            "failures/processing-failed/",
        ),
        ("lake/", "failures/", "lake/2018/08/27/10/", "failures/"),
        (
            "dt=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/",
            "e/!{firehose:error-output-type}/!{timestamp:yyyy}/any/!{timestamp:dd}",
            "dt=2018-08-27/hour=10/",
            "e/processing-failed/2018/any/27",
        ),
        (
            "dt=!{timestamp:yyyy'-'MM'-'dd'T'HH}/",
            "e/!{firehose:error-output-type}",
            "dt=2018-08-27T10/",
            "e/processing-failed",
        ),
    ],
)
def test_prefix(prefix: str | None, error_prefix: str | None, data: str, errors: str) -> None:
    names = ObjectNames(prefix, error_prefix)
    assert names.data(ARRIVAL) == data
    assert names.errors("processing-failed", ARRIVAL) == errors


@pytest.mark.behaviour("firehose", "!{firehose:random-string} differs from object to object")
def test_random_string() -> None:
    names = ObjectNames(
        "!{firehose:random-string}/!{timestamp:HH}/", "!{firehose:error-output-type}/"
    )
    first, second = names.data(ARRIVAL), names.data(ARRIVAL)
    assert re.fullmatch(r"[0-9a-f]{11}/10/", first)
    assert first != second


@pytest.mark.behaviour("firehose", "An object is named <stream>-<version>-<time>-<uuid><extension>")
def test_suffix() -> None:
    suffix = ObjectNames(None, None).suffix("rows", "3", ARRIVAL, ".gz")
    assert re.fullmatch(
        r"rows-3-2018-08-27-10-30-05-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}.gz", suffix
    )


@pytest.mark.behaviour("firehose", "CustomTimeZone counts for prefixes and names")
def test_time_zone() -> None:
    names = ObjectNames("!{timestamp:dd-HH}/", "!{firehose:error-output-type}/", "Asia/Tokyo")
    assert names.data(ARRIVAL) == "27-19/"
    assert names.suffix("rows", "1", ARRIVAL, "").startswith("rows-1-2018-08-27-19-30-05-")


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        ("yyyy-MM-dd HH:mm:ss.SSS", "2018-08-27 10:30:05.123"),
        ("yy/M/d/H/m/s", "18/8/27/10/30/5"),
        ("DDD", "239"),
        ("'year='yyyy", "year=2018"),
        ("'o''clock' HH", "o'clock 10"),
        ("''HH''", "'10'"),
    ],
)
def test_java_time_pattern(pattern: str, text: str) -> None:
    assert format_time(pattern, ARRIVAL) == text


@pytest.mark.behaviour("firehose", "Prefixes that break AWS's rules are refused")
@pytest.mark.parametrize(
    ("prefix", "error_prefix", "says"),
    [
        ("!{timestamp:yyyy}/", None, "ErrorOutputPrefix can't be null"),
        ("!{firehose:error-output-type}/", "e/", "Prefix can't contain"),
        (None, "e/!{timestamp:yyyy}/", "must contain !{firehose:error-output-type}"),
        ("!{timestamp:}/", "e/", "unknown expression"),
        ("!{nonsense:x}/", "e/", "unknown expression !{nonsense:x}"),
        ("!{timestamp:yyyy", "e/", "isn't closed"),
        ("!{timestamp:'yyyy}/", "e/", "isn't closed"),
        ("!{timestamp:eee}/", "e/", "does not support 'eee'"),
        ("!{partitionKeyFromLambda:country}/", "e/", "needs dynamic partitioning"),
    ],
)
def test_bad_prefix_is_refused(prefix: str | None, error_prefix: str | None, says: str) -> None:
    with pytest.raises(AwsError, match="ValidationException") as refused:
        ObjectNames(prefix, error_prefix)
    assert says in refused.value.message


def test_unknown_time_zone_is_refused() -> None:
    with pytest.raises(AwsError, match="Mars/Base"):
        ObjectNames(None, None, "Mars/Base")
