"""A generated world in the local AWS: as the reports see it, and as the generator recorded it."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

from airflow.sdk.execution_time.macros import ds_add
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from airflow_home import DAGS
from localaws.server import LocalAws
from salesflow.catalogue import CATALOGUE
from salesflow.generator import history
from salesflow.orders import Order, Put, Write
from salesflow.patience import Patience
from salesflow.queries import Answer, ask
from salesflow.warehouse import restocks_of, store_restocks
from written_orders import newest

UNTIL = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = date(2026, 3, 3)
UNKNOWN = "Toaster 'XL'"

Values = dict[str, Any]
Orders = list[Order]


class Shop:
    """A generated world as the reports see it, and as the generator recorded it."""

    def __init__(self, aws: LocalAws) -> None:
        self.aws = aws
        self.s3, self.athena = map(aws.aws.client, ("s3", "athena"))
        self.s3.create_bucket(Bucket="lake")
        aws.aws.client("glue").create_database(DatabaseInput={"Name": "sales"})
        self.athena.create_work_group(
            Name="sales",
            Configuration={"ResultConfiguration": {"OutputLocation": "s3://lake/results/"}},
        )
        writes = list(history(orders=3000, days=60, until=UNTIL, seed=7))
        self.orders = [unusual(order) for order in newest(writes)]
        self.restocks = restocks_of(writes, UNTIL)
        store_restocks(self.s3, "lake", "test", self.restocks)
        lines = "".join(json.dumps(as_row(order)) + "\n" for order in self.orders)
        self.s3.put_object(Bucket="lake", Key="orders/rows.json", Body=lines.encode())
        self.run(ORDERS_CURRENT)
        for name in (
            *("reference/products", "reference/restocks", "quarantine/quarantined_records"),
            *("quarantine/redrives", "gate/create_rows_set_aside"),
        ):
            self.run(self.render(name))
        self.deliveries = deliveries(writes)
        self.deliver()

    def deliver(self) -> None:
        """The changes arrive, each in the folder of its hour; the crawler knows them."""
        self.run(ORDERS_CHANGELOG)
        folders = defaultdict(list)
        for each in self.deliveries:
            folders[f"dt={each.folder:%Y-%m-%d}/hour={each.folder:%H}"].append(each)
        for folder, arrived in folders.items():
            lines = "".join(json.dumps(each.row()) + "\n" for each in arrived)
            key = f"bronze/orders_changelog/{folder}/rows.json"
            self.s3.put_object(Bucket="lake", Key=key, Body=lines.encode())
        self.run("MSCK REPAIR TABLE orders_changelog")

    def render(self, name: str, day: date = DAY, **known: Any) -> str:
        environment = Environment(loader=FileSystemLoader(DAGS), undefined=StrictUndefined)
        known = {"complete_until": midnight(day + timedelta(days=1)), "has_changelog": True} | known
        return environment.get_template(f"sql/{name}.sql").render(
            task=SimpleNamespace(day=day.isoformat(), bucket="lake", **known),
            macros=SimpleNamespace(ds_add=ds_add),
            catalogue=CATALOGUE,
        )

    def run(self, sql: str) -> Answer:
        """Run a statement of any kind."""
        patience = Patience(timeout=60, interval=0, sleep=lambda _: self.aws.step())
        return ask(self.athena, sql, database="sales", workgroup="sales", patience=patience)

    def query(self, sql: str) -> list[Values]:
        """The rows of a query, typed."""
        answer = self.run(sql)
        return [
            {
                name: parsed(kind, value)
                for (name, kind), value in zip(answer.columns, row, strict=True)
            }
            for row in answer.rows
        ]

    def report(self, name: str, day: date = DAY, **known: Any) -> list[Values]:
        return self.query(self.render(f"reports/{name}", day, **known))

    def sold(self, first: date, last: date) -> Orders:
        return [order for order in self.orders if first <= day_of(order) <= last]


ORDERS_CURRENT = """
CREATE EXTERNAL TABLE orders_current (
    orderid string, customer_id string, product_name string, category string, brand_name string,
    quantity int, price decimal(18, 4), channel string, country string, status string,
    order_ts timestamp, order_date date
)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/orders/'
"""

ORDERS_CHANGELOG = """
CREATE EXTERNAL TABLE orders_changelog (
    orderid string, event_type string, event_id string, creation_time bigint
)
PARTITIONED BY (dt string, hour string)
ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
LOCATION 's3://lake/bronze/orders_changelog/'
"""


@dataclass(frozen=True)
class Delivery:
    """A change, and the hour in whose folder the object lies that brought it."""

    orderid: str
    event_type: str
    event_id: str
    at: datetime
    folder: datetime

    def row(self) -> Values:
        names = ("orderid", "event_type", "event_id")
        row = {name: getattr(self, name) for name in names}
        return row | {"creation_time": int(self.at.timestamp())}


def deliveries(writes: Iterable[Write]) -> list[Delivery]:
    """The changes as they may arrive: at once, in an object begun before, days later, or twice."""
    made = []
    for number, write in enumerate(writes):
        event = "REMOVE" if not isinstance(write, Put) else "INSERT" if write.is_new else "MODIFY"
        delay = timedelta(days=3) if number % 7 == 0 else timedelta(0)
        delay = timedelta(hours=-1) if write.at.hour == 0 else delay
        change = Delivery(write.orderid, event, f"event-{number}", write.at, write.at + delay)
        made.append(change)
        if number % 5 == 0:
            made.append(replace(change, folder=change.folder + timedelta(hours=6)))
    return made


def midnight(day: date) -> str:
    return f"{day} 00:00:00"


def unusual(order: Order) -> Order:
    """Some orders lack a customer or a channel, or are of a product that nobody knows."""
    number = int(order.orderid[-1], 36)
    more: Values = {}
    if number % 7 == 0:
        more = {"customer_id": None, "channel": None}
    elif number % 7 == 1:
        more = {"product_name": UNKNOWN, "category": None, "price": Decimal("25")}
    return SimpleNamespace(**{name: getattr(order, name) for name in order.__slots__} | more)  # type: ignore[return-value]


def as_row(order: Order) -> Values:
    moment = (order.order_ts or "").replace("T", " ").rstrip("Z")
    row = {name: getattr(order, name) for name in COLUMNS}
    return row | {"price": str(order.price), "order_ts": moment, "order_date": moment[:10]}


COLUMNS = (
    "orderid", "customer_id", "product_name", "category", "brand_name", "quantity", "channel",
    "country", "status",
)  # fmt: skip


def parsed(kind: str, value: str | None) -> Any:
    if value is None:
        return None
    if kind in {"bigint", "integer", "decimal"}:
        return Decimal(value)
    if kind == "date":
        return date.fromisoformat(value)
    return {"true": True, "false": False}[value] if kind == "boolean" else value


def day_of(order: Order) -> date:
    return date.fromisoformat((order.order_ts or "")[:10])
