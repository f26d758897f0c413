"""Commits to Iceberg tables that meet each other, or that go wrong."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyiceberg.expressions.visitors import _ManifestEvalVisitor

import iceberg_tables as iceberg
from athena_queries import Athena
from aws_requests import Interception, Request, intercept, json_error, s3_error
from localaws.server import LocalAws

FIRST, SECOND = date(2026, 1, 1), date(2026, 1, 2)
MERGE = (
    "MERGE INTO orders AS t USING (VALUES ('a', DATE '2026-01-01', 7), "
    "('d', DATE '2026-01-01', 4)) AS s (id, day, quantity) ON t.id = s.id AND t.day = s.day "
    "WHEN MATCHED THEN UPDATE SET quantity = s.quantity "
    "WHEN NOT MATCHED THEN INSERT (id, day, quantity) VALUES (s.id, s.day, s.quantity)"
)


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.fixture
def orders(athena: Athena) -> Athena:
    """An order on each of two days."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    athena.run(
        "INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, NULL, NULL), "
        "('b', DATE '2026-01-02', 2, NULL, NULL)"
    )
    return athena


def quantities(athena: Athena) -> dict[str, Any]:
    """Quantities by id."""
    return {row[0]: row[2] for row in iceberg.rows(athena)}


def append(athena: Athena, order: str, day: date) -> None:
    """Another writer adds an order of ten."""
    table = iceberg.opened(athena)
    row = {"id": order, "day": day, "quantity": 10, "price": Decimal(1), "status": None}
    table.append(pa.Table.from_pylist([row], schema=table.schema().as_arrow()))


def overwrite(athena: Athena, order: str, day: date) -> None:
    """Another writer puts an order of ten in the place of all orders of a day."""
    table = iceberg.opened(athena)
    row = {"id": order, "day": day, "quantity": 10, "price": Decimal(1), "status": None}
    content = pa.Table.from_pylist([row], schema=table.schema().as_arrow())
    table.overwrite(content, f"day = '{day}'")


def is_commit(request: Request) -> bool:
    return request.operation == "UpdateTable"


@pytest.fixture
def meanwhile(
    orders: Athena, monkeypatch: pytest.MonkeyPatch
) -> Callable[[Callable[[], Any]], Interception]:
    """Has something happen just before the next commit comes to Glue."""

    def arrange(act: Callable[[], Any]) -> Interception:
        interception = Interception(is_commit, before=act)
        intercept(monkeypatch, "glue", interception)
        return interception

    return arrange


Meanwhile = Callable[[Callable[[], Any]], Interception]


def is_clean(athena: Athena) -> bool:
    """Whether there are no data files but those of the table."""
    kept = {f"s3://lake/{key}" for key in athena.keys("tables/orders/data/")}
    table = iceberg.opened(athena)
    scans = [table.scan(snapshot_id=found.snapshot_id) for found in table.metadata.snapshots]
    known = {task.file.file_path for scan in scans for task in scan.plan_files()}
    return kept == known


@pytest.mark.behaviour(
    "athena", "Appends to an Iceberg table don't conflict: the one that comes second tries again."
)
def test_appends_do_not_conflict(orders: Athena, meanwhile: Meanwhile) -> None:
    meanwhile(lambda: append(orders, "c", FIRST))

    orders.run("INSERT INTO orders VALUES ('d', DATE '2026-01-01', 4, NULL, NULL)")

    assert quantities(orders) == {"a": 1, "b": 2, "c": 10, "d": 4}


@pytest.mark.behaviour(
    "athena",
    "A MERGE fails with ICEBERG_COMMIT_ERROR if files that it replaces were replaced meanwhile, or "
    "if files with rows that could match were added; the table is as the other writer left it.",
)
@pytest.mark.parametrize(
    "act",
    [
        lambda athena: overwrite(athena, "c", FIRST),
        lambda athena: append(athena, "d", FIRST),
        lambda athena: append(athena, "a", FIRST),
    ],
)
def test_a_merge_conflicts_with_what_it_read(
    orders: Athena, meanwhile: Meanwhile, act: Callable[[Athena], None]
) -> None:
    other = meanwhile(lambda: act(orders))
    before = orders.table("orders")["VersionId"]

    reason = orders.failure(MERGE)

    expected = "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: sales.orders"
    assert reason == expected
    assert other.met >= 2
    assert quantities(orders).get("d") != 4
    assert quantities(orders).get("a") != 7
    assert int(orders.table("orders")["VersionId"]) > int(before)
    assert is_clean(orders)


@pytest.mark.behaviour(
    "athena", "A MERGE does not conflict with writers of partitions that it doesn't read."
)
@pytest.mark.parametrize("write", [append, overwrite])
def test_a_merge_bears_writers_of_other_partitions(
    orders: Athena, meanwhile: Meanwhile, write: Callable[[Athena, str, date], None]
) -> None:
    meanwhile(lambda: write(orders, "c", SECOND))

    orders.run(MERGE)

    found = quantities(orders)
    assert (found["a"], found["c"], found["d"]) == (7, 10, 4)


@pytest.mark.behaviour(
    "athena", "Of a commit that is refused nothing is left, and the statement can be run again."
)
@pytest.mark.parametrize("sql", [MERGE, "DELETE FROM orders WHERE day = DATE '2026-01-01'"])
@pytest.mark.parametrize(
    ("service", "matches", "answer"),
    [
        ("glue", is_commit, json_error("AccessDeniedException")),
        (
            "s3",
            lambda request: request.method == "PUT" and request.path.endswith(".metadata.json"),
            s3_error("AccessDenied", 403),
        ),
        (
            "s3",
            lambda request: request.method == "PUT" and "/metadata/snap-" in request.path,
            s3_error("AccessDenied", 403),
        ),
    ],
)
def test_a_refused_commit_leaves_the_table_as_it_was(
    orders: Athena,
    monkeypatch: pytest.MonkeyPatch,
    sql: str,
    service: str,
    matches: Callable[[Request], bool],
    answer: Any,
) -> None:
    fault = Interception(matches, answer=answer)
    intercept(monkeypatch, service, fault)
    before = orders.table("orders")

    orders.failure(sql)

    assert fault.met == 1
    assert orders.table("orders") == before
    assert quantities(orders) == {"a": 1, "b": 2}
    assert is_clean(orders)
    orders.run(sql)
    assert quantities(orders) != {"a": 1, "b": 2}


@pytest.mark.behaviour(
    "athena", "A commit whose answer was lost is found to have come about, and is not made twice."
)
def test_a_commit_whose_answer_is_lost_is_made_once(
    orders: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ministack import app

    original = app.SERVICE_HANDLERS["glue"]
    lost = []

    async def handler(method: str, path: str, headers: Any, body: bytes, query: Any) -> Any:
        answer = await original(method, path, headers, body, query)
        if is_commit(Request(method, path, headers, body)) and not lost:
            lost.append(answer)
            return json_error("InternalServiceException", 500)
        return answer

    monkeypatch.setitem(app.SERVICE_HANDLERS, "glue", handler)

    orders.run("INSERT INTO orders VALUES ('d', DATE '2026-01-01', 4, NULL, NULL)")

    assert [row[0] for row in iceberg.rows(orders)] == ["a", "b", "d"]
    assert lost


@pytest.mark.behaviour("athena", "A statement that is stopped commits nothing.")
def test_a_stopped_merge_commits_nothing(orders: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    query_id = orders.start(MERGE)
    stop = Interception(
        lambda request: request.method == "PUT" and "/data/" in request.path,
        before=lambda: orders.client.stop_query_execution(QueryExecutionId=query_id),
    )
    intercept(monkeypatch, "s3", stop)

    orders.local_aws.step()

    assert orders.execution(query_id)["Status"]["State"] == "CANCELLED"
    assert stop.met == 1
    assert quantities(orders) == {"a": 1, "b": 2}
    assert is_clean(orders)


@pytest.mark.behaviour("athena", "A statement that is committing is not stopped any more.")
def test_a_merge_that_commits_is_not_stopped(orders: Athena, meanwhile: Meanwhile) -> None:
    query_id = orders.start(MERGE)
    meanwhile(lambda: orders.client.stop_query_execution(QueryExecutionId=query_id))

    orders.local_aws.step()

    assert orders.execution(query_id)["Status"]["State"] == "SUCCEEDED"
    assert quantities(orders) == {"a": 7, "b": 2, "d": 4}


@pytest.mark.behaviour(
    "athena",
    "UPDATE and DELETE conflict with files that others add if these can have rows that their "
    "condition holds for.",
)
@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE orders SET quantity = 0 WHERE day = DATE '2026-01-01'",
        "UPDATE orders SET quantity = 0 WHERE id < 'b'",
        "DELETE FROM orders WHERE day = DATE '2026-01-01'",
        "DELETE FROM orders WHERE quantity < 2 AND day < DATE '2026-01-02'",
    ],
)
def test_updates_conflict_with_rows_that_they_miss(
    orders: Athena, meanwhile: Meanwhile, sql: str
) -> None:
    table = iceberg.opened(orders)
    near = [{"id": "a", "day": FIRST, "quantity": 1, "price": None, "status": None}]
    far = [{"id": "x", "day": SECOND, "quantity": 10, "price": None, "status": None}]
    schema = table.schema().as_arrow()
    meanwhile(lambda: iceberg.opened(orders).append(pa.Table.from_pylist(far, schema=schema)))
    orders.run(sql)
    assert quantities(orders)["x"] == 10

    orders.run("INSERT INTO orders VALUES ('a', DATE '2026-01-01', 1, NULL, NULL)")
    meanwhile(lambda: iceberg.opened(orders).append(pa.Table.from_pylist(near, schema=schema)))
    assert orders.failure(sql).startswith("ICEBERG_COMMIT_ERROR")


@pytest.mark.behaviour(
    "athena", "A table whose write.update.isolation-level is snapshot bears rows added meanwhile."
)
def test_snapshot_isolation_bears_new_rows(athena: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    iceberg.create(athena, properties={"write.update.isolation-level": "snapshot"})
    athena.run("INSERT INTO orders (id, day, quantity) VALUES ('a', DATE '2026-01-01', 1)")
    intercept(
        monkeypatch, "glue", Interception(is_commit, before=lambda: append(athena, "a", FIRST))
    )
    athena.run("UPDATE orders SET quantity = 7 WHERE id = 'a'")
    assert [row[2] for row in iceberg.rows(athena)] == [10, 7]


@pytest.mark.behaviour("athena", "Queries that run at once see one snapshot each, whole.")
def test_statements_run_side_by_side(orders: Athena) -> None:
    started = [
        orders.start(f"INSERT INTO orders VALUES ('n{n}', DATE '2026-01-03', {n}, NULL, NULL)")
        for n in range(3)
    ]
    merge = orders.start(MERGE)
    orders.local_aws.step()
    states = [orders.execution(query_id)["Status"]["State"] for query_id in (*started, merge)]
    assert states == ["SUCCEEDED"] * 4
    assert quantities(orders) == {"a": 7, "b": 2, "d": 4, "n0": 0, "n1": 1, "n2": 2}
    assert is_clean(orders)


def test_however_many_append_at_once_none_gives_up(orders: Athena) -> None:
    started = [
        orders.start(f"INSERT INTO orders VALUES ('n{n}', DATE '2026-01-03', {n}, NULL, NULL)")
        for n in range(16)
    ]
    orders.local_aws.step()
    states = [orders.execution(query_id)["Status"] for query_id in started]
    assert [status["State"] for status in states] == ["SUCCEEDED"] * 16, states
    assert quantities(orders) == {"a": 1, "b": 2} | {f"n{n}": n for n in range(16)}


def test_manifests_that_are_gone_through_at_once_do_not_mix(
    athena: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    iceberg.create(athena, partitioned_by={"day": "identity"})
    for day in range(1, 31):
        append(athena, f"order-{day}", date(2026, 1, day))
    unhurried = _ManifestEvalVisitor.visit_equal

    def visit_equal(self: _ManifestEvalVisitor, **found: Any) -> bool:
        time.sleep(0.01)  # the others have begun by then
        return unhurried(self, **found)

    monkeypatch.setattr(_ManifestEvalVisitor, "visit_equal", visit_equal)

    athena.run("UPDATE orders SET quantity = 1 WHERE day = DATE '2026-01-03'")

    assert quantities(athena) == {f"order-{day}": 10 for day in range(1, 31)} | {"order-3": 1}
