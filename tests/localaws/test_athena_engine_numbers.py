"""Numbers as Trino has them: whole numbers, exact decimals, and what becomes what.

Expected values are Trino's: https://trino.io/docs/current/functions/decimal.html and
https://trino.io/docs/current/functions/math.html
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from athena_engine_lake import columns, engine_without_tables, rows
from localaws.athena.engine import Engine, QueryFailed


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    scratch: Path = tmp_path_factory.mktemp("athena")
    return engine_without_tables(scratch)


def value(engine: Engine, expression: str) -> Any:
    ((found,),) = rows(engine, f"SELECT {expression}")
    return found


def kind(engine: Engine, expression: str) -> str:
    (column,) = columns(engine, f"SELECT {expression}")
    return f"{column.type}({column.precision},{column.scale})" if column.scale else column.type


@pytest.mark.behaviour("athena", "Integer division truncates: 5 / 2 is 2.")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("5 / 2", 2),
        ("-5 / 2", -2),
        ("5 / -2", -2),
        ("7 % 3", 1),
        ("-7 % 3", -1),
        ("mod(-7, 3)", -1),
        ("5 / 2 * 2.0", Decimal("4.0")),
        ("5 / 2e0", 2.5),
        ("transform(ARRAY[5, 6], x -> x / 2)", [2, 3]),
        ("sum(x) / count(*) FROM (VALUES 1, 2, 4) AS v(x)", 2),
    ],
)
def test_division_of_whole_numbers(engine: Engine, expression: str, expected: Any) -> None:
    assert value(engine, expression) == expected


@pytest.mark.behaviour(
    "athena", "Decimals are exact; their precision and scale follow Trino's rules."
)
@pytest.mark.parametrize(
    ("expression", "expected", "of_type"),
    [
        ("DECIMAL '1.10' + DECIMAL '2.205'", "3.305", "decimal(5,3)"),
        ("DECIMAL '1.1' * DECIMAL '1.1'", "1.21", "decimal(4,2)"),
        ("DECIMAL '1' / DECIMAL '3'", "0", "decimal"),
        ("CAST(1 AS decimal(10,4)) / 3", "0.3333", "decimal(10,4)"),
        ("CAST(2 AS decimal(10,4)) / 3", "0.6667", "decimal(10,4)"),
        ("CAST(-2 AS decimal(10,4)) / 3", "-0.6667", "decimal(10,4)"),
        ("DECIMAL '0.5' / DECIMAL '0.20'", "2.50", "decimal(4,2)"),
        ("DECIMAL '7.5' % 2", "1.5", "decimal(2,1)"),
        ("CAST(99999999999999.9999 AS decimal(18,4)) * 5", "499999999999999.9995", "decimal(28,4)"),
        ("CAST(99999999999999.9999 AS decimal(18,4)) + 1", "100000000000000.9999", "decimal(19,4)"),
        ("-DECIMAL '1.50'", "-1.50", "decimal(3,2)"),
        ("round(CAST(146.375 AS decimal(10,3)), 2)", "146.380", "decimal(11,3)"),
        ("round(DECIMAL '2.5')", "3", "decimal"),
        ("ceil(DECIMAL '1.2')", "2", "decimal"),
        ("floor(DECIMAL '-1.2')", "-2", "decimal"),
        ("truncate(DECIMAL '12.345', 1)", "12.300", "decimal(5,3)"),
        ("abs(DECIMAL '-1.5')", "1.5", "decimal(2,1)"),
        ("CAST(1.005e0 AS decimal(10,2))", "1.01", "decimal(10,2)"),
        ("CAST('1.005' AS decimal(10,2))", "1.01", "decimal(10,2)"),
        ("CAST('1.5' AS decimal)", "2", "decimal"),
    ],
)
def test_decimal_arithmetic(engine: Engine, expression: str, expected: str, of_type: str) -> None:
    assert value(engine, expression) == Decimal(expected)
    assert kind(engine, expression) == of_type


@pytest.mark.behaviour(
    "athena", "The sum of decimals is a decimal(38,s); their avg keeps its type."
)
@pytest.mark.parametrize(
    ("aggregate", "expected", "of_type"),
    [
        ("sum(price)", "30.0001", "decimal(38,4)"),
        ("avg(price)", "10.0000", "decimal(18,4)"),
        ("sum(price * quantity)", "60.0002", "decimal(38,4)"),
        ("avg(DISTINCT price)", "10.0001", "decimal(18,4)"),
        ("avg(price) FILTER (WHERE price > 10)", "10.0001", "decimal(18,4)"),
        ("sum(price) / count(*)", "10.0000", "decimal(38,4)"),
        ("sum(price) / sum(quantity)", "5.0000", "decimal(38,4)"),
        ("max(price)", "10.0001", "decimal(18,4)"),
        ("sum(CAST(price AS decimal(38,4)))", "30.0001", "decimal(38,4)"),
    ],
)
def test_aggregates_of_decimals(
    engine: Engine, aggregate: str, expected: str, of_type: str
) -> None:
    orders = (
        "FROM (SELECT CAST(p AS decimal(18,4)) AS price, 2 AS quantity "
        "FROM (VALUES 10.0000, 10.0001, 10.0000) AS v(p))"
    )
    assert value(engine, f"{aggregate} {orders}") == Decimal(expected)
    assert kind(engine, f"{aggregate} {orders}") == of_type


def test_averages_over_windows_and_of_nothing(engine: Engine) -> None:
    prices = "(VALUES (1, 1.00), (1, 2.01), (2, NULL)) AS v(shop, price)"
    found = rows(engine, f"SELECT avg(price) OVER (PARTITION BY shop) FROM {prices} ORDER BY shop")
    assert found == [(Decimal("1.51"),), (Decimal("1.51"),), (None,)]
    assert rows(engine, f"SELECT avg(price), sum(price) FROM {prices} WHERE shop = 3") == [
        (None, None)
    ]


def test_aggregates_of_whole_numbers(engine: Engine) -> None:
    query = "SELECT sum(x), avg(x), count(x), count_if(x > 1) FROM (VALUES 1, 2, 4) AS v(x)"
    assert rows(engine, query) == [(7, 7 / 3, 3, 2)]
    assert [c.type for c in columns(engine, query)] == ["bigint", "double", "bigint", "bigint"]


@pytest.mark.behaviour("athena", "CAST rounds half up, and refuses what is no number.")
@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("CAST(2.5e0 AS integer)", 3),
        ("CAST(DECIMAL '2.5' AS bigint)", 3),
        ("CAST('12' AS integer)", 12),
        ("TRY_CAST('1.5' AS integer)", None),
        ("TRY_CAST('1_000' AS integer)", None),
        ("TRY_CAST('many' AS double)", None),
        ("TRY_CAST('300' AS tinyint)", None),
        ("CAST(1e10 AS varchar)", "1.0E10"),
        ("CAST(146.37e0 AS varchar)", "146.37"),
        ("CAST(0.00012e0 AS varchar)", "1.2E-4"),
        ("CAST(DECIMAL '1.10' AS varchar)", "1.10"),
        ("CAST(TRUE AS varchar)", "true"),
        ("CAST(TRUE AS integer)", 1),
    ],
)
def test_casts(engine: Engine, expression: str, expected: Any) -> None:
    assert value(engine, expression) == expected


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("1.5 / 0", "DIVISION_BY_ZERO: Division by zero"),
        ("1 % 0", "DIVISION_BY_ZERO: Division by zero"),
        ("CAST('1.5' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast '1.5' to INT"),
        ("CAST('many' AS bigint)", "INVALID_CAST_ARGUMENT: Cannot cast 'many' to BIGINT"),
        ("2147483647 + 1", "NUMERIC_VALUE_OUT_OF_RANGE: "),
        ("CAST(1000 AS decimal(4,2))", "INVALID_CAST_ARGUMENT: |NUMERIC_VALUE_OUT_OF_RANGE: "),
        ("sum(x) FROM (VALUES 9223372036854775807, 1) AS v(x)", "NUMERIC_VALUE_OUT_OF_RANGE: "),
        ("'1' + 1", r"TYPE_MISMATCH: line 1:1: Cannot apply operator: varchar \+ integer"),
        ("sum('a')", "FUNCTION_NOT_FOUND: Unexpected parameters"),
        ("CAST(DATE '2025-07-10' AS integer)", "TYPE_MISMATCH: Cannot cast date to integer"),
    ],
)
def test_what_fails(engine: Engine, expression: str, message: str) -> None:
    with pytest.raises(QueryFailed, match=message):
        value(engine, expression)


@pytest.mark.behaviour("athena", "try() gives NULL for what fails.")
def test_try(engine: Engine) -> None:
    assert rows(
        engine, "SELECT try(1 / 0), try(1.5 / 0), try(CAST('x' AS integer)), try(ARRAY[1][2])"
    ) == [(None, None, None, None)]


def test_doubles(engine: Engine) -> None:
    assert value(engine, "1e0 / 0") == float("inf")
    assert value(engine, "ln(0)") == float("-inf")
    assert value(engine, "is_nan(sqrt(-1))") is True
    assert value(engine, "round(-2.5e0)") == -3.0
    assert value(engine, "log(2, 8)") == pytest.approx(3.0)
    assert value(engine, "cbrt(27)") == 3.0
    assert value(engine, "width_bucket(5e0, 0e0, 10e0, 5)") == 3
