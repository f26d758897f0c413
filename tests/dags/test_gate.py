"""The gate: its checks on a real Athena, what they say of bad input, and whom it lets pass."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial
from typing import Any

import pyathena
import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowFailException

from airflow_home import DAGS
from changelog_lake import DAY, NOON, ChangelogLake, change
from localaws.server import LocalAws
from salesflow.quality import Outcome
from salesflow_airflow.bronze import check_columns
from salesflow_airflow.operators.athena import AthenaStatementOperator
from salesflow_airflow.operators.checks import (
    CheckQuarantineOperator,
    CheckRowsOperator,
    CheckVolumeOperator,
    LakeCheckOperator,
    PassGateOperator,
)
from salesflow_airflow.tables import MACROS


@pytest.fixture
def lake(aws_default: LocalAws, monkeypatch: pytest.MonkeyPatch) -> ChangelogLake:
    """A changelog with one good row, and a PyAthena that turns the local AWS as it waits."""
    turning = partial(pyathena.connect, on_poll=lambda _: aws_default.step())
    monkeypatch.setattr(pyathena, "connect", turning)
    lake = ChangelogLake(aws_default)
    for statement in ("gate/create_rows_set_aside", "quarantine/quarantined_records"):
        lake.run(statement)
    lake.run("silver/create_merges")
    lake.arrive(change("good", 1, "INSERT"))
    return lake


def run(
    operator: type[LakeCheckOperator],
    since: str | None = None,
    set_aside: bool = False,
    **more: Any,
) -> Any:
    """The result of a check of the changelog's one partition, rendered and run as Airflow does."""
    with DAG(
        "checks", schedule=None, template_searchpath=[str(DAGS)], user_defined_macros=MACROS
    ) as dag:
        check = operator(
            task_id="check",
            delivery={"partitions": [[DAY, "12"]]},
            since=since,
            database="sales",
            workgroup="sales",
            **more,
        )
    context: Any = {"task": check, "run_id": "run", "params": {"set_aside": set_aside}}
    check.resolve_template_files()
    check.render_template_fields(context, dag.get_template_env())
    return check.execute(context)


def failed(outcomes: list[dict[str, Any]]) -> dict[str, tuple[int, str]]:
    return {o["check_name"]: (o["found"], o["sample"]) for o in outcomes if not o["passed"]}


def test_good_rows_pass_every_check(lake: ChangelogLake) -> None:
    lake.s3.put_object(
        Bucket="lake", Key=f"bronze/orders_changelog/dt={DAY}/hour=12/empty.gz", Body=b""
    )
    found = run(CheckRowsOperator, bucket="lake")
    assert (found["new_rows"], found["new_orders"]) == (1, 1)
    assert failed(found["outcomes"]) == {}
    assert [o["check_name"] for o in found["outcomes"]][:3] == [
        *("objects", "row_orderid", "row_product_name")
    ]


def test_a_row_that_breaks_a_rule_fails_its_check_and_is_named(lake: ChangelogLake) -> None:
    uri = lake.arrive(
        change("17", 2, price=0), change("18", 3, price=-5), change("19", 4, status="x")
    )
    found = run(CheckRowsOperator, bucket="lake")
    problems = failed(found["outcomes"])
    assert set(problems) == {"row_price", "row_status"}
    count, sample = problems["row_price"]
    assert count == 2
    assert f"price is not more than 0: orderid=17, event_id=17-2, {uri}; " in sample
    assert found["new_rows"] == 4


def test_a_row_that_is_set_aside_passes(lake: ChangelogLake) -> None:
    lake.arrive(change("17", 2, price=0))
    assert failed(run(CheckRowsOperator, bucket="lake", set_aside=True)["outcomes"]) == {}
    assert lake.query("SELECT orderid, run_id FROM rows_set_aside") == [("17", "run")]
    assert failed(run(CheckRowsOperator, bucket="lake")["outcomes"]) == {}


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("text.gz", b"no gzip\n", "it isn't gzip"),
        ("words.json", b'{"quantity":"many"}\n', "line 1: quantity is no int"),
    ],
)
def test_an_object_that_can_not_be_read_is_named(
    lake: ChangelogLake, name: str, body: bytes, problem: str
) -> None:
    key = f"bronze/orders_changelog/dt={DAY}/hour=12/{name}"
    lake.s3.put_object(Bucket="lake", Key=key, Body=body)
    found = run(CheckRowsOperator, bucket="lake")
    assert found["new_rows"] is None
    [(check, (count, sample))] = failed(found["outcomes"]).items()
    assert (check, count) == ("objects", 1)
    assert sample.startswith(f"s3://lake/{key}: {problem}")


def test_a_query_that_fails_for_another_reason_is_no_outcome(lake: ChangelogLake) -> None:
    lake.glue.delete_table(DatabaseName="sales", Name="orders_changelog")
    with pytest.raises(pyathena.OperationalError, match="orders_changelog"):
        run(CheckRowsOperator, bucket="lake")


def test_the_columns_are_checked(lake: ChangelogLake) -> None:
    outputs = {"DatabaseName": "sales", "ChangelogTableName": "orders_changelog"}
    assert failed(check_columns.function(outputs)) == {}
    table = lake.glue.get_table(DatabaseName="sales", Name="orders_changelog")["Table"]
    columns = [c for c in table["StorageDescriptor"]["Columns"] if c["Name"] != "price"]
    columns[0]["Type"] = "int"
    storage = {**table["StorageDescriptor"], "Columns": columns}
    lake.glue.update_table(
        DatabaseName="sales", TableInput={"Name": table["Name"], "StorageDescriptor": storage}
    )
    assert failed(check_columns.function(outputs)) == {
        "columns": (
            2,
            "column orderid is int, not string; column price is missing, not decimal(18,4)",
        )
    }


def quarantine(lake: ChangelogLake, records: int) -> None:
    line = b'{"arrivaltimestamp":%d,"rawdata":"e30="}\n' % (NOON * 1000)
    key = f"errors/orders_changelog/processing-failed/dt={DAY}/hour=12/x"
    lake.s3.put_object(Bucket="lake", Key=key, Body=line * records)


def test_much_in_the_quarantine_since_the_last_merge_fails_the_check(lake: ChangelogLake) -> None:
    quarantine(lake, 30)
    outcomes = run(CheckQuarantineOperator, new_rows=70, max_threshold="0.2")
    assert failed(outcomes)["quarantine_limit"] == (
        30,
        "30 of 100 records were quarantined, limit 0.2",
    )
    since = f"{DAY}T12:00:01+00:00"
    outcomes = run(CheckQuarantineOperator, since=since, new_rows=70, max_threshold="0.2")
    assert failed(outcomes) == {}


def test_volume_is_only_a_warning(lake: ChangelogLake) -> None:
    for days in range(1, 6):
        lake.query(
            "INSERT INTO merges (merged_at, orders) VALUES (CAST(current_timestamp "
            f"AT TIME ZONE 'UTC' AS timestamp(6)) - INTERVAL '{days}' DAY - INTERVAL '1' HOUR, 100)"
        )
    [outcome] = run(CheckVolumeOperator, new_orders=24)
    assert (outcome["passed"], outcome["severity"], outcome["found"]) == (False, "warning", 24)
    assert outcome["sample"] == "24 orders in 6 hours, usual are 100"
    [outcome] = run(CheckVolumeOperator, new_orders=25)
    assert outcome["passed"]


def test_nothing_is_concluded_from_rows_that_nobody_could_count(lake: ChangelogLake) -> None:
    assert run(CheckQuarantineOperator, new_rows=None, max_threshold="0.2") == []
    assert run(CheckVolumeOperator, new_orders=None) == []


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the gate has submitted; the statement itself is tested elsewhere."""
    submitted: list[str] = []
    monkeypatch.setattr(
        AthenaStatementOperator, "execute", lambda gate, _: submitted.append(gate.query)
    )
    return submitted


def gate(*outcomes: Outcome) -> PassGateOperator:
    halves = [list(map(asdict, outcomes[:1])), list(map(asdict, outcomes[1:]))]
    return PassGateOperator(task_id="pass_gate", outcomes=halves)


PASSED = Outcome("columns", "blocking", True)
WARNED = Outcome("volume", "warning", False, 5, "5 orders")
BLOCKED = Outcome("row_price", "blocking", False, 1, "price is not more than 0: orderid=17")


def test_the_gate_lets_pass_what_was_only_warned_of(recorded: list[str]) -> None:
    assert gate(PASSED, WARNED).execute({}) == {"passed": 1, "failed": 1}
    assert len(recorded) == 1


def test_the_gate_stops_the_merge_once_the_results_are_recorded(recorded: list[str]) -> None:
    with pytest.raises(AirflowFailException) as failure:
        gate(PASSED, BLOCKED, WARNED).execute({})
    assert "row_price" in str(failure.value)
    assert "orderid=17" in str(failure.value)
    assert "volume" not in str(failure.value)
    assert len(recorded) == 1
