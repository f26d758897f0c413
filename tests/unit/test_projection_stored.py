"""Rows of the projection as the values of INSERT statements."""

from datetime import date
from decimal import Decimal

import pytest

from salesflow.projection.rows import Accuracy
from salesflow.projection.stored import INSERT_BYTES, column_info, columns, value_lists

ATHENA_BYTES = 262_144


def row(name: str = "Laptop", absolute_error: float | None = 0.25) -> Accuracy:
    return Accuracy(
        as_of=date(2026, 3, 3),
        level="product",
        name=name,
        measure="units",
        days=10,
        projected=Decimal("12.5000"),
        actual=Decimal("10"),
        absolute_error=absolute_error,
        relative_error=None,
        coverage_80=1.0,
        coverage_95=1.0,
    )


def test_values_are_text_that_is_quoted_and_none_is_null() -> None:
    assert list(value_lists([row("O'Neill", None)])) == [
        "('2026-03-03', 'product', 'O''Neill', 'units', '10', '12.5000', '10', NULL, NULL, '1.0',"
        " '1.0')"
    ]


def test_every_row_is_in_one_of_the_statements_and_they_fit_into_athenas_limit() -> None:
    rows = [row(f"Bücherregal {number}") for number in range(5000)]
    lists = list(value_lists(rows))
    assert len(lists) > 1
    assert max(len(values.encode()) for values in lists) <= INSERT_BYTES < ATHENA_BYTES - 10_000
    assert ",\n".join(lists) == ",\n".join(text for one in rows for text in value_lists([one]))


def test_a_row_that_is_too_long_is_alone() -> None:
    assert [text.count("product") for text in value_lists([row(), row(), row()], limit=10)] == [
        1,
        1,
        1,
    ]


def test_no_rows_are_no_statement() -> None:
    assert list(value_lists([])) == []


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("as_of", "date"),
        ("level", "varchar"),
        ("days", "integer"),
        ("actual", "decimal(38, 4)"),
        ("relative_error", "double"),
        ("coverage_80", "double"),
    ],
)
def test_columns_have_the_types_of_their_fields(name: str, kind: str) -> None:
    assert columns(Accuracy)[name] == kind


def test_decimals_are_described_with_their_digits_as_athena_does() -> None:
    described = {column["Name"]: column for column in column_info(Accuracy)}
    assert described["actual"] == {
        "Name": "actual",
        "Type": "decimal",
        "Precision": 38,
        "Scale": 4,
    }
    assert described["name"] == {"Name": "name", "Type": "varchar"}
