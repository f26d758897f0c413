"""The command line as a shell uses it, on the local AWS and with the DAGs."""

from __future__ import annotations

import csv
import random
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from pipeline_runs import Pipeline
from shell import Shell

QUICK = {"buffer_interval_seconds": 1, "transform_buffer_interval_seconds": 0}
MAP = ["orderid=Id", "product_name=Product", "quantity=Qty", "price=UnitPrice"]


@pytest.fixture(scope="module")
def shell(pipeline: Pipeline) -> Shell:
    """A shell on a deployed pipeline."""
    pipeline.run("deploy_pipeline", **QUICK)
    return Shell(pipeline.endpoint_url)


@pytest.fixture(scope="module")
def replayed(shell: Shell, pipeline: Pipeline, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A file of another shop's orders, three of them unusable, replayed and ingested."""
    path = tmp_path_factory.mktemp("shop") / "orders.csv"
    dice = random.Random(3)
    good = [
        (f"A-{number}", "Laptop", dice.randint(1, 5), Decimal(dice.randint(1, 5_000_000)) / 10_000)
        for number in range(500)
    ]
    bad = [("B-1", "Phone", -1, 2), ("A-7", "Phone", 1, 2), ("B-3", "Phone", 1, "free")]
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([("Id", "Product", "Qty", "UnitPrice"), *good, *bad])
    options = [option for pair in MAP for option in ("--map", pair)]
    done = shell("replay", str(path), *options)
    pipeline.run("ingest_orders")
    return done, path, good


def test_a_replay_says_what_was_written_and_where_the_rejects_are(replayed: Any) -> None:
    done, path, _ = replayed
    assert done.returncode == 2
    assert "503 rows read, 500 orders written, 3 rejected" in done.stdout
    with path.with_name("orders.csv.rejects.csv").open() as file:
        reasons = {int(row["line"]): row["reason"] for row in csv.DictReader(file)}
    assert reasons.keys() == {502, 503, 504}
    assert "'-1'" in reasons[502]
    assert "already on line 9" in reasons[503]
    assert "'free'" in reasons[504]


@pytest.mark.parametrize("table", ["orders_current", "orders_changelog"])
def test_a_query_has_the_files_count_and_sum_to_the_last_decimal(
    table: str, replayed: Any, shell: Shell
) -> None:
    _, _, good = replayed
    [row] = shell.rows(f"SELECT count(*) AS n, sum(quantity * price) AS total FROM {table}")
    assert int(row["n"]) == len(good)
    assert Decimal(row["total"]) == sum(quantity * price for _, _, quantity, price in good)


def test_a_query_is_printed_as_csv_and_as_a_table(replayed: Any, shell: Shell) -> None:
    del replayed
    sql = "SELECT 'a,b' AS x, CAST(NULL AS integer) AS y"
    assert shell("query", "--format", "csv", sql).stdout == 'x,y\n"a,b",\n'
    table = shell("query", sql)
    assert "NULL" in table.stdout
    assert "1 row" in table.stderr


def test_a_query_says_what_it_read_and_cost_apart_from_its_rows(
    shell: Shell, replayed: Any
) -> None:
    done = shell("query", "--format", "csv", "SELECT count(*) AS n FROM orders_current")
    assert done.stdout == "n\n500\n"
    said = re.fullmatch(r"1 row, ([\d,]+) bytes scanned, \$0\.000048, [\d.]+ s\n", done.stderr)
    assert said, done.stderr
    assert int(said[1].replace(",", "")) > 0


@pytest.mark.parametrize(
    ("sql", "kind"),
    [
        ("DELETE FROM orders", "DELETE"),
        ("DROP VIEW orders_current", "DROP VIEW"),
        ("EXPLAIN ANALYZE INSERT INTO orders SELECT * FROM orders", "INSERT INTO"),
    ],
)
def test_a_query_that_writes_is_refused_in_a_sentence(
    sql: str, kind: str, shell: Shell, replayed: Any
) -> None:
    done = shell("query", sql)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {kind} isn't allowed: questions only read")
    assert "Traceback" not in done.stderr
    assert shell.rows("SELECT count(*) AS n FROM orders_current") == [{"n": "500"}]


def test_a_query_may_end_in_a_semicolon_and_have_comments(shell: Shell) -> None:
    assert shell.rows("SELECT /* the first */ 1 AS one; -- DELETE") == [{"one": "1"}]


def test_a_failed_query_shows_athenas_message_and_no_traceback(shell: Shell) -> None:
    done = shell("query", "SELECT nothing FROM nowhere")
    assert done.returncode == 1
    assert "nowhere" in done.stderr
    assert "Traceback" not in done.stderr


def test_generated_orders_are_counted_exactly(shell: Shell, pipeline: Pipeline) -> None:
    before = len(pipeline.client("dynamodb").scan(TableName=_table(pipeline))["Items"])
    done = shell("generate", "--orders", "20", "--days", "2", "--until", "2026-01-31")
    assert done.returncode == 0, done.stderr
    assert "20 orders written" in done.stdout
    removed = int(done.stdout.split(" removed")[0].split()[-1])
    after = len(pipeline.client("dynamodb").scan(TableName=_table(pipeline))["Items"])
    assert after - before == 20 - removed


def test_a_present_is_written_order_by_order(shell: Shell) -> None:
    done = shell("generate", "--rate", "0.05", "--orders", "3")
    assert done.returncode == 0, done.stderr
    assert "3 orders written" in done.stdout


def test_the_status_names_every_hop(replayed: Any, shell: Shell) -> None:
    del replayed
    done = shell("status")
    assert done.returncode == 0, done.stderr
    for hop in (
        "orders",
        "records in the pipe",
        "changes counted live",
        "records in Firehose",
        "objects in S3",
        "objects crawled",
    ):
        assert hop in done.stdout


def test_a_missing_deployment_is_named(shell: Shell) -> None:
    done = shell("--stage", "nowhere", "query", "SELECT 1")
    assert done.returncode == 1
    assert "salesflow-nowhere-storage" in done.stderr


def test_without_an_aws_it_says_how_to_get_one() -> None:
    done = Shell("http://127.0.0.1:9")("query", "SELECT 1")
    assert done.returncode == 1
    assert "salesflow aws" in done.stderr
    assert "Traceback" not in done.stderr


def test_orders_of_the_future_are_refused_before_the_transform_would(shell: Shell) -> None:
    done = shell("generate", "--orders", "1", "--until", "2999-01-01")
    assert done.returncode == 2
    assert "is in the future" in done.stderr


def test_a_file_that_can_not_be_read_writes_nothing(shell: Shell, tmp_path: Path) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("a,b\n1,2\n")
    done = shell("replay", str(path), "--map", "orderid=Id")
    assert done.returncode == 1
    assert "has no column Id" in done.stderr


def test_a_place_where_no_rejects_can_be_written_is_refused_before_anything_is(
    shell: Shell, tmp_path: Path
) -> None:
    path = tmp_path / "orders.csv"
    path.write_text("orderid,product_name,quantity,price\n1,Phone,1,free\n")
    done = shell("replay", str(path), "--rejects", str(tmp_path))
    assert done.returncode == 1
    assert "can't be written" in done.stderr
    assert "Traceback" not in done.stderr


def test_brackets_in_data_are_shown_as_they_are(shell: Shell) -> None:
    table = shell("query", "SELECT '[b]x[/b]' AS \"[red]h\"").stdout
    assert "[b]x[/b]" in table
    assert "[red]h" in table


def _table(pipeline: Pipeline) -> str:
    return pipeline.outputs["OrdersTableName"]
