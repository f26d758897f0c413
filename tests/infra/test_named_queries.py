"""The queries that come with the workgroup, run on a changelog and the orders that come of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
import sqlglot
from jinja2 import Environment, FileSystemLoader

from salesflow import silver

Run = Callable[[str], list[tuple[Any, ...]]]
DAGS = Path(__file__).resolve().parents[2] / "dags"
CHANGES = [
    # orderid, product, quantity, price, event, sequence number
    ("1", "Laptop", 1, 499.99, "INSERT", "999"),
    ("1", "Laptop", 2, 499.99, "MODIFY", "1000"),
    ("1", "Laptop", 2, 499.99, "MODIFY", "1000"),  # delivered twice
    ("2", "Charger", 5, 20.00, "INSERT", "1001"),
]
ORDERS = [
    # orderid, product, quantity, price, is_deleted
    ("1", "Laptop", 2, 499.99, False),
    ("2", "Charger", 5, 20.00, False),
    ("3", "Phone", 1, 300.00, True),
    ("4", "Tablet", 1, 100.00, False),
    ("5", "Laptop", 1, 450.00, False),
]


@pytest.fixture
def run(templates: Any) -> Iterator[Run]:
    queries = {
        query.properties["Name"]: query.properties["QueryString"]
        for query in templates.resources("AWS::Athena::NamedQuery")
    }
    database = duckdb.connect()
    database.execute(
        "CREATE TABLE orders_changelog (orderid VARCHAR, product_name VARCHAR, quantity INT,"
        " price DOUBLE, event_type VARCHAR, sequence_number VARCHAR)"
    )
    database.executemany("INSERT INTO orders_changelog VALUES (?, ?, ?, ?, ?, ?)", CHANGES)
    columns = ", ".join(f"{column.name} {column.glue_type}" for column in silver.ORDERS_COLUMNS)
    database.execute(f"CREATE TABLE orders ({columns})")
    database.executemany(
        "INSERT INTO orders (orderid, product_name, quantity, price, is_deleted)"
        " VALUES (?, ?, ?, ?, ?)",
        ORDERS,
    )
    view = Environment(loader=FileSystemLoader(DAGS)).get_template("sql/orders_current.sql")
    database.execute(view.render(silver=silver))

    def run_named(name: str) -> list[tuple[Any, ...]]:
        (statement,) = sqlglot.parse(queries[name], dialect="athena")
        return database.execute(statement.sql(dialect="duckdb")).fetchall()

    yield run_named
    database.close()


def test_all_rows_are_every_change_as_it_arrived(run: Run) -> None:
    assert sorted(run("all_rows")) == sorted(CHANGES)


def test_sales_by_product_count_each_order_once_in_its_newest_state(run: Run) -> None:
    assert run("sales_by_product") == [
        ("Laptop", 2, 3, Decimal("1449.98")),
        ("Charger", 1, 5, Decimal(100)),
        ("Tablet", 1, 1, Decimal(100)),
    ]


def test_unique_products_are_counted_and_named(run: Run) -> None:
    assert run("unique_products") == [(3, "Charger, Laptop, Tablet")]


def test_expensive_orders_cost_more_than_100_the_newest_first(run: Run) -> None:
    assert run("expensive_orders") == [
        ("5", "Laptop", 1, Decimal(450)),
        ("1", "Laptop", 2, Decimal("499.99")),
    ]


def test_every_query_names_its_database_and_workgroup(templates: Any) -> None:
    for query in templates.resources("AWS::Athena::NamedQuery"):
        assert query.properties["Database"] == {"Ref": "LakeDatabase"}, query
        assert query.properties["WorkGroup"] == {"Ref": "QuestionsWorkGroup"}, query
        assert query.properties["Description"], query
