"""The task that writes the pages, on the local AWS: from the lake's books to a page that opens."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from urllib.request import urlopen

import pytest
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowSkipException
from airflow.sdk.execution_time.macros import ds_add
from airflow.serialization.serialized_objects import OperatorSerialization

from airflow_home import DAGS
from changelog_lake import DAY, ChangelogLake, Remembered, change
from localaws.server import LocalAws
from salesflow import queries
from salesflow.daily_page import REPORTS, page_key
from salesflow.pages.formatting import MINUS
from salesflow_airflow.operators.page import PageLink, WritePageOperator
from salesflow_airflow.operators.report import ReportOperator
from salesflow_airflow.tables import MACROS, TABLES, VIEWS

OTHER_DAY = "2026-02-24"
WATERMARK = "2026-03-05T00:10:00+00:00"
PATIENCE = queries.Patience
NAMESPACE = {"dag_id": "reports", "run_id": "run", "try_number": 1, "max_tries": 2}
Run = Callable[..., Any]


@pytest.fixture(scope="module")
def made_before() -> list[Remembered]:
    """The lake once it was made: that of each test is the same at first."""
    return []


@pytest.fixture
def lake(
    aws_default: LocalAws, monkeypatch: pytest.MonkeyPatch, made_before: list[Remembered]
) -> ChangelogLake:
    """A lake with all tables, two orders of a day, and a merge of theirs that was checked."""
    monkeypatch.setattr(
        queries,
        "Patience",
        lambda **more: PATIENCE(**more | {"interval": 0}, sleep=lambda _: aws_default.step()),
    )
    lake = ChangelogLake(aws_default)
    for made in made_before:
        lake.recall(made)
        return lake
    with DAG("declare", schedule=None, template_searchpath=[str(DAGS)], user_defined_macros=MACROS):
        declare = WritePageOperator(task_id="declare", days=[], results=[], **LAKE)
    for statement in [*TABLES, *VIEWS]:
        lake.query(declare.render_template(statement, {"task": declare, "run_id": "merge"}))
    lake.arrive(change("a", 1, "INSERT"), change("b", 2, "INSERT", product_name="</script>"))
    lake.merge()
    at = f"TIMESTAMP '{DAY} 23:00:00'"
    lake.query(f"INSERT INTO merged_days VALUES ('merge', {at}, DATE '{DAY}')")
    lake.query(
        "INSERT INTO check_results VALUES "
        f"('merge', {at}, 'volume', 'warning', 'failed', CAST(2 AS bigint), 'only two rows'),"
        f"('another', {at}, 'foreign', 'warning', 'failed', CAST(1 AS bigint), 'not of this day')"
    )
    made_before.append(lake.remember())
    return lake


LAKE: dict[str, Any] = {
    "bucket": "lake",
    "database": "sales",
    "workgroup": "sales",
    "shop": "salesflow test",
    "watermark": WATERMARK,
}


@dataclass
class Stored:
    """What the reports of a page return, and the files that they store."""

    results: list[list[dict[str, Any]]]
    files: dict[str, bytes]


@pytest.fixture(scope="module")
def stored_before() -> list[Stored]:
    """The reports once they were run: each test's lake holds the same, so they are the same."""
    return []


@pytest.fixture
def reports(lake: ChangelogLake, stored_before: list[Stored]) -> list[list[dict[str, Any]]]:
    """What the reports of a page return, all stored."""
    for stored in stored_before:
        for key, body in stored.files.items():
            lake.s3.put_object(Bucket="lake", Key=key, Body=body)
        return deepcopy(stored.results)
    results = []
    with DAG("reports", schedule=None, template_searchpath=[str(DAGS)], user_defined_macros=MACROS):
        for name in sorted(REPORTS):
            more = {key: LAKE[key] for key in ("bucket", "database", "workgroup", "watermark")}
            report = ReportOperator(task_id=f"run_{name}", report=name, days=[DAY], **more)
            results.append(report.execute(context(report)))
    files = {
        entry["Key"]: lake.s3.get_object(Bucket="lake", Key=entry["Key"])["Body"].read()
        for entry in lake.s3.list_objects_v2(Bucket="lake", Prefix="reports/")["Contents"]
    }
    stored_before.append(Stored(deepcopy(results), files))
    return results


def context(task: Any, **ti: Any) -> Any:
    return {
        "ti": SimpleNamespace(**NAMESPACE, **ti),
        "task": task,
        "macros": SimpleNamespace(ds_add=ds_add),
        **MACROS,
    }


def write(
    results: list[list[dict[str, Any]]], *days: str, asked: Iterable[str] = REPORTS
) -> tuple[list[str], dict[str, str]]:
    """What the task returns, and what it leaves for its link."""
    pushed: dict[str, str] = {}
    with DAG("reports", schedule=None, template_searchpath=[str(DAGS)], user_defined_macros=MACROS):
        page = WritePageOperator(
            task_id="write_page",
            days=list(days),
            reports=list(asked),
            results=results,
            retries=2,
            retry_delay=timedelta(0),
            **LAKE,
        )
    push = lambda key, value: pushed.update({key: value})  # noqa: E731
    return page.execute(context(page, xcom_push=push)), pushed


def page(lake: ChangelogLake, day: str = DAY) -> str:
    answer = lake.s3.get_object(Bucket="lake", Key=page_key(day))
    assert answer["ContentType"] == "text/html; charset=utf-8"
    return str(answer["Body"].read().decode())


def test_a_page_is_of_the_lake_and_its_link_opens_it(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    uris, pushed = write(reports, DAY)
    assert uris == [f"s3://lake/reports/page/dt={DAY}/page.html"]
    text = page(lake)
    assert "All that was written until 5 Mar 2026, 00:10 UTC is in these figures." in text
    assert "$1,998.00" in text
    assert "only two rows" in text
    assert "not of this day" not in text
    assert "There is no projection: none was made by the end of 2026-03-04" in text
    assert "Missing, as" not in text
    with urlopen(pushed["page_url"], timeout=10) as answer:
        assert answer.read().decode() == text
    write(reports, DAY)
    assert page(lake) == text


def test_a_report_that_failed_is_named_on_the_page(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    write([days for days in reports if days[0]["name"] != "sales_by_brand"], DAY)
    assert "Missing, as the reports failed or were never made: sales by brand." in page(lake)


def test_a_report_that_failed_on_one_day_is_missing_on_that_day_s_page_only(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    copy_reports(lake, DAY, OTHER_DAY)
    other = [[day | {"day": OTHER_DAY} for day in days] for days in reports]
    both = [
        days + more if days[0]["name"] != "sales_by_brand" else more
        for days, more in zip(reports, other, strict=True)
    ]
    write(both, DAY, OTHER_DAY)
    assert "never made: sales by brand." in page(lake)
    assert "never made" not in page(lake, OTHER_DAY)


def copy_reports(lake: ChangelogLake, day: str, to: str) -> None:
    """The files of a day's reports, as if they were those of another."""
    for entry in lake.s3.list_objects_v2(Bucket="lake", Prefix="reports/")["Contents"]:
        source = {"Bucket": "lake", "Key": entry["Key"]}
        key = entry["Key"].replace(day, to)
        lake.s3.copy_object(Bucket="lake", Key=key, CopySource=source)


def test_a_run_of_one_report_shows_the_others_as_they_are_stored(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    write([days for days in reports if days[0]["name"] == "day_totals"], DAY, asked=["day_totals"])
    assert "never made" not in page(lake)
    with pytest.raises(AirflowSkipException, match="no page shows orders, data_quality"):
        write([], DAY, asked=["orders", "data_quality"])


def test_a_page_is_written_anew_without_reports_of_the_run_or_skipped(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    write([], DAY, asked=[])
    assert "$1,998.00" in page(lake)
    with pytest.raises(AirflowSkipException, match=f"no report of {OTHER_DAY} is stored"):
        write([], OTHER_DAY, asked=[])


def test_a_day_of_which_nothing_is_stored_is_named_and_the_others_have_pages(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    with pytest.raises(AirflowException, match=f"no report of {OTHER_DAY} is stored"):
        write(reports, OTHER_DAY, DAY)
    assert "Sales of Wednesday, 4 March 2026" in page(lake)


def test_the_page_shows_how_its_day_was_restated_and_the_newest_projection_that_it_knew(
    lake: ChangelogLake, reports: list[list[dict[str, Any]]]
) -> None:
    for day, difference in ((DAY, "-149.0"), (OTHER_DAY, "-7.5")):
        lake.query(
            f"INSERT INTO restatements VALUES ('day_totals', DATE '{day}', 2, 'net_sales', "
            f"CAST(500 AS decimal(38, 4)), CAST(351 AS decimal(38, 4)), "
            f"CAST({difference} AS decimal(38, 4)), CAST(1 AS bigint), CAST(1 AS bigint), 'run', "
            "TIMESTAMP '2026-03-12 00:30:00')"
        )
    decimals = ", ".join(f"CAST({value} AS decimal(38, 4))" for value in (100, 80, 120, 60, 140))
    for as_of, model in (("2026-03-03", "theta"), ("2026-03-05", "clairvoyant")):
        for measure in ("revenue", "units"):
            lake.query(
                f"INSERT INTO sales_projection VALUES (DATE '{as_of}', DATE '2026-03-06', 'total', "
                f"'total', '{measure}', {decimals}, '{model}')"
            )
    write(reports, DAY)
    text = page(lake)
    assert f"{MINUS}$149.00" in text
    assert "$7.50" not in text
    assert "The model is: theta." in text
    assert "clairvoyant" not in text


def test_the_link_is_what_the_task_has_left(monkeypatch: pytest.MonkeyPatch) -> None:
    left = {"page_url": "http://127.0.0.1:1/lake/reports/page/dt=2026-03-04/page.html"}
    monkeypatch.setattr(
        "salesflow_airflow.operators.page.XCom.get_value", lambda ti_key, key: left.get(key)
    )
    assert PageLink().get_link(None, ti_key=None) == left["page_url"]
    left.clear()
    assert PageLink().get_link(None, ti_key=None) == ""


def test_on_aws_the_link_leads_to_the_console(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AIRFLOW_CONN_AWS_DEFAULT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", CONNECTION)
    task = WritePageOperator(task_id="write_page", days=[], results=[], **LAKE)
    assert task.address(page_key(DAY)) == (
        "https://console.aws.amazon.com/s3/object/lake"
        "?region=eu-central-1&prefix=reports%2Fpage%2Fdt%3D2026-03-04%2Fpage.html"
    )


CONNECTION = (
    '{"conn_type": "aws", "login": "a", "password": "b", "extra": {"region_name": "eu-central-1"}}'
)


def test_airflow_shows_the_link_of_the_task(dag_bag: Any) -> None:
    task = dag_bag.dags["daily_sales_reports"].get_task("write_page")
    stored = OperatorSerialization.serialize_operator(task)
    assert stored["_operator_extra_links"] == {"Report": "_link_PageLink"}


def test_a_failed_report_fails_the_run_though_the_page_is_written(dag_bag: Any) -> None:
    dag = dag_bag.dags["daily_sales_reports"]
    leaves = {task.task_id: task.trigger_rule for task in dag.leaves}
    assert leaves == {
        "record_reports": "all_success",
        "write_page": "all_done_min_one_success",
    }
    assert dag.get_task("record_reports").upstream_task_ids >= {"run_report"}


def test_what_the_others_stored_is_recorded_although_a_report_failed(dag_bag: Any) -> None:
    dag = dag_bag.dags["daily_sales_reports"]
    record = dag.get_task("record_restatements")
    assert record.trigger_rule == "all_done_min_one_success"
    assert "run_report" in record.upstream_task_ids
    assert "record_restatements" in dag.get_task("record_reports").upstream_task_ids


def test_no_page_is_tried_of_a_day_that_is_refused(dag_bag: Any) -> None:
    """All that the page waits for comes after the day, so nothing of it has succeeded."""
    dag = dag_bag.dags["daily_sales_reports"]
    after = dag.get_task("choose_day").get_flat_relative_ids(upstream=False)
    for task in ("write_page", "record_restatements"):
        assert dag.get_task(task).upstream_task_ids <= after


def test_a_run_that_found_no_days_writes_no_page(lake: ChangelogLake) -> None:
    with pytest.raises(AirflowSkipException, match="no days to write pages of: see find_days"):
        write([])


def test_no_page_is_tried_where_nothing_is_deployed(dag_bag: Any) -> None:
    """All that the page waits for is skipped with the names of what is deployed."""
    dag = dag_bag.dags["daily_sales_reports"]
    outputs = dag.get_task("read_outputs")
    after = outputs.get_flat_relative_ids(upstream=False)
    assert dag.get_task("write_page").upstream_task_ids <= after | {"read_outputs"}
