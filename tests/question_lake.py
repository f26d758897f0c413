"""Orders in a deployed lake to ask about, without the pipeline that brings them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from airflow_home import ROOT
from salesflow.deployment import deploy_all, deployment_prefix, read_templates, stack_outputs
from salesflow.packaging import build_package
from salesflow.patience import Patience
from salesflow.queries import Row, ask

STAGE = "dev"
QUICK = Patience(timeout=60, interval=0.05)
ORDERS = 1500
HOSTILE = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
FORMULA = '=HYPERLINK("http://example.org","x")'
PRODUCTS = ("Laptop", "Phone", "Tablet", "Headphones", "Charger", HOSTILE, FORMULA)
FIRST_DAY = date(2026, 1, 5)

_STATEMENTS = (
    """CREATE EXTERNAL TABLE orders (
           orderid string, product_name string, brand_name string, quantity int,
           price decimal(18,4), order_ts timestamp)
       PARTITIONED BY (order_date date)
       ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'
       LOCATION 's3://{bucket}/silver/orders/'""",
    "MSCK REPAIR TABLE orders",
    """CREATE OR REPLACE VIEW orders_current AS
       SELECT orderid, product_name, brand_name, quantity, price, order_ts, order_date
       FROM orders""",
)


def order(number: int) -> dict[str, Any]:
    """An order, known by its number; every seventh brand is unknown."""
    day = FIRST_DAY + timedelta(days=number % 28)
    return {
        "orderid": f"A-{number:05}",
        "product_name": PRODUCTS[number % len(PRODUCTS)],
        "brand_name": None if number % 7 == 3 else f"Brand {number % 5}",
        "quantity": number % 5 + 1,
        "price": f"{10 + number % 490}.25",
        "order_ts": f"{day} {number % 24:02}:00:00",
    }


def deploy(aws: Callable[[str], Any], folder: Path) -> dict[str, str]:
    """Deploy the stacks; their outputs.

    Args:
        folder: where the packages of the functions are built.
    """
    handlers = (ROOT / "lambdas").glob("*/handler.py")
    packages = [build_package(handler.parent, folder) for handler in handlers]
    templates = read_templates(ROOT / "infra" / "cloudformation")
    deploy_all(aws, STAGE, templates, packages, None, patience=QUICK)
    return stack_outputs(aws("cloudformation"), deployment_prefix(STAGE))


class QuestionLake:
    """`ORDERS` orders over four weeks, in a table and a view.

    Attributes:
        aws: makes clients.
        outputs: of the deployment's stacks.
    """

    def __init__(self, aws: Callable[[str], Any], outputs: dict[str, str]) -> None:
        self.aws = aws
        self.outputs = outputs

    def fill(self) -> None:
        """Write the orders, and make the table and the view of them."""
        bucket = self.outputs["LakeBucketName"]
        days: dict[date, list[str]] = {}
        for number in range(ORDERS):
            day = FIRST_DAY + timedelta(days=number % 28)
            days.setdefault(day, []).append(json.dumps(order(number)))
        for day, lines in days.items():
            self.aws("s3").put_object(
                Bucket=bucket,
                Key=f"silver/orders/order_date={day}/orders.json",
                Body="\n".join(lines).encode(),
            )
        for statement in _STATEMENTS:
            self.run(statement.format(bucket=bucket))

    def drop(self) -> None:
        """Take the table and the view away again."""
        self.run("DROP VIEW orders_current")
        self.run("DROP TABLE orders")

    def run(self, sql: str) -> list[Row]:
        """Run a statement as the pipeline does, in its workgroup."""
        answer = ask(
            self.aws("athena"),
            sql,
            database=self.outputs["DatabaseName"],
            workgroup=self.outputs["WorkGroupName"],
            patience=QUICK,
        )
        return list(answer.rows)
