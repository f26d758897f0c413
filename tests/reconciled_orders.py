"""A table of orders, its stream of changes and silver, for the tests of reconciling."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import Environment, FileSystemLoader

from airflow_home import DAGS
from athena_queries import BUCKET, DATABASE, Athena
from localaws.server import LocalAws
from localaws_chain import Chain
from salesflow import silver
from salesflow.changes import Refused, changelog_row
from salesflow.patience import Patience
from salesflow.reconciliation.reconcile import Plan, reconcile
from salesflow.reconciliation.report import Reconciliation
from salesflow.schema import ORDER_ATTRIBUTES, SEQUENCE_NUMBER_DIGITS
from salesflow.seeds import seeded

WORKGROUP = "sales"
OUTPUTS = {
    "OrdersTableName": "orders",
    "DatabaseName": DATABASE,
    "WorkGroupName": WORKGROUP,
    "CdcStreamName": "cdc",
}
LAPTOP = {"product_name": {"S": "Laptop"}, "quantity": {"N": "2"}, "price": {"N": "10.5"}}
ROWS_AT_ONCE = 200


@dataclass
class Orders:
    """Orders that are written, piped and merged as far as a test says; time passes by `later`."""

    aws: LocalAws
    chain: Chain = field(init=False)
    athena: Athena = field(init=False)
    on_wait: Callable[[], None] = lambda: None

    def __post_init__(self) -> None:
        self.athena = Athena(self.aws)
        self.athena.client.create_work_group(
            Name=WORKGROUP,
            Configuration={
                "ResultConfiguration": {"OutputLocation": f"s3://{BUCKET}/athena-results/"}
            },
        )
        self.chain = Chain(self.aws, datetime.now(UTC))
        self.chain.pipe()
        environment = Environment(loader=FileSystemLoader(DAGS), autoescape=False)
        for name in ("create_orders", "create_merges"):
            template = environment.get_template(f"sql/silver/{name}.sql")
            self.athena.run(template.render(silver=silver, task={"bucket": BUCKET}))

    # ------------------------------------------------------------------ writing

    def put(self, orderid: str, **attributes: Any) -> None:
        """Write an order, as a laptop unless told otherwise; None leaves an attribute out."""
        item = {name: value for name, value in (LAPTOP | attributes).items() if value is not None}
        self.chain.put(orderid, **item)

    def remove(self, orderid: str) -> None:
        """Remove an order."""
        self.client("dynamodb").delete_item(TableName="orders", Key={"orderid": {"S": orderid}})

    def merge(self, complete_until: datetime | None = None) -> None:
        """Let all changes come to the stream, and silver become what they say."""
        self.chain.step()
        newest: dict[str, dict[str, Any]] = {}
        for change in self.chain.changes():
            try:
                row = json.loads(changelog_row(change), parse_float=str, parse_int=str)
            except Refused:
                continue
            number = row["sequence_number"].zfill(SEQUENCE_NUMBER_DIGITS)
            if number > newest.get(row["orderid"], {"number": ""})["number"]:
                newest[row["orderid"]] = {**row, "number": number}
        self.athena.run("DELETE FROM orders")
        rows = [_row(order) for order in newest.values()]
        for start in range(0, len(rows), ROWS_AT_ONCE):
            self.insert(*rows[start : start + ROWS_AT_ONCE])
        self.complete(complete_until or datetime.now(UTC))

    def insert(self, *rows: str) -> None:
        """Insert rows into silver."""
        names = ", ".join(column.name for column in silver.ORDERS_COLUMNS)
        self.athena.run(f"INSERT INTO orders ({names}) VALUES {', '.join(rows)}")

    def complete(self, until: datetime) -> None:
        """Note that silver is complete until a time."""
        at = f"TIMESTAMP '{until:%Y-%m-%d %H:%M:%S.%f}'"
        self.athena.run(
            f"INSERT INTO merges (run_id, merged_at, complete_until) VALUES ('by hand', {at}, {at})"
        )

    def settle(self) -> None:
        """Note that silver has all there is: what it lacks isn't on its way any more.

        A change of the second in which silver was completed counts as one that may be.
        """
        self.complete(datetime.now(UTC) + timedelta(seconds=2))

    # ------------------------------------------------------------------ reading

    def client(self, service: str) -> Any:
        """A client of the local AWS."""
        return self.aws.aws.client(service)

    def reconcile(self, sample: int | None = None, seed: str = "1", **plan: Any) -> Reconciliation:
        """Compare; waiting is but a turn of the clock, and whatever `on_wait` does."""
        connect: Callable[[str], Any] = plan.pop("connect", self.client)
        return reconcile(
            connect,
            OUTPUTS,
            Plan(
                sample=sample,
                random=seeded(seed),
                quiet=timedelta(seconds=15),
                patience=Patience(timeout=3600, interval=1, sleep=self._sleep, clock=self._clock),
                now=lambda: self.chain.now,
                **plan,
            ),
        )

    def _sleep(self, seconds: float) -> None:
        self.on_wait()
        self.chain.later(seconds)

    def _clock(self) -> float:
        return self.chain.now.timestamp()


def _row(order: dict[str, Any]) -> str:
    """A row of silver in SQL, typed by hand."""
    values = [_typed(a.silver_type, order.get(a.name)) for a in ORDER_ATTRIBUTES]
    changed = f"CAST(from_unixtime({order['creation_time']}) AS timestamp(6))"
    dated = _typed("timestamp(6)", order.get("order_ts"))
    return (
        f"({', '.join(values)}, {_text(order.get('attributes'))}, "
        f"{str(order['event_type'] == 'REMOVE').lower()}, {changed}, {_text(order['event_id'])}, "
        f"{_text(order['number'])}, {changed}, {changed}, "
        f"CAST(coalesce({dated}, {changed}) AS date))"
    )


def _typed(kind: str, value: str | None) -> str:
    if kind == "timestamp(6)":
        parsed = f"try(from_iso8601_timestamp({_text(value)}))"
        return f"CAST({parsed} AT TIME ZONE 'UTC' AS timestamp(6))"
    return _text(value) if kind == "string" else f"CAST({_text(value)} AS {kind})"


def _text(value: str | None) -> str:
    if value is None:
        return "CAST(NULL AS varchar)"
    return "'" + value.replace("'", "''") + "'"
