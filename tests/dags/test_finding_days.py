"""Which days a run reports: its own, and those that merges have touched since their report."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_home import DAGS
from changelog_lake import ChangelogLake
from localaws.server import LocalAws

DAY, TOUCHED, UNTOUCHED, NEVER_REPORTED = "2026-03-04", "2026-02-24", "2026-02-25", "2026-02-26"


@pytest.fixture
def lake(local_aws: LocalAws) -> ChangelogLake:
    """Three days were touched, two of them reported, one of these before it was touched again."""
    lake = ChangelogLake(local_aws)
    for name in ("silver/create_merges", "silver/create_merged_days", "gold/create_report_runs"):
        lake.run(name)
    for day, hours in ((TOUCHED, (1, 8)), (UNTOUCHED, (1,)), (NEVER_REPORTED, (1, 8))):
        for hour in hours:
            lake.query(
                "INSERT INTO merged_days VALUES "
                f"('merge', TIMESTAMP '{DAY} 0{hour}:00:00', DATE '{day}')"
            )
    lake.query(f"INSERT INTO merges (run_id, merged_at) VALUES ('m', TIMESTAMP '{DAY} 08:01:00')")
    for day in (TOUCHED, UNTOUCHED):
        at = f"TIMESTAMP '{DAY} 05:00:00'"
        lake.query(f"INSERT INTO report_runs VALUES (DATE '{day}', {at}, 'run', {at})")
    return lake


def find(lake: ChangelogLake, run_type: str = "scheduled", **params: Any) -> list[Any]:
    jinja = Environment(loader=FileSystemLoader(DAGS), undefined=StrictUndefined)
    return lake.query(
        jinja.get_template("sql/gold/find_days.sql").render(
            task={"day": DAY},
            params={"restate": True, "reports": None} | params,
            dag_run=SimpleNamespace(run_type=run_type),
        )
    )


def test_a_day_that_was_touched_after_its_report_is_reported_again(lake: ChangelogLake) -> None:
    assert [day for day, _ in find(lake)] == [DAY, TOUCHED]
    assert {str(until)[:16] for _, until in find(lake)} == {f"{DAY} 08:01"}


@pytest.mark.parametrize(
    ("run_type", "params"), [("backfill", {}), ("manual", {"restate": False})], ids=str
)
def test_a_backfill_and_whoever_says_so_restates_no_other_day(
    lake: ChangelogLake, run_type: str, params: dict[str, Any]
) -> None:
    assert [day for day, _ in find(lake, run_type, **params)] == [DAY]


def test_a_run_of_some_reports_restates_no_other_day_and_knows_no_merge_for_all(
    lake: ChangelogLake,
) -> None:
    assert find(lake, "manual", reports=["orders"]) == [(DAY, None)]
