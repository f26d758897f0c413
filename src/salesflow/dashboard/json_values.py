"""Times and money as the dashboard's JSON has them."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal


def time_text(at: datetime | None) -> str | None:
    """ISO 8601 in UTC with Z, to the millisecond if it isn't a whole second."""
    if at is None:
        return None
    precision = "milliseconds" if at.microsecond else "seconds"
    return at.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def day_text(day: date | None) -> str | None:
    """YYYY-MM-DD."""
    return None if day is None else day.isoformat()


def money_text(amount: Decimal | None) -> str | None:
    """All digits, without an exponent."""
    return None if amount is None else f"{amount:f}"
