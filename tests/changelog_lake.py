"""A changelog in the local AWS, and the project's SQL on it, rendered as Airflow does."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, ClassVar

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from localaws.server import LocalAws
from salesflow import quality, rules, schema, silver
from salesflow.bronze import declared_columns
from salesflow.catalogue import CATALOGUE
from salesflow.merges import cuts, partition_condition
from salesflow.patience import Patience
from salesflow.queries import Row, ask

SQL = Path(__file__).resolve().parents[1] / "dags"
DAY = "2026-03-04"
NOON = int(datetime(2026, 3, 4, 12, tzinfo=UTC).timestamp())
# One for all lakes: it keeps the templates that it has compiled.
STATEMENTS = Environment(loader=FileSystemLoader(SQL), undefined=StrictUndefined)


TABLE_INPUT = (
    "Name",
    "TableType",
    "Parameters",
    "PartitionKeys",
    "StorageDescriptor",
    "ViewOriginalText",
    "ViewExpandedText",
)


@dataclass(frozen=True)
class Remembered:
    """What is in a lake: its objects, its tables, and the changelog's partitions."""

    objects: dict[str, bytes]
    tables: list[dict[str, Any]]
    partitions: list[tuple[str, str]]
    arrived: int


class ChangelogLake:
    """Bucket ``lake`` and database ``sales`` with a changelog, and silver after `declare`."""

    declared: ClassVar[Remembered | None] = None
    """A lake after the first `declare` of this process; the others are as it was."""

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
        self.partitions: list[tuple[str, str]] = []
        self.objects = 0

    def place(self, *values: str) -> str:
        """The URI of the changelog or of one of its partitions."""
        folders = "".join(f"{k}={v}/" for k, v in zip(("dt", "hour"), values, strict=False))
        return f"s3://lake/bronze/orders_changelog/{folders}"

    def arrive(self, *rows: dict[str, Any], dt: str = DAY, hour: str = "12") -> str:
        """Rows arrive in an object of their own; its URI."""
        place = self.place(dt, hour)
        self.objects += 1
        uri = f"{place}{self.objects:06}.json"
        self.s3.put_object(
            Bucket="lake",
            Key=uri.removeprefix("s3://lake/"),
            Body="".join(json.dumps(row) + "\n" for row in rows).encode(),
        )
        if (dt, hour) not in self.partitions:
            self._add_partition(dt, hour)
        return uri

    def _add_partition(self, dt: str, hour: str) -> None:
        self.partitions.append((dt, hour))
        storage = {**self.storage, "Location": self.place(dt, hour)}
        self.glue.create_partition(
            DatabaseName="sales",
            TableName="orders_changelog",
            PartitionInput={"Values": [dt, hour], "StorageDescriptor": storage},
        )

    def remember(self) -> Remembered:
        """All but results of queries, to be laid into the empty lake of another test."""
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket="lake")
        keys = [
            entry["Key"]
            for page in pages
            for entry in page.get("Contents", [])
            if not entry["Key"].startswith("results/")
        ]
        return Remembered(
            {key: self.s3.get_object(Bucket="lake", Key=key)["Body"].read() for key in keys},
            [
                {name: table[name] for name in TABLE_INPUT if name in table}
                for page in self.glue.get_paginator("get_tables").paginate(DatabaseName="sales")
                for table in page["TableList"]
                if table["Name"] != "orders_changelog"
            ],
            list(self.partitions),
            self.objects,
        )

    def recall(self, remembered: Remembered) -> None:
        """Be as the lake was that is remembered; a tenth of the work of making it."""
        for key, body in remembered.objects.items():
            self.s3.put_object(Bucket="lake", Key=key, Body=body)
        for table in remembered.tables:
            self.glue.create_table(DatabaseName="sales", TableInput=table)
        for dt, hour in remembered.partitions:
            self._add_partition(dt, hour)
        self.objects = remembered.arrived

    def render(self, name: str, **task: Any) -> str:
        """One of the project's statements."""
        return STATEMENTS.get_template(f"sql/{name}.sql").render(
            task={"bucket": "lake", **task},
            quality=quality,
            rules=rules,
            schema=schema,
            silver=silver,
            catalogue=CATALOGUE,
            run_id="manual__2026",
        )

    def run(self, name: str, **task: Any) -> list[Row]:
        """The rows of one of the project's statements."""
        return self.query(self.render(name, **task))

    def query(self, sql: str) -> list[Row]:
        """The rows of any statement."""
        patience = Patience(timeout=30, interval=0, sleep=lambda _: self.local_aws.step())
        return list(
            ask(self.athena, sql, database="sales", workgroup="sales", patience=patience).rows
        )

    def declare(self) -> None:
        """Make the tables of silver, and the view, in a lake to which nothing has come yet."""
        assert not self.objects
        if ChangelogLake.declared is not None:
            self.recall(ChangelogLake.declared)
            return
        for name in ("create_orders", "create_merges", "create_merged_days"):
            self.run(f"silver/{name}")
        self.run("orders_current")
        ChangelogLake.declared = self.remember()

    def everything(self) -> str:
        """The condition that selects all partitions."""
        return partition_condition(self.partitions)

    def merge(
        self,
        partitions: Sequence[tuple[str, str]] | None = None,
        at_once: int = 50,
        statements: int | None = None,
    ) -> list[str]:
        """Merge partitions (None: all) into silver, up to so many statements (None: all).

        Returns the order dates that are written to.
        """
        found = partition_condition(self.partitions if partitions is None else partitions)
        rows = self.run("silver/find_order_dates", new_partitions=found)
        dates = [day for day, *_ in rows if day is not None]
        for until in list(cuts(dates, at_once))[:statements]:
            self.run("silver/merge_orders", new_partitions=found, until=until)
        return dates

    def current(self, columns: str) -> list[Row]:
        """Columns of the view of current orders."""
        return self.query(f"SELECT {columns} FROM orders_current ORDER BY orderid")


def change(orderid: str, number: int, event_type: str = "MODIFY", **more: Any) -> dict[str, Any]:
    """A row of the changelog, good unless `more` says otherwise; None leaves a value out."""
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
