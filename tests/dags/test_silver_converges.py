"""Any delivery of the same changes, merged in any steps, makes the same table."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from changelog_lake import NOON, ChangelogLake, change
from localaws.server import LocalAws

Changes = list[dict[str, Any]]
COLUMNS = (
    "orderid, quantity, order_ts, is_deleted, changed_at, first_changed_at, last_event_id, "
    "last_sequence_number, order_date"
)
TIMES = (None, "soon", "2026-03-01T23:30:00-02:00", "2026-03-02T12:00:00.000001Z", "2026-02-01")
HOURS = tuple(f"{hour:02}" for hour in range(4))


@st.composite
def lives(draw: st.DrawFn) -> Changes:
    """All that happens to a few orders, in the order in which it happens."""
    changes: Changes = []
    # Some numbers have more digits than others, and text would sort them wrongly.
    number = draw(st.sampled_from([1, 8, 95]))
    for _ in range(draw(st.integers(4, 14))):
        number += draw(st.integers(1, 3))
        changes.append(
            change(
                draw(st.sampled_from("abc")),
                number,
                draw(st.sampled_from(["INSERT", "MODIFY", "REMOVE"])),
                quantity=draw(st.integers(1, 9)),
                order_ts=draw(st.sampled_from(TIMES)),
                creation_time=NOON + number * 20_000,
            )
        )
    return changes


@st.composite
def deliveries(draw: st.DrawFn, changes: Changes) -> dict[str, Changes]:
    """Each change arrives at least once, in some hour's object, in some order."""
    copies = draw(st.lists(st.sampled_from(changes), max_size=4))
    rows = draw(st.permutations([*changes, *copies]))
    objects: dict[str, Changes] = {}
    for row in rows:
        objects.setdefault(draw(st.sampled_from(HOURS)), []).append(row)
    return objects


def expected(changes: Changes) -> list[tuple[str | None, ...]]:
    """The table, computed otherwise."""
    table: list[tuple[str | None, ...]] = []
    for orderid in sorted({row["orderid"] for row in changes}):
        own = [row for row in changes if row["orderid"] == orderid]
        last = max(own, key=lambda row: int(row["sequence_number"]))
        first = datetime.fromtimestamp(min(row["creation_time"] for row in own), UTC)
        try:
            placed = datetime.fromisoformat(last.get("order_ts", ""))
        except ValueError:
            order_ts, day = None, first.date()
        else:
            order_ts = placed.astimezone(UTC) if placed.tzinfo else placed.replace(tzinfo=UTC)
            day = order_ts.date()
        changed = datetime.fromtimestamp(last["creation_time"], UTC)
        table.append(
            (
                orderid,
                str(last["quantity"]),
                _shown(order_ts),
                str(last["event_type"] == "REMOVE").lower(),
                _shown(changed),
                _shown(first),
                last["event_id"],
                last["sequence_number"].rjust(40, "0"),
                day.isoformat(),
            )
        )
    return table


def _shown(at: datetime | None) -> str | None:
    return at.replace(tzinfo=None).isoformat(sep=" ", timespec="microseconds") if at else None


def found(lake: ChangelogLake) -> list[tuple[str | None, ...]]:
    rows = lake.query(f"SELECT {COLUMNS} FROM orders ORDER BY orderid")
    times = [place for place, name in enumerate(COLUMNS.split(", ")) if name.endswith(("_at", "s"))]
    return [
        tuple(
            _shown(datetime.fromisoformat(cell).replace(tzinfo=UTC))
            if cell and place in times
            else cell
            for place, cell in enumerate(row)
        )
        for row in rows
    ]


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    lake = ChangelogLake(local_aws)
    lake.declare()
    return lake


@settings(
    max_examples=10,
    deadline=None,
    derandomize=True,
    # A smaller example would take minutes to find.
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(st.data())
def test_any_delivery_merged_in_any_steps_makes_the_same_table(
    lake: ChangelogLake, data: st.DataObject
) -> None:
    lake.query("DELETE FROM orders")
    # Each example has a day of arrival of its own.
    dt = (date(2026, 4, 1) + timedelta(days=len(lake.partitions))).isoformat()
    changes = data.draw(lives())
    objects = data.draw(deliveries(changes))
    for hour, rows in objects.items():
        lake.arrive(*rows, dt=dt, hour=hour)
    unfinished = [(dt, hour) for hour in objects]
    for _ in range(data.draw(st.integers(1, 3))):
        some = data.draw(st.lists(st.sampled_from(unfinished), min_size=1, unique=True))
        halfway = data.draw(st.booleans())
        lake.merge(some, at_once=data.draw(st.integers(1, 2)), statements=1 if halfway else None)
        # What was merged halfway is merged again, and now and then what was merged as well.
        if not halfway and data.draw(st.integers(0, 3)):
            unfinished = [partition for partition in unfinished if partition not in some]
        if not unfinished:
            break
    else:
        lake.merge(unfinished, at_once=data.draw(st.integers(1, 3)))
    note(str(changes))
    assert found(lake) == expected(changes)
