"""What questions cost, how they are marked, and the files that their answers make."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.deployment import StackMissing
from salesflow.questions.asking import history, marked, place_in, unmarked, workgroup_of
from salesflow.questions.cost import charge, cost, dollars_text
from salesflow.questions.spreadsheet import csv_lines

MEBIBYTE = 2**20
TEBIBYTE = 2**40


@pytest.mark.parametrize(
    ("scanned", "dollars"),
    [
        (TEBIBYTE, "5"),
        (200 * 2**30, "0.9765625"),
        (0, "0.0000476837158203125"),  # 10 MB at least
        (1, "0.0000476837158203125"),
        (10 * MEBIBYTE, "0.0000476837158203125"),
        (10 * MEBIBYTE + 1, "0.00005245208740234375"),  # whole megabytes
        (11 * MEBIBYTE, "0.00005245208740234375"),
    ],
)
def test_a_query_is_charged_by_the_megabyte_and_for_ten_at_least(
    scanned: int, dollars: str
) -> None:
    assert charge(scanned) == Decimal(dollars)


def test_the_price_is_the_regions() -> None:
    assert charge(TEBIBYTE, price=Decimal("6.75")) == Decimal("6.75")


@pytest.mark.parametrize(
    ("scanned", "state", "statement_type", "dollars"),
    [
        (TEBIBYTE, "SUCCEEDED", "DML", "5"),
        (TEBIBYTE, "RUNNING", "DML", "5"),
        (TEBIBYTE, "CANCELLED", "DML", "5"),
        (0, "CANCELLED", "DML", "0"),
        (TEBIBYTE, "FAILED", "DML", "0"),
        (0, "QUEUED", "DML", "0"),
        (0, "SUCCEEDED", "DDL", "0"),
        (0, "SUCCEEDED", "UTILITY", "0"),
        (TEBIBYTE, "SUCCEEDED", "UTILITY", "5"),  # EXPLAIN ANALYZE reads
    ],
)
def test_failures_and_what_reads_no_data_are_free(
    scanned: int, state: str, statement_type: str, dollars: str
) -> None:
    assert cost(scanned, state, statement_type) == Decimal(dollars)


@pytest.mark.parametrize(
    ("dollars", "text"),
    [("0", "$0"), ("0.0000476837158203125", "$0.000048"), ("0.01", "$0.01"), ("5", "$5.00")],
)
def test_dollars_are_shown_as_cents_or_in_millionths(dollars: str, text: str) -> None:
    assert dollars_text(Decimal(dollars)) == text


@given(st.text(), st.text(alphabet=st.characters(exclude_characters="\r")))
def test_who_asked_is_one_comment_line_whatever_the_name(name: str, sql: str) -> None:
    query = marked(sql, name)
    head, _, rest = query.partition("\n")
    assert rest == sql
    assert head.isprintable()
    assert len(head) <= 120
    assert unmarked(query) == (sql, head.removeprefix("-- asked by "))


def test_a_query_that_was_not_asked_here_has_no_asker() -> None:
    assert unmarked("SELECT 1\nFROM orders") == ("SELECT 1\nFROM orders", None)
    assert unmarked("-- asked by nobody") == ("-- asked by nobody", None)


def test_a_place_is_read_out_of_athenas_message() -> None:
    assert place_in("COLUMN_NOT_FOUND: line 3:14: Column 'x' cannot be resolved") == (3, 14)
    assert place_in("Insufficient permissions") is None


def test_a_deployment_without_the_workgroup_is_told_to_be_deployed_again() -> None:
    with pytest.raises(StackMissing, match="deploy it again"):
        workgroup_of({"WorkGroupName": "salesflow-dev"})


class Athena:
    """Lists executions in an order of its own, as Athena may."""

    def __init__(self, *executions: dict[str, Any]) -> None:
        self.executions = {each["QueryExecutionId"]: each for each in executions}

    def list_query_executions(self, **_: Any) -> dict[str, Any]:
        return {"QueryExecutionIds": list(self.executions)}

    def batch_get_query_execution(self, **request: Any) -> dict[str, Any]:
        assert request["QueryExecutionIds"], "Athena refuses an empty list"
        return {"QueryExecutions": [self.executions[i] for i in request["QueryExecutionIds"]]}


def execution(number: int, **more: Any) -> dict[str, Any]:
    status = {"State": "SUCCEEDED", "SubmissionDateTime": datetime(2026, 1, number, tzinfo=UTC)}
    return {
        "QueryExecutionId": str(number),
        "Query": "-- asked by ann\nSELECT x",
        "StatementType": "DML",
        "Status": status,
        "Statistics": {"DataScannedInBytes": TEBIBYTE, "TotalExecutionTimeInMillis": 1500},
    } | more


def test_an_explain_is_free_whatever_athena_calls_it() -> None:
    nothing = {"Statistics": {"DataScannedInBytes": 0}, "StatementType": "DML"}
    client: Any = Athena(
        execution(1, SubstatementType="SELECT", **nothing),
        execution(2, SubstatementType="EXPLAIN", **nothing),
    )
    explained, read = history(client, "questions")
    assert (explained.cost, read.cost > 0) == (Decimal(0), True)


def test_the_history_begins_with_the_newest_question() -> None:
    client: Any = Athena(execution(1), execution(3), execution(2))
    found = history(client, "questions")
    assert [each.id for each in found] == ["3", "2", "1"]
    assert (found[0].sql, found[0].asked_by) == ("SELECT x", "ann")
    assert (found[0].cost, found[0].seconds) == (Decimal(5), 1.5)


def test_nothing_asked_is_an_empty_history() -> None:
    client: Any = Athena()
    assert history(client, "questions") == []


def test_an_error_names_the_place_in_the_question_as_it_was_asked() -> None:
    failed = {
        "State": "FAILED",
        "SubmissionDateTime": datetime(2026, 1, 1, tzinfo=UTC),
        "StateChangeReason": "COLUMN_NOT_FOUND: line 2:8: Column 'x' cannot be resolved",
    }
    client: Any = Athena(execution(1, Status=failed))
    [question] = history(client, "questions")
    assert question.error == "COLUMN_NOT_FOUND: line 1:8: Column 'x' cannot be resolved"
    assert question.place == (1, 8)


COLUMNS = [("name", "varchar"), ("count", "bigint"), ("price", "decimal")]


def test_a_file_has_all_rows_and_tells_null_from_nothing() -> None:
    rows = [
        ('Phone, "5"', "-1", "9.50"),
        ("two\nlines", None, "1"),
        (None, "3", None),
        ("", "4", "2"),
    ]
    text = "".join(csv_lines(COLUMNS, rows))
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read[0] == ["name", "count", "price"]
    assert read[1:] == [["" if value is None else value for value in row] for row in rows]
    assert text.splitlines()[-2:] == [',"3",', '"","4","2"']


FORMULAS = ["=1+1", "+1", "-1", "@a", "\t=1", "\r=1", "\n=1", "\na", " =1", "\u00a0 @a"]
FULL_WIDTH = ["\uff1d1", "\uff0b1", "\uff0d1", "\uff20a", "\u3000\uff1d1"]


@pytest.mark.parametrize("value", FORMULAS + FULL_WIDTH)
def test_a_text_that_a_spreadsheet_would_run_is_not_run(value: str) -> None:
    [_, line] = csv_lines([("a", "varchar"), ("b", "integer")], [(value, "-1")])
    assert line == f'"\'{value}","-1"\r\n'
