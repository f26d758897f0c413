"""The tasks that keep silver, on the local Athena: what they run, and what a retry repeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.amazon.aws.utils import waiter_with_logging
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airflow_home import DAGS
from changelog_lake import DAY, ChangelogLake, change
from localaws.server import LocalAws
from salesflow import silver
from salesflow_airflow.operators.silver import (
    DeclareTablesOperator,
    MergeOrdersOperator,
    ReadWatermarkOperator,
    RecordMergeOperator,
)
from salesflow_airflow.tables import MACROS, TABLES

ATHENA = {"database": "sales", "workgroup": "sales", "retries": 2, "retry_delay": timedelta(0)}
SILVER = [statement for statement in TABLES if statement.startswith("sql/silver/")]
VIEWS = ["sql/orders_current.sql"]
Run = Callable[..., Any]


@pytest.fixture
def lake(aws_default: LocalAws, monkeypatch: pytest.MonkeyPatch) -> ChangelogLake:
    """A lake without silver, in which waiting for a query makes it run."""
    turning = SimpleNamespace(sleep=lambda _: aws_default.step())
    monkeypatch.setattr(waiter_with_logging, "time", turning)
    return ChangelogLake(aws_default)


@pytest.fixture
def run(lake: ChangelogLake) -> Run:
    """Runs a task of the DAG as Airflow does: what it returns."""

    def run_operator(
        kind: type[Any],
        task_id: str,
        run_id: str = "manual__2026",
        try_number: int = 1,
        **arguments: Any,
    ) -> Any:
        with DAG(
            "ingest", schedule=None, template_searchpath=[str(DAGS)], user_defined_macros=MACROS
        ):
            operator = kind(task_id=task_id, **ATHENA, **arguments)
        operator.resolve_template_files()
        context = {
            "task": operator,
            "run_id": run_id,
            "ti": SimpleNamespace(
                dag_id="ingest",
                run_id=run_id,
                task_id=task_id,
                map_index=-1,
                try_number=try_number,
                max_tries=2,
                xcom_push=lambda **_: None,
            ),
        }
        operator.render_template_fields(context)
        return operator.execute(context)

    return run_operator


def declare(run: Run, run_id: str = "manual__2026") -> list[str]:
    added: list[str] = run(
        DeclareTablesOperator,
        "declare_tables",
        run_id=run_id,
        bucket="lake",
        tables=SILVER,
        views=VIEWS,
    )
    return added


def delivery(*partitions: tuple[str, str]) -> dict[str, Any]:
    """What the delivery sensor found."""
    return {
        "partitions": [list(partition) for partition in partitions],
        "watermark": "2026-03-04T12:30:00+00:00",
        "written_until": "2026-03-04T12:29:00.250000+00:00",
    }


def merge(run: Run, *partitions: tuple[str, str], **more: Any) -> dict[str, Any]:
    merged: dict[str, Any] = run(
        MergeOrdersOperator, "merge_orders", delivery=delivery(*partitions), **more
    )
    return merged


def queries(lake: ChangelogLake) -> int:
    """How many queries Athena was given."""
    return len(lake.athena.list_query_executions(WorkGroup="sales")["QueryExecutionIds"])


def test_tables_and_views_are_made_once(lake: ChangelogLake, run: Run) -> None:
    assert declare(run) == []
    lake.arrive(change("a", 1, "INSERT"))
    lake.merge()
    before = queries(lake)
    assert declare(run, "the next") == []
    assert queries(lake) == before + len(VIEWS)
    assert lake.current("orderid") == [("a",)]


def test_a_decimal_that_was_declared_wider_since_gets_its_digits(
    lake: ChangelogLake, run: Run
) -> None:
    statement = (DAGS / "sql" / "gold" / "create_projection_accuracy.sql").read_text()
    narrow = statement.replace("{{ task.bucket }}", "lake").replace("decimal(38", "decimal(18")
    lake.query(narrow)
    lake.query(
        "INSERT INTO projection_accuracy (name, actual) VALUES ('a', CAST(1.5 AS decimal(18, 4)))"
    )
    tables = ["sql/gold/create_projection_accuracy.sql"]
    for run_id in ("first", "second"):
        run(
            DeclareTablesOperator,
            "declare_tables",
            run_id=run_id,
            bucket="lake",
            tables=tables,
            views=[],
        )
    lake.query(
        "INSERT INTO projection_accuracy (name, actual)"
        " VALUES ('b', CAST(214748364699999999999999.5 AS decimal(38, 4)))"
    )
    assert lake.query("SELECT actual FROM projection_accuracy ORDER BY name") == [
        ("1.5000",),
        ("214748364699999999999999.5000",),
    ]


def test_an_attribute_that_was_declared_since_becomes_a_column(
    lake: ChangelogLake, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as before:
        known = tuple(c for c in silver.ORDERS_COLUMNS if c.name != "channel")
        before.setattr(silver, "ORDERS_COLUMNS", known)
        lake.run("silver/create_orders")
        lake.run("silver/create_merged_days")
        state = tuple(c for c in silver.STATE_COLUMNS if c.name != "channel")
        before.setattr(silver, "STATE_COLUMNS", state)
        lake.arrive(change("a", 1, "INSERT", attributes='{"channel":"web"}'))
        lake.merge()

    assert declare(run) == ["channel"]
    lake.arrive(change("b", 2, "INSERT", channel="store"), hour="13")
    lake.merge([(DAY, "13")])
    assert lake.current("orderid, channel") == [("a", None), ("b", "store")]

    # The runbook's way to fill the rows that are there.
    lake.query(
        "UPDATE orders SET channel = json_extract_scalar(attributes, '$.channel') "
        "WHERE channel IS NULL AND json_extract_scalar(attributes, '$.channel') IS NOT NULL"
    )
    assert lake.current("orderid, channel") == [("a", "web"), ("b", "store")]
    assert declare(run) == []


def test_a_column_that_was_dropped_by_hand_fails_the_run_by_its_name(
    lake: ChangelogLake, run: Run
) -> None:
    declare(run)
    lake.query("ALTER TABLE orders DROP COLUMN price")
    with pytest.raises(AirflowFailException, match="altered by hand: column price was dropped"):
        declare(run)


def test_a_column_that_was_retyped_by_hand_fails_the_run_by_its_name(
    lake: ChangelogLake, run: Run
) -> None:
    declare(run)
    lake.query("ALTER TABLE orders CHANGE COLUMN quantity quantity bigint")
    with pytest.raises(AirflowFailException, match="column quantity is bigint, not int"):
        declare(run)


def test_a_merge_says_what_it_read_and_wrote(lake: ChangelogLake, run: Run) -> None:
    declare(run)
    row = change("a", 1, "INSERT")
    lake.arrive(row, row, change("a", 2), change("b", 3, "INSERT", order_ts=None))
    merged = merge(run, (DAY, "12"))
    assert (merged["changes"], merged["orders"], merged["order_dates"]) == (3, 2, 1)
    assert merged["scanned_bytes"] > 0
    assert lake.current("orderid") == [("a",), ("b",)]


def noted(lake: ChangelogLake) -> list[str | None]:
    """The days that merges have touched, in the order of the merges."""
    return [day for [day] in lake.query("SELECT order_date FROM merged_days ORDER BY merged_at, 1")]


def test_the_days_that_a_merge_touches_are_noted_and_those_that_orders_leave(
    lake: ChangelogLake, run: Run
) -> None:
    declare(run)
    lake.arrive(change("a", 1, "INSERT"), change("b", 2, "INSERT"))
    merge(run, (DAY, "12"))
    lake.arrive(change("a", 3, order_ts="2026-02-01"), hour="13")
    merge(run, (DAY, "13"))
    assert noted(lake) == [DAY, "2026-02-01", DAY]


def test_days_of_changes_that_came_while_it_merged_are_noted_by_the_next(
    lake: ChangelogLake, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(run)
    lake.arrive(change("a", 1, "INSERT"))
    run_statement = MergeOrdersOperator.run_statement

    def overtaken(operator: Any, statement: str, context: Any) -> None:
        if "MERGE" in statement:
            lake.arrive(change("late", 2, "INSERT", order_ts="2026-02-01"))
        run_statement(operator, statement, context)

    with monkeypatch.context() as patch:
        patch.setattr(MergeOrdersOperator, "run_statement", overtaken)
        merge(run, (DAY, "12"))
    assert noted(lake) == [DAY]
    for following in ("the next", "the one after"):
        assert merge(run, (DAY, "12"), run_id=following)["orders"] == 0
        assert noted(lake) == [DAY, "2026-02-01"]


def test_without_new_rows_nothing_is_asked(lake: ChangelogLake, run: Run) -> None:
    before = queries(lake)
    assert merge(run)["changes"] == 0
    assert queries(lake) == before


def many_days(number: int) -> list[dict[str, Any]]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        change(f"o{n:03}", n + 1, "INSERT", order_ts=(start + timedelta(days=n)).isoformat())
        for n in range(number)
    ]


def test_a_retry_goes_on_with_the_statement_that_failed(
    lake: ChangelogLake, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    declare(run)
    lake.arrive(*many_days(60))
    run_statement = MergeOrdersOperator.run_statement

    def killed_at_the_last(operator: Any, statement: str, context: Any) -> None:
        if "MERGE" in statement and operator.until is None:
            raise AirflowException("the worker is gone")
        run_statement(operator, statement, context)

    with monkeypatch.context() as patch:
        patch.setattr(MergeOrdersOperator, "run_statement", killed_at_the_last)
        with pytest.raises(AirflowException, match="the worker is gone"):
            merge(run, (DAY, "12"))
    assert lake.query("SELECT count(*) FROM orders") == [("50",)]
    before = queries(lake)
    assert merge(run, (DAY, "12"), try_number=2)["orders"] == 60
    assert queries(lake) == before + 1
    assert lake.query("SELECT count(*) FROM orders") == [("60",)]


def record(run: Run, **more: Any) -> None:
    run(
        RecordMergeOperator,
        "record_merge",
        merged={"changes": 3, "orders": 2},
        delivery=delivery(("2026-03-03", "23"), (DAY, "12")),
        **more,
    )


def watermark(run: Run) -> Any:
    return run(ReadWatermarkOperator, "read_watermark")


def test_before_the_first_merge_there_is_no_watermark(lake: ChangelogLake, run: Run) -> None:
    declare(run)
    assert watermark(run) == {"newest": None, "complete_until": None}


def test_a_recorded_merge_is_the_watermark(lake: ChangelogLake, run: Run) -> None:
    declare(run)
    lake.arrive(change("a", 1, "INSERT"))
    lake.merge()
    record(run)
    assert lake.query("SELECT run_id, first_dt, last_dt, changes, orders FROM merges") == [
        ("manual__2026", "2026-03-03", DAY, "3", "2")
    ]
    assert watermark(run) == {
        "newest": "2026-03-04T12:30:00+00:00",
        "complete_until": "2026-03-04T12:29:00.250000+00:00",
    }


def test_a_retry_records_no_merge_twice(lake: ChangelogLake, run: Run) -> None:
    declare(run)
    record(run)
    record(run, try_number=2)
    assert lake.query("SELECT count(*) FROM merges") == [("1",)]


def test_a_table_that_was_dropped_is_filled_again_from_the_beginning(
    lake: ChangelogLake, run: Run
) -> None:
    declare(run)
    record(run)
    lake.query("DROP TABLE orders")
    declare(run, "the next")
    assert watermark(run)["newest"] is None
