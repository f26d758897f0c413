"""UPDATE and DELETE of rows of Iceberg tables."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

import iceberg_tables as iceberg
from athena_queries import Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.fixture
def orders(athena: Athena) -> Athena:
    """Five orders on three days, one of them unknown, in a file a day."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, 10, 'placed'), "
        "('b', DATE '2026-01-01', 2, 20, 'paid'), ('c', DATE '2026-01-02', 3, 30, 'placed'), "
        "('d', DATE '2026-01-02', NULL, 40, NULL), ('e', NULL, 5, 50, 'placed')"
    )
    return athena


def quantities(athena: Athena) -> dict[str, Any]:
    """Quantities by id."""
    return {row[0]: row[2] for row in iceberg.rows(athena)}


def changed(athena: Athena, sql: str) -> int:
    """Run a statement; returns how many rows it changed."""
    return int(athena.answer(sql)["UpdateCount"])


@pytest.mark.behaviour(
    "athena",
    "UPDATE writes only the files anew that have rows to be changed, in one snapshot.",
)
def test_an_update_touches_only_files_with_such_rows(orders: Athena) -> None:
    before = iceberg.files(orders)

    execution = orders.run(
        "UPDATE orders SET quantity = quantity * 10, status = 'x' WHERE id IN ('a', 'zzz')"
    )

    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "UPDATE")
    assert quantities(orders) == {"a": 10, "b": 2, "c": 3, "d": None, "e": 5}
    assert {row[0]: row[4] for row in iceberg.rows(orders)}["a"] == "x"
    assert iceberg.operations(orders) == ["append", "overwrite"]
    assert len(set(before) - set(iceberg.files(orders))) == 1


@pytest.mark.behaviour("athena", "UPDATE and DELETE tell how many rows they changed.")
@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("UPDATE orders SET quantity = 0", 5),
        ("UPDATE orders SET quantity = 0 WHERE quantity > 2", 2),
        ("UPDATE orders SET quantity = 0 WHERE false", 0),
        ("DELETE FROM orders", 5),
        ("DELETE FROM orders WHERE status = 'placed'", 3),
        ("DELETE FROM orders WHERE day = DATE '2026-01-01'", 2),
        ("DELETE FROM orders WHERE day = DATE '2026-01-01' OR id = 'd'", 3),
        ("DELETE FROM orders WHERE NOT quantity > 2", 2),
    ],
)
def test_the_number_of_changed_rows_is_told(orders: Athena, sql: str, count: int) -> None:
    assert changed(orders, sql) == count
    if sql.startswith("DELETE"):
        assert len(iceberg.rows(orders)) == 5 - count


@pytest.mark.behaviour(
    "athena", "An UPDATE or DELETE that finds no row makes no snapshot and writes no file."
)
@pytest.mark.parametrize(
    "sql", ["UPDATE orders SET quantity = 0 WHERE id = 'z'", "DELETE FROM orders WHERE id = 'z'"]
)
def test_changing_nothing_makes_no_snapshot(orders: Athena, sql: str) -> None:
    before = orders.table("orders")["Parameters"]["metadata_location"]
    assert changed(orders, sql) == 0
    assert orders.table("orders")["Parameters"]["metadata_location"] == before


@pytest.mark.behaviour(
    "athena",
    "A DELETE of whole partitions only drops files: nothing is read and nothing is written.",
)
@pytest.mark.parametrize(
    ("where", "left"),
    [
        ("WHERE day = DATE '2026-01-01'", ["c", "d", "e"]),
        ("WHERE day < DATE '2026-02-01'", ["e"]),
        ("WHERE day IS NULL", ["a", "b", "c", "d"]),
        ("WHERE day <> DATE '2026-01-01'", ["a", "b", "e"]),
        ("WHERE day IN (DATE '2026-01-01', DATE '2026-01-02') OR day IS NULL", []),
        ("WHERE day_of_month(day) = 2", ["a", "b", "e"]),
        ("", []),
    ],
)
def test_deleting_partitions_reads_nothing(orders: Athena, where: str, left: list[str]) -> None:
    keys = orders.keys("tables/orders/data/")

    execution = orders.run(f"DELETE FROM orders {where}")

    assert [row[0] for row in iceberg.rows(orders)] == left
    assert execution["Statistics"]["DataScannedInBytes"] == 0
    assert orders.keys("tables/orders/data/") == keys
    assert iceberg.operations(orders)[-1] == "delete"


@pytest.mark.behaviour(
    "athena", "A file all of whose rows are deleted is dropped; the others are written anew."
)
def test_files_that_are_empty_afterwards_are_dropped(orders: Athena) -> None:
    orders.run("DELETE FROM orders WHERE id IN ('a', 'b', 'c')")

    assert [row[0] for row in iceberg.rows(orders)] == ["d", "e"]
    days = [path.split("/")[-2] for path in iceberg.files(orders)]
    assert days == ["day=2026-01-02", "day=null"]


@pytest.mark.behaviour("athena", "Rows whose partition value is changed move to its partition.")
def test_rows_move_between_partitions(orders: Athena) -> None:
    orders.run("UPDATE orders SET day = DATE '2026-01-03' WHERE id IN ('a', 'e')")

    days = [path.split("/")[-2] for path in iceberg.files(orders)]
    assert days == ["day=2026-01-01", "day=2026-01-02", "day=2026-01-03"]
    assert sorted(quantities(orders)) == ["a", "b", "c", "d", "e"]


@pytest.mark.behaviour(
    "athena", "The new values of an UPDATE are made of the old row, and of subqueries."
)
def test_new_values_are_made_of_the_old_row(orders: Athena) -> None:
    orders.run(
        "UPDATE orders SET quantity = (SELECT max(o.quantity) FROM orders AS o) + quantity, "
        "price = CAST(price + quantity AS decimal(18,4)) "
        "WHERE quantity <= (SELECT avg(quantity) FROM orders)"
    )
    found = {row[0]: (row[2], str(row[3])) for row in iceberg.rows(orders)}
    assert found["a"] == (6, "11.0000")
    assert found["b"] == (7, "22.0000")
    assert found["c"] == (3, "30.0000")


@pytest.mark.behaviour(
    "athena", "Conditions of UPDATE and DELETE may ask for the hidden column $path."
)
def test_the_file_of_a_row_can_be_asked_for(orders: Athena) -> None:
    path = iceberg.files(orders)[0]
    assert changed(orders, f"DELETE FROM orders WHERE \"$path\" = '{path}' AND id = 'a'") == 1


@pytest.mark.behaviour(
    "athena", "Values that a column doesn't take fail the statement, as Trino words it."
)
@pytest.mark.parametrize(
    ("sql", "reason"),
    [
        (
            "UPDATE orders SET quantity = 'many'",
            "TYPE_MISMATCH: line 1:1: UPDATE table column types don't match SET expressions: "
            "Table: [integer], Expressions: [varchar]",
        ),
        ("UPDATE orders SET quantity = 1.5", "TYPE_MISMATCH"),
        ("UPDATE orders SET day = '2026-01-01'", "TYPE_MISMATCH"),
        ("UPDATE orders SET price = DECIMAL '1.23456'", "TYPE_MISMATCH"),
        ("UPDATE orders SET quantity = CAST(id AS integer)", "INVALID_CAST_ARGUMENT"),
        ("UPDATE orders SET missing = 1", "COLUMN_NOT_FOUND"),
        ("UPDATE orders SET quantity = missing", "COLUMN_NOT_FOUND"),
        ("DELETE FROM orders WHERE missing = 1", "COLUMN_NOT_FOUND"),
        ("DELETE FROM missing", "TABLE_NOT_FOUND"),
        ("UPDATE orders SET quantity = 1, quantity = 2", "DUPLICATE_COLUMN_NAME"),
    ],
)
def test_what_cannot_be_done_fails_and_changes_nothing(
    orders: Athena, sql: str, reason: str
) -> None:
    before = iceberg.rows(orders)
    assert orders.failure(sql).startswith(reason)
    assert iceberg.rows(orders) == before
    assert len(orders.keys("tables/orders/data/")) == 3


@pytest.mark.behaviour("athena", "What isn't a whole statement is refused when it is submitted.")
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders",
        "UPDATE orders AS o SET o.quantity = 1",
        "DELETE FROM orders WHERE",
        "DELETE FROM orders AS o WHERE o.quantity = 1",
        "MERGE INTO orders USING orders",
        "MERGE INTO orders AS t USING orders AS s ON t.id = s.id",
        "OPTIMIZE orders",
        "OPTIMIZE orders REWRITE DATA USING BIN_PACK WHERE",
        "VACUUM orders NOW",
    ],
)
def test_half_a_statement_is_refused(orders: Athena, sql: str) -> None:
    with pytest.raises(ClientError, match="InvalidRequestException"):
        orders.start(sql)


@pytest.mark.behaviour("athena", "UPDATE and DELETE take execution parameters.")
def test_parameters_are_bound(orders: Athena) -> None:
    orders.run(
        "UPDATE orders SET quantity = ? WHERE id = ?",
        ExecutionParameters=["17", "'b'"],
    )
    assert quantities(orders)["b"] == 17


@pytest.mark.behaviour(
    "athena",
    "An UPDATE scans the columns of its condition, and the files with rows to be changed whole.",
)
def test_an_update_reads_what_it_needs(athena: Athena) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders SELECT CAST(n AS varchar), CAST(date_add('day', n % 4, "
        "DATE '2026-01-01') AS date), CAST(n AS integer), CAST(n AS decimal(10,2)), 'placed' "
        "FROM UNNEST(sequence(1, 4000)) AS t(n)"
    )
    tasks = list(iceberg.opened(athena).scan().plan_files())
    whole = {task.file.partition[0]: sum(task.file.column_sizes.values()) for task in tasks}

    def scanned(sql: str) -> int:
        size: int = athena.run(sql)["Statistics"]["DataScannedInBytes"]
        return size

    quantity = sum(task.file.column_sizes[3] for task in tasks)
    assert scanned("UPDATE orders SET status = 'x' WHERE quantity < 0") == 0  # no file can have it
    assert scanned("UPDATE orders SET status = 'x' WHERE quantity + 0 < 0") == quantity
    one_day = "WHERE day = DATE '2026-01-01'"
    assert scanned(f"UPDATE orders SET status = 'y' {one_day}") == min(whole.items())[1]
