"""The rules in SQL and those in the transform refuse the same rows, for the same attribute."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws
from salesflow.changes import Refused, changelog_row
from salesflow.quality import ROW_CHECKS
from salesflow.rules import CLOCK_TOLERANCE_SECONDS
from salesflow.schema import ORDER_ATTRIBUTES, STATUSES

Row = dict[str, Any]


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    return ChangelogLake(local_aws)


def sql_problems(lake: ChangelogLake, dt: str) -> dict[str | None, str | None]:
    """What the SQL says of each row of a day: event id → problem."""
    problem = lake.render("row_problem")
    return dict(  # type: ignore[arg-type]
        lake.query(f"SELECT event_id, {problem} FROM orders_changelog WHERE dt = '{dt}'")
    )


def refused_attribute(row: Row) -> str | None:
    """The attribute for which the transform refuses the change that would make this row."""
    image = {
        a.name: {a.dynamodb_type: str(row[a.name])}
        for a in ORDER_ATTRIBUTES
        if row.get(a.name) is not None
    }
    change = {
        "eventName": row["event_type"],
        "eventID": row["event_id"],
        "dynamodb": {
            "Keys": {"orderid": image["orderid"]},
            "OldImage" if row["event_type"] == "REMOVE" else "NewImage": image,
            "SequenceNumber": row["sequence_number"],
            "ApproximateCreationDateTime": row["creation_time"],
        },
    }
    try:
        changelog_row(change)
    except Refused as refusal:
        [attribute] = re.findall(r"attribute (\w+)", str(refusal))
        return str(attribute)
    return None


def time_near_the_change(seconds: int, zone: str, form: str) -> str:
    at = datetime.fromtimestamp(NOON + seconds, UTC)
    if zone not in ("", "Z"):
        hours, minutes = map(int, zone[1:].split(":"))
        at += (1 if zone[0] == "+" else -1) * timedelta(hours=hours, minutes=minutes)
    return at.strftime(form) + ("" if form == "%Y-%m-%d" else zone)


times = st.builds(
    time_near_the_change,
    st.one_of(
        st.integers(CLOCK_TOLERANCE_SECONDS - 2, CLOCK_TOLERANCE_SECONDS + 2),
        st.integers(-200_000, 200_000),
    ),
    st.sampled_from(["Z", "", "+00:00", "-14:00", "+05:30", "+14:00"]),
    st.sampled_from(["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M:%S.999", "%Y-%m-%dT%H:%M", "%Y-%m-%d"]),
)
odd_times = st.sampled_from(
    [
        *("", "soon", "2999", "2999-01", "2999-W01-1", "29990101", "2999-02-30", "T10:00"),
        *("2999-01-01 00:00:00", "2999-01-01T24:00:00Z", "2999-01-01T10", "2999-01-01T10:00:60Z"),
        *("2999-01-01T10:00:00,5Z", "2999-01-01T10:00:00+0200", "2999-01-01T10:00:00+15:00"),
        *("+2999-01-01T10:00:00Z", "2999-01-01T10:00:00Z ", "2999-01-01T10:00:00Z\n"),
        *("0000-02-03", "0001-01-01T00:00:00+14:00", "8999-01-01", "9999-12-31T23:59:59-14:00"),
    ]
)
rows = st.fixed_dictionaries(
    {
        "product_name": st.sampled_from(["Laptop", "Laptop", "Laptop", "", None]),
        "quantity": st.sampled_from([1, 2, 3, 2**31 - 1, 0, -1, None]),
        "price": st.one_of(
            st.decimals("0.0001", 99, places=4).map(float), st.sampled_from([0, -0.0001, None])
        ),
        "status": st.sampled_from([None, *STATUSES, *STATUSES, "", "lost", "Paid", "paid "]),
        "order_ts": st.one_of(st.none(), times, odd_times),
        "event_type": st.sampled_from(["INSERT", "MODIFY", "REMOVE"]),
    }
)
days = count()


@settings(
    max_examples=15,
    deadline=None,
    phases=[Phase.generate],  # the assertion names the row: nothing is gained by fewer rows
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(st.lists(rows, min_size=100, max_size=200))
def test_sql_and_transform_refuse_the_same_rows_for_the_same_attribute(
    lake: ChangelogLake, values: list[Row]
) -> None:
    made = [
        {**change("a", 0), **row, "event_id": str(n), "creation_time": NOON}
        for n, row in enumerate(values)
    ]
    dt = (datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=next(days))).date().isoformat()
    lake.arrive(*({k: v for k, v in row.items() if v is not None} for row in made), dt=dt)
    said = sql_problems(lake, dt)
    judged = {event_id: problem and problem.split()[0] for event_id, problem in said.items()}
    for row in made:
        assert judged[row["event_id"]] == refused_attribute(row), (row, said[row["event_id"]])


FUTURE = int(datetime(2200, 1, 1, tzinfo=UTC).timestamp())


@pytest.mark.parametrize("event_type", ["MODIFY", "REMOVE"])
def test_a_row_that_no_merge_could_use_is_found_whatever_it_does(
    lake: ChangelogLake, event_type: str
) -> None:
    damages: list[Row] = [
        {"orderid": ""},
        {"orderid": None},
        {"event_id": None},
        {"sequence_number": None},
        {"sequence_number": "12a"},
        {"sequence_number": "1" * 41},
        {"creation_time": None},
        {"creation_time": -1},
        {"creation_time": NOON * 1000},
        {"creation_time": FUTURE},
    ]
    for n, damage in enumerate(damages):
        row = change("a", 1, event_type) | damage
        lake.arrive({k: v for k, v in row.items() if v is not None}, hour=f"{n:02}")
        problems = lake.query(
            f"SELECT {lake.render('row_problem')} FROM orders_changelog "
            f"WHERE dt = '{DAY}' AND hour = '{n:02}'"
        )
        [[problem]] = problems
        assert problem is not None, damage
        assert problem.split()[0] == next(iter(damage)), problem


def test_an_event_type_must_be_known(lake: ChangelogLake) -> None:
    lake.arrive(change("a", 1, "UPSERT"), change("b", 2, event_type=None))
    assert set(sql_problems(lake, DAY).values()) == {"event_type is none of INSERT, MODIFY, REMOVE"}


def test_every_problem_begins_with_a_column_that_is_checked(lake: ChangelogLake) -> None:
    problems = re.findall(r"THEN '(\w+) ", lake.render("row_problem"))
    assert set(problems) == set(ROW_CHECKS)
