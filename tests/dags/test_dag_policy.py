"""What every DAG of the project keeps to."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from airflow_home import DAGS, PLUGINS
from salesflow_airflow.notices import tell_of_failure

FILES = sorted(DAGS.glob("*.py"))
SQL = sorted((DAGS / "sql").rglob("*.sql"))
MAX_LINES = 120


def test_there_are_the_dags_that_the_design_names() -> None:
    assert {path.stem for path in FILES} >= {
        "deploy_pipeline",
        "generate_orders",
        "ingest_orders",
        "daily_sales_reports",
        "project_sales",
        "redrive_orders",
        "maintain_lake",
        "teardown_pipeline",
    }


def test_every_dag_parses(dag_bag: Any) -> None:
    assert dag_bag.import_errors == {}
    assert set(dag_bag.dags) == {path.stem for path in FILES}


@pytest.fixture(params=[path.stem for path in FILES])
def dag(request: pytest.FixtureRequest, dag_bag: Any) -> Any:
    return dag_bag.dags[request.param]


def test_it_has_an_owner_tags_and_a_page(dag: Any) -> None:
    assert dag.tags == {"salesflow"}
    assert dag.owner == "salesflow"
    page = dag.doc_md or ""
    for topic in ("### ", "**When:**", "**Assets:**"):
        assert topic in page, f"the page of {dag.dag_id} doesn't say {topic}"


def test_its_tasks_have_retries_and_a_timeout(dag: Any) -> None:
    for task in dag.tasks:
        assert (task.retries or 0) >= 1, task.task_id
        assert task.execution_timeout is not None, task.task_id


def test_people_are_told_of_each_task_that_fails(dag: Any) -> None:
    for task in dag.tasks:
        told = task.on_failure_callback
        assert told in (tell_of_failure, [tell_of_failure]), (
            task.task_id
        )  # a mapped one isn't a list


def test_its_waits_end_before_the_task_is_killed(dag: Any) -> None:
    for task in dag.tasks:
        for limit in ("timeout_seconds", "timeout"):
            if (seconds := getattr(task, limit, None)) is not None:
                assert seconds < task.execution_timeout.total_seconds(), task.task_id


def test_its_params_are_described_and_have_valid_defaults(dag: Any) -> None:
    assert "stage" in dag.params
    for name in dag.params:
        assert dag.params.get_param(name).description, name
    dag.params.validate()


def test_its_tasks_are_named_as_what_they_do(dag: Any) -> None:
    views = {path.stem for path in (DAGS / "sql").glob("*.sql")}
    for task in dag.tasks:
        assert "_" in task.task_id or task.task_id == "crawl" or task.task_id in views


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_file_is_short_and_only_wires(path: Path) -> None:
    source = path.read_text()
    assert len(source.splitlines()) <= MAX_LINES
    imported = {
        (node.module or "") if isinstance(node, ast.ImportFrom) else alias.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    roots = {name.partition(".")[0] for name in imported}
    allowed = {"__future__", "airflow", "salesflow", "salesflow_airflow"}
    assert roots - allowed <= {"datetime", "os", "pathlib"}
    assert not roots & {path.stem for path in FILES}, "a DAG doesn't import another"
    assert "Variable" not in source


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_a_statement_says_its_grain_inputs_and_late_data_rule(path: Path) -> None:
    header = [line for line in path.read_text().splitlines() if line.startswith("-- ")]
    for topic in ("-- Grain: ", "-- Inputs: ", "-- Late data: "):
        assert any(line.startswith(topic) for line in header), topic
    assert ";" not in re.sub(r"--.*", "", path.read_text()), "one statement a file"


@pytest.mark.parametrize("path", SQL, ids=lambda path: path.stem)
def test_a_read_of_bronze_names_its_columns_and_partitions(path: Path) -> None:
    text = path.read_text()
    assert "SELECT *" not in text
    if "FROM orders_changelog" in text:
        assert "WHERE dt >= " in text or "WHERE {{ task.new_partitions }}" in text
    # What the day's data is worth can only be told from what came: bronze and the failures.
    if path.parent.name == "reports" and path.stem != "data_quality":
        assert "FROM orders_changelog" not in text
        days = re.search(r"order_date (=|<=|IN|BETWEEN) ", text)
        assert days or "sql/sales_by.sql" in text, "a report names the days that it reads"


def test_the_plugin_loader_imports_nothing_under_a_bare_name() -> None:
    from airflow.plugins_manager import _get_plugins

    plugins, errors = _get_plugins()
    assert errors == {}
    assert "salesflow" in {plugin.name for plugin in plugins}
    bare = {path.stem for path in (PLUGINS / "salesflow_airflow").rglob("*.py")} - {"__init__"}
    ours = {
        name for name in bare if str(PLUGINS) in str(getattr(sys.modules.get(name), "__file__", ""))
    }
    assert ours == set()
