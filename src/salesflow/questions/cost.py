"""What a query costs (https://aws.amazon.com/athena/pricing/, "SQL queries")."""

from __future__ import annotations

from decimal import ROUND_CEILING, Decimal
from typing import Final

DOLLARS_PER_TEBIBYTE: Final = Decimal(5)
"""Of data scanned, in most regions; AWS's terabyte is 1,024 gigabytes here."""

MEBIBYTE: Final = 2**20
MINIMUM_MEBIBYTES: Final = 10
"""What a query is charged for at least."""


def charge(scanned_bytes: int, *, price: Decimal = DOLLARS_PER_TEBIBYTE) -> Decimal:
    """Dollars, unrounded, for a query that read data: whole megabytes, and 10 of them at least.

    Args:
        price: dollars for a terabyte.
    """
    mebibytes = (Decimal(scanned_bytes) / MEBIBYTE).to_integral_value(ROUND_CEILING)
    return max(mebibytes, Decimal(MINIMUM_MEBIBYTES)) * price / MEBIBYTE


def cost(scanned_bytes: int, state: str, statement_type: str) -> Decimal:
    """Dollars for a query as Athena describes it: what fails is free, and so is DDL.

    A query that is cancelled is charged for what it had read.

    Args:
        state: of the query execution; while it runs, the cost so far.
        statement_type: of the query execution: DML, DDL or UTILITY, such as SHOW and EXPLAIN.
    """
    if state in ("QUEUED", "FAILED"):
        return Decimal(0)
    if scanned_bytes == 0 and (statement_type != "DML" or state == "CANCELLED"):
        return Decimal(0)
    return charge(scanned_bytes)


def dollars_text(dollars: Decimal) -> str:
    """Dollars as people read them: cents, and below a cent millionths."""
    if dollars == 0:
        return "$0"
    return f"${dollars:.2f}" if dollars >= Decimal("0.01") else f"${dollars:.6f}"
