"""Numbers keep their digits, and only what fits a column enters it."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.numbers import NotANumber, decimal_literal, integer_literal, price_literal

NO_NUMBERS = [
    *("", " ", "abc", "1,234.50", "1.2.3", "--1", "1e", "e1", "."),
    *("NaN", "Infinity", "1_000", "0x10", "١٢", " 1", "1\n"),
]


@pytest.mark.parametrize("text", ["0", "146.37", "-1.5", "99999999999999.9999", "12.50", "0.0001"])
def test_a_price_keeps_its_digits(text: str) -> None:
    assert price_literal(text) == text


@pytest.mark.parametrize(
    ("text", "literal"),
    [
        ("1E+2", "100"),
        ("1.00000", "1"),
        ("+7.5", "7.5"),
        (".5", "0.5"),
        ("007", "7"),
        ("0E+999999999", "0"),
        ("1230000E-5", "12.3"),
    ],
)
def test_a_price_written_otherwise_keeps_its_value(text: str, literal: str) -> None:
    assert price_literal(text) == literal


@pytest.mark.parametrize(
    "text", ["0.00001", "100000000000000", "1E+14", "1E-999999999", "1E+999999999", "9" * 38]
)
def test_a_price_that_does_not_fit_is_named(text: str) -> None:
    with pytest.raises(NotANumber, match=r"doesn't fit decimal\(18,4\)"):
        price_literal(text)


@pytest.mark.parametrize(
    ("text", "literal"),
    [("0", "0"), ("-3", "-3"), ("4.0", "4"), ("2E+3", "2000"), ("2147483647", "2147483647")],
)
def test_a_whole_number_is_an_int(text: str, literal: str) -> None:
    assert integer_literal(text) == literal


@pytest.mark.parametrize("text", ["1.5", "1E-999999999"])
def test_a_fraction_is_no_int(text: str) -> None:
    with pytest.raises(NotANumber, match="not a whole number"):
        integer_literal(text)


@pytest.mark.parametrize("text", ["2147483648", "-2147483649", "1E+999999999"])
def test_a_whole_number_beyond_int_is_named(text: str) -> None:
    with pytest.raises(NotANumber, match="doesn't fit int"):
        integer_literal(text)


@pytest.mark.parametrize("text", NO_NUMBERS)
def test_text_that_is_no_number_is_refused(text: str) -> None:
    for literal in (price_literal, integer_literal, decimal_literal):
        with pytest.raises(NotANumber, match="is not a number"):
            literal(text)


@given(st.decimals(allow_nan=False, allow_infinity=False, places=4, min_value=-(10**13)))
def test_every_price_survives(price: Decimal) -> None:
    text = str(price)
    if abs(price) < 10**14:
        assert Decimal(price_literal(text)) == price


@given(st.integers(0, 10**38 - 1), st.integers(-130, 87))
def test_every_dynamodb_number_survives(digits: int, exponent: int) -> None:
    number = Decimal((0, tuple(map(int, str(digits))), exponent))
    assert Decimal(decimal_literal(str(number))) == number
