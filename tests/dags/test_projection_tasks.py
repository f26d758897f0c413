"""The tasks of the projection on the local Athena: its tables and files, and what a rerun does."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from datetime import date, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.providers.amazon.aws.utils import waiter_with_logging
from airflow.sdk import DAG
from airflow.sdk.exceptions import AirflowSkipException

from airflow_home import DAGS
from localaws.server import LocalAws
from salesflow.patience import Patience
from salesflow.projection.stored import TABLES, columns
from salesflow.queries import Row, ask
from salesflow.report_store import read_manifest, report_key
from salesflow_airflow.operators.projection import (
    MeasureAccuracyOperator,
    ProjectSalesOperator,
    ReadHistoryOperator,
)
from shops import FIRST_DAY, poisson

DAYS = 200
AS_OF = FIRST_DAY + timedelta(days=DAYS - 11)
PRODUCTS = {"Laptop": "computers", "Tablet": "computers", "O'Neill case": None}
ATHENA = {"database": "sales", "workgroup": "sales", "retries": 2, "retry_delay": timedelta(0)}
WATERMARK = "2025-08-01T00:10:00+00:00"

ORDERS_CURRENT = """
CREATE EXTERNAL TABLE orders_current (
    orderid string, customer_id string, product_name string, category string, brand_name string,
    quantity int, price decimal(18, 4), channel string, country string, status string,
    order_ts timestamp, order_date date
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/orders/'
"""


def orders(days: int = DAYS) -> list[dict[str, Any]]:
    """An order a day of each product, and one that was cancelled."""
    made = []
    for number, (name, category) in enumerate(PRODUCTS.items()):
        for day, units in enumerate(map(int, poisson(days, 20, seed=number))):
            row = {
                "orderid": f"{number}-{day}",
                "product_name": name,
                "category": category,
                "quantity": units,
                "price": "12.5",
                "status": "paid",
                "order_date": (FIRST_DAY + timedelta(days=day)).isoformat(),
            }
            made += [row, row | {"orderid": f"{number}-{day}c", "status": "cancelled"}]
    return made


SOLD_LATER = sum(
    row["quantity"]
    for row in orders()
    if row["status"] == "paid" and row["order_date"] > AS_OF.isoformat()
)


class Lake:
    """Bucket and database with the tables of the projection, and orders."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.s3, self.athena = map(aws.aws.client, ("s3", "athena"))
        self.s3.create_bucket(Bucket="lake")
        aws.aws.client("glue").create_database(DatabaseInput={"Name": "sales"})
        self.athena.create_work_group(
            Name="sales",
            Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}},
        )
        self.query(ORDERS_CURRENT)
        for name in TABLES:
            sql = (DAGS / "sql" / "gold" / f"create_{name}.sql").read_text()
            self.query(sql.replace("{{ task.bucket }}", "lake"))

    def sell(self, rows: list[dict[str, Any]]) -> None:
        body = "".join(json.dumps(row) + "\n" for row in rows).encode()
        self.s3.put_object(Bucket="lake", Key="orders/rows.json", Body=body)

    def query(self, sql: str) -> list[Row]:
        patience = Patience(timeout=30, interval=0, sleep=lambda _: self.aws.step())
        return list(
            ask(self.athena, sql, database="sales", workgroup="sales", patience=patience).rows
        )

    def report(self, name: str, day: date = AS_OF) -> list[dict[str, str]]:
        key = report_key(name, day.isoformat())
        text = self.s3.get_object(Bucket="lake", Key=key)["Body"].read().decode()
        return list(csv.DictReader(text.splitlines()))

    def rows(self) -> dict[str, list[Row]]:
        return {
            name: sorted(self.query(f"SELECT {', '.join(columns(of))} FROM {name}"), key=str)
            for name, of in TABLES.items()
        }


@pytest.fixture
def lake(aws_default: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """A lake in which waiting for a query makes it run."""
    turning = SimpleNamespace(sleep=lambda _: aws_default.step())
    monkeypatch.setattr(waiter_with_logging, "time", turning)
    return Lake(aws_default)


@pytest.fixture
def run(lake: Lake) -> Callable[..., Any]:
    """Runs the tasks of the DAG as of a day: what the last one returns."""

    def execute(operator: Any, run_id: str) -> Any:
        operator.resolve_template_files()
        ti = SimpleNamespace(
            dag_id="project_sales",
            run_id=run_id,
            task_id=operator.task_id,
            map_index=-1,
            try_number=1,
            max_tries=2,
            xcom_push=lambda **_: None,
        )
        context = {"task": operator, "run_id": run_id, "ti": ti}
        operator.render_template_fields(context)
        return operator.execute(context)

    def run_tasks(day: date, *kinds: Any, run_id: str = "manual__1") -> Any:
        with DAG("project_sales", schedule=None, template_searchpath=[str(DAGS)]):
            read = ReadHistoryOperator(task_id="read_history", day=day.isoformat(), **ATHENA)
            history = execute(read, run_id)
            result = None
            for kind in kinds:
                operator = kind(
                    task_id=kind.__name__,
                    history=history,
                    bucket="lake",
                    watermark=WATERMARK,
                    **ATHENA,
                )
                result = execute(operator, run_id)
        return result

    return run_tasks


BOTH = (ProjectSalesOperator, MeasureAccuracyOperator)


@pytest.mark.parametrize("table", TABLES)
def test_the_tables_have_the_columns_of_their_rows(lake: Lake, table: str) -> None:
    described = lake.aws.aws.client("glue").get_table(DatabaseName="sales", Name=table)["Table"]
    there = {column["Name"]: column["Type"] for column in described["StorageDescriptor"]["Columns"]}
    names = {"varchar": "string", "integer": "int", "decimal(38, 4)": "decimal(38,4)"}
    assert there == {name: names.get(kind, kind) for name, kind in columns(TABLES[table]).items()}
    assert list(there) == list(columns(TABLES[table]))


def test_a_projection_is_stored_and_judged_when_its_days_have_come(
    lake: Lake, run: Callable[..., Any]
) -> None:
    lake.sell(orders())
    done = run(AS_OF, ProjectSalesOperator)
    assert done["rows"] == 28 * 2 * (3 + 2 + 1)  # days, measures; products, categories, total
    [[days, first, last, low, high]] = lake.query(
        "SELECT count(*), CAST(min(day) AS varchar), CAST(max(day) AS varchar), min(projected),"
        " max(projected) FROM sales_projection WHERE level = 'total' AND measure = 'units'"
    )
    assert (days, first) == ("28", (AS_OF + timedelta(days=1)).isoformat())
    assert last == (AS_OF + timedelta(days=28)).isoformat()
    # Cancelled orders, as many as the others, would double it.
    assert 30 < Decimal(low or 0) < Decimal(high or 0) < 110
    assert len(lake.report("sales_projection")) == done["rows"]
    assert {row["name"] for row in lake.report("projection_backtest")} >= set(PRODUCTS)
    assert [row["outcome"] for row in lake.report("projection_outcome")] == ["projected"]

    until = AS_OF + timedelta(days=10)
    judged = run(until, *BOTH, run_id="manual__2")
    assert judged == {"judged": 1, "known_until": until.isoformat()}
    [row] = lake.query(
        "SELECT CAST(as_of AS varchar), days, actual FROM projection_accuracy"
        " WHERE level = 'total' AND measure = 'units'"
    )
    assert row == (AS_OF.isoformat(), "10", f"{SOLD_LATER}.0000")
    assert len(lake.report("projection_accuracy", until)) == 2 * (3 + 2 + 1)

    before = lake.rows()
    manifests = [read_manifest(lake.s3, "lake", name, until.isoformat()) for name in TABLES]
    assert run(until, *BOTH, run_id="manual__3") == judged
    assert lake.rows() == before
    again = [read_manifest(lake.s3, "lake", name, until.isoformat()) for name in TABLES]
    assert again == manifests
    # As of an earlier day nothing is forgotten that is known since.
    assert run(AS_OF, *BOTH, run_id="manual__4") == judged
    assert lake.rows() == before


def test_too_little_history_is_a_sentence_and_no_number(
    lake: Lake, run: Callable[..., Any]
) -> None:
    lake.sell(orders())
    run(AS_OF, ProjectSalesOperator)
    month_before = (AS_OF - timedelta(days=30)).isoformat()
    lake.sell([row for row in orders() if row["order_date"] > month_before])
    with pytest.raises(AirflowSkipException, match=r"not enough history: needs 84 days.* has 29"):
        run(AS_OF, ProjectSalesOperator, run_id="manual__2")
    assert lake.rows() == {name: [] for name in TABLES}
    assert lake.report("sales_projection") == []
    [outcome] = lake.report("projection_outcome")
    assert outcome["outcome"] == "refused"
    assert outcome["sentence"].startswith("not enough history: needs 84 days")
    assert run(AS_OF, MeasureAccuracyOperator, run_id="manual__2") == {"judged": 0}
    assert lake.report("projection_accuracy") == []


def test_a_broken_history_is_a_sentence_too(lake: Lake, run: Callable[..., Any]) -> None:
    lake.sell([*orders(), orders()[0] | {"orderid": "nameless", "product_name": " "}])
    with pytest.raises(AirflowSkipException, match=r"the history is broken: row .*product_name"):
        run(AS_OF, ProjectSalesOperator)
    assert lake.rows()["sales_projection"] == []
