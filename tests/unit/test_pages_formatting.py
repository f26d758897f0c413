"""Figures as people read them."""

from datetime import date, datetime
from decimal import Decimal

import pytest

from salesflow.pages.formatting import (
    Number,
    change,
    currency,
    long_day,
    moment,
    money,
    number,
    percent,
    short_day,
    shortened,
    whole_money,
)

DOLLARS = currency("USD")


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Decimal("1234567.8950"), "$1,234,567.90"),
        (Decimal("0.0000"), "$0.00"),
        (Decimal("-149"), "\u2212$149.00"),
        (Decimal("-0.001"), "$0.00"),
        (Decimal("0.005"), "$0.01"),
        (Decimal("12345678901234567890.12"), "$12,345,678,901,234,567,890.12"),
        (Decimal("1" + "0" * 33 + ".005"), f"$1{',000' * 11}.01"),
        (None, "–"),
    ],
)
def test_money_has_its_sign_its_thousands_and_its_cents(value: Decimal | None, text: str) -> None:
    assert money(value, DOLLARS) == text


def test_currencies_have_their_own_sign_and_decimals() -> None:
    amount = Decimal("-1234.56")
    assert money(amount, currency("EUR")) == "\u2212€1,234.56"
    assert money(amount, currency("JPY")) == "\u2212¥1,235"
    assert money(amount, currency("CHF")) == "\u2212CHF\u00a01,234.56"
    assert whole_money(amount, currency("GBP")) == "\u2212£1,235"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (1234567, 0, "1,234,567"),
        (-3, 0, "\u22123"),
        (0.125, 2, "0.13"),
        (None, 0, "–"),
        (0.4, 0, "0"),
    ],
)
def test_numbers_are_rounded_half_up(value: Number | None, decimals: int, text: str) -> None:
    assert number(value, decimals) == text


@pytest.mark.parametrize(
    ("now", "before", "text"),
    [
        (Decimal("123.4"), Decimal(100), "+23.4\u202f%"),
        (80, 100, "\u221220.0\u202f%"),
        (100, 100, "0.0\u202f%"),
        (Decimal("100.04"), 100, "0.0\u202f%"),
        (5, 0, "–"),
        (None, 5, "–"),
        (5, None, "–"),
        (0, 5, "\u2212100.0\u202f%"),
        (Decimal(10) ** 27, Decimal("0.0001"), f"+1{',000' * 11}.0\u202f%"),
    ],
)
def test_a_change_is_signed(now: Number | None, before: Number | None, text: str) -> None:
    assert change(now, before) == text


@pytest.mark.parametrize(("text", "shown"), [("Laptop", "Laptop"), ("Laptops", "Lapto…"), ("", "")])
def test_a_long_name_ends_in_an_ellipsis(text: str, shown: str) -> None:
    assert shortened(text, 6) == shown


def test_percent_and_days() -> None:
    assert percent(Decimal("12.345")) == "12.3\u202f%"
    assert percent(None) == "–"
    assert long_day(date(2026, 3, 4)) == "Wednesday, 4 March 2026"
    assert short_day(date(2026, 3, 4)) == "4 Mar 2026"
    assert short_day(None) == "–"
    assert moment(datetime(2026, 3, 5, 0, 4)) == "5 Mar 2026, 00:04 UTC"  # noqa: DTZ001
