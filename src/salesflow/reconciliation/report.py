"""What a reconciliation found, as JSON values and as text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from salesflow.reconciliation.fingerprints import EXACT, FIELDS, Values, amount
from salesflow.reconciliation.ledger import MISMATCHES, Verdict

_WIDTH = 160


@dataclass(slots=True)
class Totals:
    """The orders of one side: how many, and their quantity × price, exactly."""

    orders: int = 0
    amount: Decimal = Decimal(0)

    def add(self, values: Values) -> None:
        """Count an order."""
        self.orders += 1
        self.amount = EXACT.add(self.amount, amount(values))


@dataclass(frozen=True, slots=True)
class NamedOrder:
    """An order that doesn't match, as it is now.

    Attributes:
        item, silver: its values on either side; None where there is no such order.
        reason: what is known beyond the values.
    """

    orderid: str
    verdict: Verdict
    item: Values | None = None
    silver: Values | None = None
    reason: str | None = None

    def details(self) -> str:
        """What differs, or what the one side has."""
        parts = [self.reason] if self.reason else []
        if self.item is not None and self.silver is not None:
            parts += [
                f"{name} is {_shown(ours)} in DynamoDB, {_shown(theirs)} in silver"
                for name, ours, theirs in zip(FIELDS, self.item, self.silver, strict=True)
                if ours != theirs
            ]
        else:
            parts += [
                f"{name} {_shown(value)}"
                for name, value in zip(FIELDS, self.item or self.silver or (), strict=False)
                if name in _TELLING and value is not None
            ]
        return "; ".join(parts)

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values."""
        return {
            "orderid": self.orderid,
            "reason": self.reason,
            "dynamodb": dict(zip(FIELDS, self.item, strict=True)) if self.item else None,
            "silver": dict(zip(FIELDS, self.silver, strict=True)) if self.silver else None,
        }


_TELLING = ("product_name", "quantity", "price", "status")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a reconciliation took."""

    read_units: float
    scanned_bytes: int
    stream_records: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """DynamoDB against silver.

    Attributes:
        complete_until: all that was written until then is said to be in silver.
        sample: whether only some orders were compared.
        compared: how many were.
        dynamodb, silver: what was read of each side, refused items and tombstones aside.
        counts: how many orders have which verdict.
        named: the first of each kind of mismatch.
        refused: the first items that break the rules, with the reason.
    """

    complete_until: datetime
    sample: bool
    compared: int
    dynamodb: Totals
    silver: Totals
    tombstones: int
    counts: dict[Verdict, int]
    named: list[NamedOrder] = field(default_factory=list)
    refused: list[tuple[str, str]] = field(default_factory=list)
    cost: Cost = field(default_factory=lambda: Cost(0, 0, 0, 0))

    @property
    def mismatches(self) -> int:
        """How many orders are missing, extra or stale."""
        return sum(self.counts[kind] for kind in MISMATCHES)

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values; exact numbers are text."""
        return {
            "complete_until": self.complete_until.isoformat(),
            "mode": "sample" if self.sample else "full",
            "match": self.mismatches == 0,
            "compared": self.compared,
            "dynamodb": _totals(self.dynamodb),
            "silver": _totals(self.silver) | {"tombstones": self.tombstones},
            "in_flight": self.counts[Verdict.IN_FLIGHT],
            **{
                kind.value: {
                    "orders": self.counts[kind],
                    "first": [o.summary() for o in self.named if o.verdict is kind],
                }
                for kind in MISMATCHES
            },
            "refused": {
                "orders": self.counts[Verdict.REFUSED],
                "first": [
                    {"orderid": orderid, "reason": reason} for orderid, reason in self.refused
                ],
            },
            "cost": {
                "read_units": round(self.cost.read_units, 1),
                "scanned_bytes": self.cost.scanned_bytes,
                "stream_records": self.cost.stream_records,
                "seconds": round(self.cost.seconds, 2),
            },
        }

    def lines(self) -> Iterator[str]:
        """All of it for people."""
        what = "a sample" if self.sample else "all orders"
        yield (
            f"{self.compared:,} orders compared ({what}); silver is complete until "
            f"{self.complete_until:%Y-%m-%d %H:%M:%S} UTC"
        )
        for name, totals in (("DynamoDB", self.dynamodb), ("silver", self.silver)):
            yield f"{name:9} {totals.orders:>12,} orders  quantity × price {totals.amount:,f}"
        counted = [f"{self.counts[kind]:,} {kind}" for kind in (*MISMATCHES, Verdict.IN_FLIGHT)]
        yield ", ".join([*counted, f"{self.counts[Verdict.REFUSED]:,} refused"])
        for kind in MISMATCHES:
            yield from self._list(
                kind, [(o.orderid, o.details()) for o in self.named if o.verdict is kind]
            )
        yield from self._list(Verdict.REFUSED, self.refused)
        yield (
            f"read: {self.cost.read_units:,.1f} capacity units, "
            f"{self.cost.scanned_bytes:,} bytes scanned by Athena, "
            f"{self.cost.stream_records:,} records of the stream; {self.cost.seconds:.1f} s"
        )

    def _list(self, kind: Verdict, orders: list[tuple[str, str]]) -> Iterator[str]:
        for orderid, details in orders:
            yield f"{kind} {orderid}: {details}"
        if (more := self.counts[kind] - len(orders)) > 0 and orders:
            yield f"{kind}: and {more:,} more"


def _totals(totals: Totals) -> dict[str, Any]:
    return {"orders": totals.orders, "amount": format(totals.amount, "f")}


def _shown(value: str | None) -> str:
    if value is None:
        return "nothing"
    return value if len(value) <= _WIDTH else value[: _WIDTH - 3] + "..."
