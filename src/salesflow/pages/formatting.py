"""Figures as people read them: money, numbers, percent, days, and how much they changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Final

from salesflow.numbers import EXACT

NARROW_SPACE: Final = "\u202f"
MINUS: Final = "\u2212"
NONE: Final = "–"
"""Stands for a figure that there isn't."""

LONGEST_NAME: Final = 80
"""Characters of a name that are shown; a table of the orders may hold names of 400 KB."""

Number = Decimal | int | float


@dataclass(frozen=True, slots=True)
class Currency:
    """How amounts of money are written: what stands before them, and digits after the point."""

    code: str
    symbol: str
    decimals: int = 2


_CURRENCIES: Final = {
    each.code: each
    for each in (
        Currency("USD", "$"),
        Currency("EUR", "€"),
        Currency("GBP", "£"),
        Currency("JPY", "¥", 0),
    )
}


def shortened(text: str, longest: int = LONGEST_NAME) -> str:
    """A text of that many characters at most; what is cut ends in an ellipsis."""
    return text if len(text) <= longest else f"{text[: longest - 1]}…"


def currency(code: str) -> Currency:
    """A currency by its ISO 4217 code, which stands before the amounts if no sign is known."""
    return _CURRENCIES.get(code, Currency(code, f"{code}\u00a0"))


def number(value: Number | None, decimals: int = 0) -> str:
    """1,234.5: rounded half up, a true minus sign; a dash for None."""
    if value is None:
        return NONE
    rounded = Decimal(str(value)).quantize(Decimal(1).scaleb(-decimals), ROUND_HALF_UP, EXACT)
    return f"{rounded:,f}".replace("-", MINUS) if rounded else f"{abs(rounded):f}"


def money(value: Number | None, unit: Currency) -> str:
    """$1,234.50, with the sign before the currency's."""
    if value is None:
        return NONE
    text = number(value, unit.decimals)
    sign = MINUS if text.startswith(MINUS) else ""
    return f"{sign}{unit.symbol}{text.removeprefix(MINUS)}"


def whole_money(value: Number | None, unit: Currency) -> str:
    """The same without decimals, for sums that are estimates anyway."""
    return money(value, Currency(unit.code, unit.symbol, 0))


def percent(value: Number | None, decimals: int = 1) -> str:
    """Of a value that is in percent already."""
    return NONE if value is None else f"{number(value, decimals)}{NARROW_SPACE}%"


def change(now: Number | None, before: Number | None) -> str:
    """By how much percent it has changed, always signed; a dash if there was nothing before."""
    if now is None or not before:
        return NONE
    relative = (Decimal(str(now)) / Decimal(str(before)) - 1) * 100
    text = percent(relative)
    return text if text.startswith(MINUS) or text == percent(0) else f"+{text}"


def long_day(day: date) -> str:
    """Tuesday, 3 March 2026."""
    return f"{day:%A}, {day.day} {day:%B %Y}"


def short_day(day: date | None) -> str:
    """3 Mar 2026; a dash for None."""
    return NONE if day is None else f"{day.day} {day:%b %Y}"


def moment(at: datetime) -> str:
    """3 Mar 2026, 23:59 UTC; the time must be UTC's."""
    return f"{short_day(at.date())}, {at:%H:%M} UTC"
