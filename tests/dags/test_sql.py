"""What the SQL means, on rows that arrive as Firehose may deliver them: twice and in disorder."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.execution_time.macros import ds_add
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_home import DAGS
from localaws.server import LocalAws
from salesflow.bronze import declared_columns
from salesflow.patience import Patience
from salesflow.queries import Row, ask

DAY = "2026-03-04"
NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())
REPORTS = sorted(path.stem for path in (DAGS / "sql" / "reports").glob("*.sql"))


class Lake:
    """A changelog in the local AWS, and the project's SQL on it."""

    def __init__(self, local_aws: LocalAws) -> None:
        self.local_aws = local_aws
        self.s3, self.glue, self.athena = map(local_aws.aws.client, ("s3", "glue", "athena"))
        self.s3.create_bucket(Bucket="lake")
        self.glue.create_database(DatabaseInput={"Name": "sales"})
        self.storage: dict[str, Any] = {
            "Columns": declared_columns([]),
            "InputFormat": "org.apache.hadoop.mapred.TextInputFormat",
            "OutputFormat": "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat",
            "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
        }
        self.glue.create_table(
            DatabaseName="sales",
            TableInput={
                "Name": "orders_changelog",
                "TableType": "EXTERNAL_TABLE",
                "PartitionKeys": [
                    {"Name": "dt", "Type": "string"},
                    {"Name": "hour", "Type": "string"},
                ],
                "Parameters": {"classification": "json"},
                "StorageDescriptor": {**self.storage, "Location": self.place()},
            },
        )
        self.athena.create_work_group(
            Name="sales",
            Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}},
        )

    def place(self, *values: str) -> str:
        folders = "".join(f"{k}={v}/" for k, v in zip(("dt", "hour"), values, strict=False))
        return f"s3://lake/bronze/orders_changelog/{folders}"

    def arrive(self, *rows: dict[str, Any], dt: str = DAY) -> None:
        """Rows arrive in a partition of their own."""
        place = self.place(dt, "12")
        self.s3.put_object(
            Bucket="lake",
            Key=f"{place.removeprefix('s3://lake/')}{rows[0]['event_id']}.json",
            Body="".join(json.dumps(row) + "\n" for row in rows).encode(),
        )
        storage = {**self.storage, "Location": place}
        self.glue.create_partition(
            DatabaseName="sales",
            TableName="orders_changelog",
            PartitionInput={"Values": [dt, "12"], "StorageDescriptor": storage},
        )

    def run(self, name: str, **task: Any) -> list[Row]:
        """The rows of one of the project's statements, rendered as Airflow does."""
        environment = Environment(loader=FileSystemLoader(DAGS), undefined=StrictUndefined)
        sql = environment.get_template(f"sql/{name}.sql").render(
            task=task, macros={"ds_add": ds_add}
        )
        return self.query(sql)

    def query(self, sql: str) -> list[Row]:
        """The rows of any statement."""
        patience = Patience(timeout=30, interval=0, sleep=lambda _: self.local_aws.step())
        return list(
            ask(self.athena, sql, database="sales", workgroup="sales", patience=patience).rows
        )

    def current(self, columns: str) -> list[Row]:
        """Columns of the view of current orders."""
        self.run("orders_current")
        return self.query(f"SELECT {columns} FROM orders_current ORDER BY orderid")


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    return Lake(local_aws)


def change(orderid: str, number: int, event_type: str = "MODIFY", **more: Any) -> dict[str, Any]:
    row = {
        "orderid": orderid,
        "product_name": "Laptop",
        "quantity": 2,
        "price": 499.5,
        "order_ts": f"{DAY}T10:00:00.000Z",
        "event_type": event_type,
        "event_id": f"{orderid}-{number}",
        "sequence_number": str(number),
        "creation_time": NOON + number % 1000,
    }
    return {key: value for key, value in {**row, **more}.items() if value is not None}


def test_the_newest_sequence_number_wins_whatever_the_order_of_arrival(lake: Lake) -> None:
    lake.arrive(change("a", 100, status="shipped"), change("a", 99, status="paid"))
    assert lake.current("orderid, status") == [("a", "shipped")]


def test_a_repeated_change_counts_once(lake: Lake) -> None:
    row = change("a", 1, "INSERT")
    lake.arrive(row, row)
    assert lake.current("orderid, quantity * price") == [("a", "999.0000")]


def test_a_removed_order_is_hidden_and_a_late_duplicate_does_not_bring_it_back(lake: Lake) -> None:
    lake.arrive(change("a", 1, "INSERT"), change("a", 2, "REMOVE"))
    lake.arrive(change("a", 1, "INSERT"), dt="2026-03-05")
    assert lake.current("orderid") == []


def test_an_order_without_time_is_dated_by_its_first_change(lake: Lake) -> None:
    later = NOON + 86_400
    lake.arrive(change("a", 1, "INSERT", order_ts=None), change("b", 1, "INSERT", order_ts="soon"))
    lake.arrive(change("a", 2, order_ts=None, creation_time=later), dt="2026-03-05")
    assert lake.current("orderid, order_date") == [("a", DAY), ("b", DAY)]


def test_a_day_is_that_of_utc(lake: Lake) -> None:
    lake.arrive(change("a", 1, "INSERT", order_ts="2026-03-04T23:30:00-05:00"))
    assert lake.current("order_date") == [("2026-03-05",)]


def report(lake: Lake, name: str, day: str = DAY) -> list[Row]:
    return lake.run(f"reports/{name}", day=day)


def test_a_report_counts_an_order_on_its_day_in_its_newest_state(lake: Lake) -> None:
    lake.arrive(change("a", 1, "INSERT", quantity=1), change("b", 1, "INSERT"))
    lake.arrive(change("a", 2, quantity=5), change("b", 2, "REMOVE"), dt="2026-03-06")
    assert report(lake, "sales_by_product") == [("Laptop", "1", "5", "2497.5000")]
    assert report(lake, "sales_by_product", "2026-03-06") == []


def test_a_change_of_an_older_order_without_time_is_no_order_of_the_day(lake: Lake) -> None:
    lake.arrive(change("a", 1, "INSERT", order_ts=None), dt="2026-03-01")
    lake.arrive(change("a", 2, order_ts=None), change("b", 1, "INSERT", order_ts=None))
    assert [row[0] for row in report(lake, "orders")] == ["b"]


def test_the_orders_over_100_are_the_ten_newest(lake: Lake) -> None:
    prices = [100, 100.01, *(200 for _ in range(11))]
    lake.arrive(*(change(f"o{n:02}", 1, "INSERT", price=p) for n, p in enumerate(prices)))
    assert [row[0] for row in report(lake, "orders_over_100")] == [
        f"o{n:02}" for n in range(12, 2, -1)
    ]


def test_products_are_counted_and_named(lake: Lake) -> None:
    names = ["Phone", "Charger", "Phone"]
    lake.arrive(*(change(f"o{n}", 1, "INSERT", product_name=p) for n, p in enumerate(names)))
    assert report(lake, "unique_products") == [("2", "Charger, Phone")]


@pytest.mark.parametrize("name", REPORTS)
def test_a_day_without_orders_has_a_report(lake: Lake, name: str) -> None:
    lake.arrive(change("a", 1, "INSERT"))
    assert report(lake, name, "2026-03-05") in ([], [("0", None)])


def test_faulty_rows_are_named_with_their_object(lake: Lake) -> None:
    lake.arrive(
        change("good", 1, "INSERT"),
        change("", 2, "INSERT"),
        change("a", 3, "UPSERT"),
        change("b", 4, "INSERT", price=None),
        change("gone", 5, "REMOVE", price=None, quantity=None, product_name=None),
        change("c", 6, "INSERT", sequence_number=None),
    )
    found = lake.run("check_rows", first_day="2026-03-03")
    assert sorted(str(row[0]) for row in found) == [
        "event_type",
        "no orderid",
        "no product_name, quantity or price",
        "no sequence_number",
    ]
    assert {row[-1] for row in found} == {f"{lake.place(DAY, '12')}good-1.json"}


def test_only_the_partitions_of_the_delivery_are_checked(lake: Lake) -> None:
    lake.arrive(change("", 1, "INSERT"), dt="2026-03-01")
    assert lake.run("check_rows", first_day="2026-03-03") == []


def test_changes_are_counted_once_and_within_their_time(lake: Lake) -> None:
    row = change("a", 10, "INSERT")
    lake.arrive(row, row, change("a", 20), change("a", 31))
    counted = lake.run(
        "count_changes", first_day=DAY, first_second=NOON + 10, last_second=NOON + 30
    )
    assert counted == [("2",)]
