"""What breaks a rule never becomes a row; what merely looks odd does."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.changes import Refused, changelog_row
from salesflow.rules import CLOCK_TOLERANCE_SECONDS, order_time, order_ts_problem
from salesflow.schema import STATUSES

EVENTS = Path(__file__).parent / "events"
CHANGED = 1752158591  # 2025-07-10T14:43:11Z


def insert(**attributes: Any) -> dict[str, Any]:
    change: dict[str, Any] = json.loads(
        (EVENTS / "insert_with_required_attributes_only.json").read_text()
    )
    assert change["dynamodb"]["ApproximateCreationDateTime"] == CHANGED
    change["dynamodb"]["NewImage"].update(attributes)
    return change


def refusal(change: dict[str, Any], arrived_ms: int | None = None) -> str:
    with pytest.raises(Refused) as refused:
        changelog_row(change, arrived_ms)
    return str(refused.value)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("quantity", {"N": "0"}, "'0' is less than 1"),
        ("quantity", {"N": "-3"}, "'-3' is less than 1"),
        ("quantity", {"N": "0E+5"}, "'0E+5' is less than 1"),
        ("price", {"N": "0"}, "'0' is not more than 0"),
        ("price", {"N": "-0.01"}, "'-0.01' is not more than 0"),
        ("price", {"N": "0.0000"}, "'0.0000' is not more than 0"),
        ("status", {"S": "lost"}, "'lost' is none of placed, paid, shipped, delivered, cancelled"),
        ("status", {"S": "Paid"}, "'Paid' is none of"),
        ("status", {"S": ""}, "'' is none of"),
        ("product_name", {"S": ""}, "it is empty"),
        ("order_ts", {"S": "2999-01-01"}, "'2999-01-01' is in the future of the change"),
        ("order_ts", {"S": "2025-07-10T14:48:12Z"}, "is in the future of the change"),
        ("order_ts", {"S": "2025-07-10T00:48:12-14:00"}, "is in the future of the change"),
    ],
)
def test_a_value_that_breaks_a_rule_is_refused_and_named(
    name: str, value: dict[str, str], reason: str
) -> None:
    why = refusal(insert(**{name: value}))
    assert why.startswith(f"attribute {name}: ")
    assert reason in why


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("status", {"S": status}) for status in STATUSES),
        ("status", {"NULL": True}),
        ("quantity", {"N": "1"}),
        ("quantity", {"N": "2E+3"}),
        ("quantity", {"N": "2147483647"}),
        ("price", {"N": "0.0001"}),
        ("price", {"N": "99999999999999.9999"}),
        ("order_ts", {"S": "2025-07-10T14:48:11.999Z"}),
        ("order_ts", {"S": "2025-07-11T04:48:11+14:00"}),
        ("order_ts", {"S": "in the far future"}),
        ("order_ts", {"S": ""}),
        ("order_ts", {"S": "2999-02-30T00:00:00Z"}),
        ("order_ts", {"S": "2999-01-01 00:00:00"}),
        ("order_ts", {"NULL": True}),
    ],
)
def test_what_breaks_no_rule_becomes_a_row(name: str, value: dict[str, Any]) -> None:
    row = json.loads(changelog_row(insert(**{name: value})))
    assert row.get(name) == (None if "NULL" in value else pytest.approx(json_of(value)))


def json_of(value: dict[str, str]) -> Any:
    return float(value["N"]) if "N" in value else value["S"]


def test_a_removal_is_a_row_whatever_the_order_had_become() -> None:
    bad = {
        "product_name": {"S": ""},
        "quantity": {"N": "0"},
        "price": {"N": "-1"},
        "status": {"S": "lost"},
        "order_ts": {"S": "2999-01-01"},
    }
    removal = insert()
    removal["eventName"] = "REMOVE"
    removal["dynamodb"]["OldImage"] = removal["dynamodb"].pop("NewImage") | bad
    row = json.loads(changelog_row(removal))
    assert [row[name] for name in bad] == ["", 0, -1, "lost", "2999-01-01"]
    assert "attributes" not in row


def test_a_change_that_was_made_after_it_arrived_is_refused() -> None:
    arrived_ms = (CHANGED - CLOCK_TOLERANCE_SECONDS) * 1000
    assert changelog_row(insert(), arrived_ms) == changelog_row(insert())
    assert refusal(insert(), arrived_ms - 1) == (
        f"ApproximateCreationDateTime {CHANGED} is later than the change arrived"
    )


@pytest.mark.parametrize(
    ("text", "utc"),
    [
        ("2025-07-10", "2025-07-10T00:00:00"),
        ("2025-07-10T14:43", "2025-07-10T14:43:00"),
        ("2025-07-10T14:43:11", "2025-07-10T14:43:11"),
        ("2025-07-10T14:43:11Z", "2025-07-10T14:43:11"),
        ("2025-07-10T14:43:11.5-05:00", "2025-07-10T19:43:11.500000"),
        ("2025-07-10T14:43:11.123456789Z", "2025-07-10T14:43:11.123456"),
    ],
)
def test_a_readable_time(text: str, utc: str) -> None:
    at = order_time(text)
    assert at is not None
    assert at.astimezone(UTC).replace(tzinfo=None).isoformat() == utc


@pytest.mark.parametrize(
    "text",
    [
        *("", "soon", "2025", "2025-07", "20250710", "2025-W28-4", "2025-191", "1752158591"),
        *("2025-07-10 14:43:11", "2025-07-10t14:43:11z", "2025-07-10T14", "2025-02-30"),
        *("2025-07-10T24:00:00Z", "2025-07-10T14:43:60Z", "2025-07-10T14:43:11+0200"),
        *("2025-07-10T14:43:11,5Z", "2025-07-10Z", "2025-07-10T14:43:11Z\n", "٢٠٢٥-07-10"),
        *("2025-07-10T14:43:11+14:01", "0000-07-10", "0001-01-01T00:00:00+14:00"),
        *("1582-10-10T00:00:00Z", "1899-12-31T23:59:59Z", "9999-12-31T23:59:59-14:00"),
    ],
)
def test_a_time_that_can_not_be_read(text: str) -> None:
    assert order_time(text) is None
    assert order_ts_problem(text, 0) is None


moments = st.integers(10**8 + 10**5, 4 * 10**9)
distances = st.one_of(st.integers(-1000, 1000), st.integers(-(10**8), 10**8))
zones = st.sampled_from(["Z", "", "+00:00", "-14:00", "+05:30", "+14:00"])


@given(moments, distances, zones, st.sampled_from(["seconds", "milliseconds", "microseconds"]))
def test_an_order_is_from_the_future_if_it_is_later_than_its_change_by_more_than_the_tolerance(
    changed: int, distance: int, zone: str, timespec: str
) -> None:
    placed = datetime.fromtimestamp(changed, UTC) + timedelta(
        seconds=distance, microseconds=999_999
    )
    if zone[1:]:
        hours, minutes = map(int, zone[1:].split(":"))
        placed += (1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes)
    text = placed.replace(tzinfo=None).isoformat(timespec=timespec) + zone
    problem = order_ts_problem(text, changed)
    assert (problem is not None) == (distance > CLOCK_TOLERANCE_SECONDS), text


def test_no_time_is_after_the_last_year() -> None:
    assert order_ts_problem("9999-12-31T23:59:59Z", 253_402_300_799) is None
