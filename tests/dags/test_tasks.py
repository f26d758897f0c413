"""The tasks that are functions: what they refuse, and what they hand on."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException, ParamValidationError

from localaws.server import LocalAws
from salesflow_airflow.bronze import declare_columns
from salesflow_airflow.deployment import (
    package_lambdas,
    read_outputs,
    sort_parameters,
    upload_lambdas,
)
from salesflow_airflow.reports import choose_day, choose_reports
from salesflow_airflow.teardown import check_confirmation

DUE = datetime(2026, 3, 4, 0, 0, tzinfo=UTC)


def run(kind: str = "manual", interval_start: datetime | None = None) -> Any:
    return SimpleNamespace(run_type=kind, run_after=DUE, data_interval_start=interval_start)


def test_a_scheduled_run_without_deployment_is_skipped(aws_default: LocalAws) -> None:
    with pytest.raises(AirflowSkipException, match="no stack salesflow-dev-storage"):
        read_outputs.function(params={"stage": "dev"}, dag_run=run("scheduled"))


def test_any_other_run_without_deployment_fails_and_says_what_to_do(aws_default: LocalAws) -> None:
    with pytest.raises(AirflowFailException, match=r"deploy it first \(DAG deploy_pipeline\)"):
        read_outputs.function(params={"stage": "dev"}, dag_run=run("asset_triggered"))


def test_parameters_go_to_the_stacks_that_have_them() -> None:
    params = {"stage": "dev", "interval": 5, "parameters": {"ProtectOrders": True}}
    sorted_ = sort_parameters.function(
        named={"Stage": "stage", "BufferIntervalSeconds": "interval"}, params=params
    )
    assert sorted_["storage"] == {"Stage": "dev", "ProtectOrders": "true"}
    assert sorted_["streaming"] == {"Stage": "dev", "BufferIntervalSeconds": "5"}
    assert sorted_["analytics"] == {"Stage": "dev"}


def test_a_parameter_that_no_template_has_is_named() -> None:
    with pytest.raises(AirflowFailException, match="no such parameter: BufferSize"):
        sort_parameters.function(named={}, params={"parameters": {"BufferSize": 1}})


def test_every_function_is_packaged() -> None:
    assert sorted(package_lambdas.function()) == [
        "AggregateCodeKey",
        "GenerateCodeKey",
        "TransformCodeKey",
    ]


def test_a_function_that_can_not_be_packaged_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "handler.py").write_text("import pandas\n")
    with pytest.raises(AirflowFailException, match="imports pandas, which no package carries"):
        package_lambdas.function(lambdas=tmp_path)


def test_a_preview_uploads_nothing() -> None:
    upload_lambdas.function(params={"stage": "dev", "preview": True})


def test_a_given_day_is_reported() -> None:
    assert choose_day.function(params={"day": "2026-03-01"}, dag_run=run()) == "2026-03-01"


def test_a_scheduled_run_reports_the_day_of_its_interval() -> None:
    backfilled = run("backfill", datetime(2025, 12, 31, tzinfo=UTC))
    assert choose_day.function(params={"day": None}, dag_run=backfilled) == "2025-12-31"


def test_a_run_without_interval_reports_the_day_before() -> None:
    assert choose_day.function(params={"day": None}, dag_run=run()) == "2026-03-03"


def test_a_wrong_day_is_refused_before_anything_is_queried() -> None:
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).date().isoformat()
    for day in ("2026-02-30", tomorrow):
        with pytest.raises(AirflowFailException, match=f"day: '?{day}"):
            choose_day.function(params={"day": day}, dag_run=run())


@pytest.mark.parametrize(
    ("dag_id", "params", "problem"),
    [
        ("daily_sales_reports", {"reports": ["sales_by_moon"]}, "'sales_by_moon' is not one of"),
        ("daily_sales_reports", {"reports": []}, "should be non-empty"),
        ("daily_sales_reports", {"day": "yesterday"}, "'yesterday' is not a 'date'"),
        ("project_sales", {"day": "2026-02-30"}, "'2026-02-30' is not a 'date'"),
    ],
)
def test_a_wrong_param_is_refused_when_the_run_is_triggered(
    dag_bag: Any, dag_id: str, params: dict[str, Any], problem: str
) -> None:
    given = copy.deepcopy(dag_bag.dags[dag_id].params)
    with pytest.raises(ParamValidationError, match=f"Invalid input for param .*{problem}"):
        given.update(params)


def test_reports_may_be_chosen(dag_bag: Any) -> None:
    params = copy.deepcopy(dag_bag.dags["daily_sales_reports"].params)
    params.update({"reports": ["inventory", "orders"]})
    names = ["inventory", "orders", "top_products"]
    chosen = choose_reports.function(names=names, params={"reports": ["orders"]})
    assert chosen == ["orders"]
    assert choose_reports.function(names=names, params={"reports": None}) == names


def test_a_teardown_that_is_not_confirmed_touches_nothing() -> None:
    with pytest.raises(
        AirflowFailException, match=r"'confirm' must be 'prod'.*nothing was touched"
    ):
        check_confirmation.function(params={"stage": "prod", "confirm": "dev"})
    check_confirmation.function(params={"stage": "prod", "confirm": "prod"})


OUTPUTS = {"DatabaseName": "salesflow_dev", "ChangelogTableName": "orders_changelog"}


def test_a_run_ends_where_there_is_no_table_because_no_row_ever_came(aws_default: LocalAws) -> None:
    aws_default.aws.client("glue").create_database(DatabaseInput={"Name": "salesflow_dev"})
    with pytest.raises(AirflowSkipException, match="no row has arrived"):
        declare_columns.function(outputs=OUTPUTS)
