"""MERGE INTO Iceberg tables."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


UPSERT = (
    "WHEN MATCHED THEN UPDATE SET quantity = s.quantity "
    "WHEN NOT MATCHED THEN INSERT (id, day, quantity) VALUES (s.id, s.day, s.quantity)"
)


@pytest.fixture
def orders(athena: Athena) -> Athena:
    """Three orders on two days."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, 10, 'placed'), "
        "('b', DATE '2026-01-01', 2, 20, 'placed'), ('c', DATE '2026-01-02', 3, 30, 'placed')"
    )
    return athena


def quantities(athena: Athena) -> dict[str, Any]:
    """Quantities by id."""
    return {row[0]: row[2] for row in iceberg.rows(athena)}


def source(*rows: str, alias: str = "s (id, day, quantity)") -> str:
    """Rows to be merged: ``a 2026-01-01 7``."""
    values = []
    for row in rows:
        order, day, quantity = row.split()
        values.append(f"('{order}', DATE '{day}', {quantity})")
    return f"(VALUES {', '.join(values)}) AS {alias}"


@pytest.mark.behaviour(
    "athena",
    "MERGE updates, deletes and inserts in one snapshot, and tells how many rows that were.",
)
def test_a_merge_updates_deletes_and_inserts(orders: Athena) -> None:
    query_id = orders.run(
        "MERGE INTO orders AS t USING (VALUES ('a', DATE '2026-01-01', 7, 'paid'), "
        "('b', DATE '2026-01-01', 0, 'gone'), ('d', DATE '2026-01-03', 4, 'placed')) "
        "AS s (id, day, quantity, status) ON t.id = s.id AND t.day = s.day "
        "WHEN MATCHED AND s.status = 'gone' THEN DELETE "
        "WHEN MATCHED THEN UPDATE SET quantity = s.quantity + t.quantity, status = s.status "
        "WHEN NOT MATCHED THEN INSERT (id, day, quantity, price) "
        "VALUES (s.id, s.day, s.quantity, 5)"
    )["QueryExecutionId"]

    execution = orders.execution(query_id)
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "MERGE")
    answer = orders.client.get_query_results(QueryExecutionId=query_id)
    assert (answer["UpdateCount"], answer["ResultSet"]["Rows"]) == (3, [])
    assert iceberg.rows(orders) == [
        ("a", date(2026, 1, 1), 8, Decimal("10.0000"), "paid"),
        ("c", date(2026, 1, 2), 3, Decimal("30.0000"), "placed"),
        ("d", date(2026, 1, 3), 4, Decimal("5.0000"), None),
    ]
    assert iceberg.operations(orders) == ["append", "overwrite"]
    manifest = orders.text(execution["Statistics"]["DataManifestLocation"]).splitlines()
    assert set(manifest) < set(iceberg.files(orders))


@pytest.mark.behaviour(
    "athena",
    "A MERGE fails if several rows of the source match one row of the target and would change it.",
)
@pytest.mark.parametrize(
    "clauses",
    [
        "WHEN MATCHED THEN UPDATE SET quantity = s.quantity",
        "WHEN MATCHED AND s.quantity > 7 THEN DELETE "
        "WHEN MATCHED THEN UPDATE SET quantity = s.quantity",
    ],
)
def test_two_rows_that_match_one_are_refused(orders: Athena, clauses: str) -> None:
    rows = source("a 2026-01-01 7", "a 2026-01-01 8")
    reason = orders.failure(f"MERGE INTO orders AS t USING {rows} ON t.id = s.id {clauses}")
    assert reason.endswith("One MERGE target table row matched more than one source row")
    assert quantities(orders) == {"a": 1, "b": 2, "c": 3}
    assert iceberg.operations(orders) == ["append"]


@pytest.mark.behaviour(
    "athena", "Several rows of the source may match a row of the target if one of them changes it."
)
def test_two_rows_may_match_if_one_changes(orders: Athena) -> None:
    rows = source("a 2026-01-01 7", "a 2026-01-01 8")
    orders.run(
        f"MERGE INTO orders AS t USING {rows} ON t.id = s.id "
        "WHEN MATCHED AND s.quantity = 8 THEN UPDATE SET quantity = s.quantity"
    )
    assert quantities(orders) == {"a": 8, "b": 2, "c": 3}


@pytest.mark.behaviour(
    "athena",
    "One row of the source may change several rows of the target, and two equal ones that match "
    "none are both inserted.",
)
def test_one_row_may_change_many(orders: Athena) -> None:
    rows = source("x 2026-01-01 9", "x 2026-01-05 5", "x 2026-01-05 5")
    answer = orders.answer(
        f"MERGE INTO orders AS t USING {rows} ON t.day = s.day {UPSERT}",
    )
    assert answer["UpdateCount"] == 4
    assert [row[:3] for row in iceberg.rows(orders)] == [
        ("a", date(2026, 1, 1), 9),
        ("b", date(2026, 1, 1), 9),
        ("c", date(2026, 1, 2), 3),
        ("x", date(2026, 1, 5), 5),
        ("x", date(2026, 1, 5), 5),
    ]


@pytest.mark.behaviour(
    "athena",
    "The source of a MERGE may be a table, a view, a subquery, one with WITH, or the target; "
    "names without an alias are those of the tables.",
)
@pytest.mark.parametrize(
    "using",
    [
        "changes AS s",
        "(SELECT * FROM changes WHERE quantity > 0) AS s",
        "(WITH w AS (SELECT id, max(quantity) AS quantity, day FROM changes GROUP BY id, day) "
        "SELECT * FROM w) AS s",
        "recent AS s",
        "(SELECT o.id, o.day, c.quantity FROM orders AS o JOIN changes AS c ON c.id = o.id) AS s",
    ],
)
def test_the_source_can_be_any_relation(orders: Athena, using: str) -> None:
    orders.run("CREATE TABLE changes AS SELECT 'a' AS id, DATE '2026-01-01' AS day, 7 AS quantity")
    orders.run("CREATE VIEW recent AS SELECT * FROM changes")
    orders.run(f"MERGE INTO orders AS t USING {using} ON t.id = s.id {UPSERT}")
    assert quantities(orders) == {"a": 7, "b": 2, "c": 3}


@pytest.mark.parametrize("alias", ["p", "source", '"Odd name"', "i"])
def test_any_alias_will_do(orders: Athena, alias: str) -> None:
    rows = source("a 2026-01-01 7", "d 2026-01-01 4", alias=f"{alias} (id, day, quantity)")
    clauses = UPSERT.replace("s.", f"{alias}.")
    orders.run(f"MERGE INTO orders AS file USING {rows} ON file.id = {alias}.id {clauses}")
    assert quantities(orders) == {"a": 7, "b": 2, "c": 3, "d": 4}


def test_tables_without_aliases_have_their_own_names(orders: Athena) -> None:
    orders.run("CREATE TABLE changes AS SELECT 'a' AS id, 7 AS quantity")
    orders.run(
        "MERGE INTO sales.orders USING changes ON orders.id = changes.id "
        "WHEN MATCHED THEN UPDATE SET quantity = changes.quantity"
    )
    assert quantities(orders)["a"] == 7


@pytest.mark.behaviour("athena", "NULL equals nothing: such rows of the source match no row.")
def test_null_keys_match_nothing(orders: Athena) -> None:
    orders.run("INSERT INTO orders (id, quantity) VALUES (NULL, 9)")
    rows = "(SELECT CAST(NULL AS varchar) AS id, CAST(NULL AS date) AS day, 5 AS quantity) AS s"
    orders.run(f"MERGE INTO orders AS t USING {rows} ON t.id = s.id {UPSERT}")
    assert sorted(row[2] for row in iceberg.rows(orders) if row[0] is None) == [5, 9]


@pytest.mark.behaviour(
    "athena", "A MERGE that changes nothing makes no snapshot; an empty source reads no file."
)
@pytest.mark.parametrize(
    "using", ["(SELECT * FROM orders WHERE false)", "(SELECT * FROM orders WHERE id = 'a')"]
)
def test_changing_nothing_makes_no_snapshot(orders: Athena, using: str) -> None:
    answer = orders.answer(
        f"MERGE INTO orders AS t USING {using} AS s ON t.id = s.id "
        "WHEN MATCHED AND t.quantity <> s.quantity THEN UPDATE SET quantity = s.quantity"
    )
    assert answer["UpdateCount"] == 0
    assert iceberg.operations(orders) == ["append"]


@pytest.mark.behaviour(
    "athena",
    "A MERGE reads only files that can hold keys of the source, by the bounds of their columns, "
    "of these the columns of its conditions, and rewrites only files with rows that change.",
)
def test_a_merge_reads_and_writes_what_it_must(athena: Athena) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders SELECT lpad(CAST(n AS varchar), 6, '0'), CAST(date_add('day', "
        "n / 1000, DATE '2026-01-01') AS date), CAST(n AS integer), 1, 'placed' "
        "FROM UNNEST(sequence(0, 9999)) AS t(n)"
    )
    before = {task.file.file_path: task.file for task in iceberg.opened(athena).scan().plan_files()}
    rows = source("001500 2026-01-02 7", "002500 2026-01-03 7", "002501 2026-01-03 2501")

    execution = athena.run(
        f"MERGE INTO orders AS t USING {rows} ON t.id = s.id "
        "WHEN MATCHED AND t.quantity <> s.quantity THEN UPDATE SET quantity = s.quantity"
    )

    gone = set(before) - set(iceberg.files(athena))
    assert sorted(path.split("/")[-2] for path in gone) == ["day=2026-01-02", "day=2026-01-03"]
    whole = sum(sum((before[path].column_sizes or {}).values()) for path in gone)
    assert execution["Statistics"]["DataScannedInBytes"] == whole


@pytest.mark.behaviour(
    "athena", "The source of a MERGE is evaluated once: what it reads is read and counted once."
)
def test_the_source_is_evaluated_once(orders: Athena) -> None:
    orders.run(
        "MERGE INTO orders AS t USING (SELECT 'r' AS id, DATE '2026-01-01' AS day, "
        "CAST(floor(random() * 1000000) AS integer) AS quantity) AS s ON t.id = s.id "
        "WHEN NOT MATCHED AND s.quantity % 2 = 0 THEN INSERT (id, quantity, price) "
        "VALUES (s.id, s.quantity, s.quantity) "
        "WHEN NOT MATCHED THEN INSERT (id, quantity, price) VALUES (s.id, s.quantity, s.quantity)"
    )
    (row,) = [row for row in iceberg.rows(orders) if row[0] == "r"]
    assert row[2] == row[3]


@pytest.mark.behaviour(
    "athena", "A MERGE, INSERT or UPDATE that writes more than 100 partitions fails."
)
def test_more_than_100_partitions_are_refused(orders: Athena) -> None:
    days = "SELECT 'n' AS id, CAST(date_add('day', n, DATE '2027-01-01') AS date) AS day, n AS q"
    rows = f"({days} FROM UNNEST(sequence(1, {{}})) AS t(n)) AS s"
    clause = "WHEN NOT MATCHED THEN INSERT (id, day) VALUES (s.id, s.day)"
    merge = f"MERGE INTO orders AS t USING {rows} ON t.id = s.id {clause}"
    reason = orders.failure(merge.format(101))
    assert reason == (
        "ICEBERG_TOO_MANY_OPEN_PARTITIONS: Exceeded limit of 100 open writers for partitions"
    )
    assert len(orders.keys("tables/orders/data/")) == 2
    orders.run(merge.format(100))
    assert len(iceberg.files(orders)) == 102


@pytest.mark.behaviour(
    "athena", "Clauses that don't fit, names that there aren't and wrong types fail a MERGE."
)
@pytest.mark.parametrize(
    ("clause", "reason"),
    [
        (
            "WHEN MATCHED THEN UPDATE SET quantity = s.id",
            "TYPE_MISMATCH: line 1:1: MERGE table column types don't match for MERGE case 0, SET "
            "expressions: Table: [integer], Expressions: [varchar]",
        ),
        ("WHEN NOT MATCHED THEN INSERT (id) VALUES (s.id, s.day)", "TYPE_MISMATCH"),
        ("WHEN NOT MATCHED THEN INSERT VALUES (s.id)", "TYPE_MISMATCH"),
        ("WHEN NOT MATCHED THEN INSERT (id) VALUES (t.id)", "COLUMN_NOT_FOUND"),
        ("WHEN NOT MATCHED AND t.quantity = 1 THEN INSERT (id) VALUES (s.id)", "COLUMN_NOT_FOUND"),
        ("WHEN NOT MATCHED THEN INSERT (missing) VALUES (s.id)", "COLUMN_NOT_FOUND"),
        ("WHEN MATCHED THEN UPDATE SET missing = 1", "COLUMN_NOT_FOUND"),
        ("WHEN MATCHED THEN UPDATE SET quantity = quantity", "AMBIGUOUS_NAME"),
        ("WHEN NOT MATCHED THEN INSERT (id, id) VALUES (s.id, s.id)", "DUPLICATE_COLUMN_NAME"),
        ("WHEN MATCHED THEN UPDATE SET quantity = 1 / (s.quantity - 7)", "DIVISION_BY_ZERO"),
    ],
)
def test_what_cannot_be_merged_fails(orders: Athena, clause: str, reason: str) -> None:
    rows = source("a 2026-01-01 7")
    failure = orders.failure(f"MERGE INTO orders AS t USING {rows} ON t.id = s.id {clause}")
    assert failure.startswith(reason)
    assert quantities(orders) == {"a": 1, "b": 2, "c": 3}


@pytest.mark.behaviour("athena", "A value is only computed for the rows that its clause changes.")
def test_values_are_computed_where_they_are_needed(orders: Athena) -> None:
    rows = source("a 2026-01-01 7", "b 2026-01-01 0")
    orders.run(
        f"MERGE INTO orders AS t USING {rows} ON t.id = s.id "
        "WHEN MATCHED AND s.quantity > 0 THEN UPDATE SET quantity = 14 / s.quantity"
    )
    assert quantities(orders) == {"a": 2, "b": 2, "c": 3}
