"""Compares DynamoDB with silver, order by order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, Final

from salesflow.changes import Refused
from salesflow.patience import Patience
from salesflow.reconciliation.fingerprints import Values, fingerprint, item_values
from salesflow.reconciliation.flight import ChangeStream, judge
from salesflow.reconciliation.ledger import (
    MISMATCHES,
    REFUSED,
    Candidate,
    ItemEntry,
    Ledger,
    RowEntry,
    State,
    Verdict,
)
from salesflow.reconciliation.orders_table import Item, OrdersTable
from salesflow.reconciliation.report import Cost, NamedOrder, Reconciliation, Totals
from salesflow.reconciliation.silver import ResultFile, Row, Silver, fitting, some_orders
from salesflow.schema import KEY_ATTRIBUTE

Connect = Callable[[str], Any]
"""Makes the client of an AWS service."""

_REREAD: Final = 10_000
# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
_QUERY_SECONDS: Final = 1800.0


def utcnow() -> datetime:
    """The time, UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How to compare.

    Attributes:
        sample: about how many orders to compare; None: all.
        random: chooses them.
        max_shown: how many orders of each kind to name.
        segments: how many parts of the table are read at a time.
        quiet: how long a change may take from the table to the Kinesis stream. An order without an
            explanation is judged when the stream has shown nothing for so long, or something that
            is so much newer.
        patience: how long to wait for that at most, and how often to look (each shard of a stream
            may be asked five times a second, by all who read it).
    """

    sample: int | None = None
    random: Random = field(default_factory=Random)
    max_shown: int = 20
    segments: int = 4
    quiet: timedelta = timedelta(seconds=15)
    patience: Patience = field(default_factory=lambda: Patience(timeout=600.0, interval=0.5))
    now: Callable[[], datetime] = utcnow


def reconcile(
    connect: Connect, outputs: Mapping[str, str], plan: Plan | None = None
) -> Reconciliation:
    """Compare DynamoDB with silver, order by order.

    Silver is read first, so that what differs is ahead of it, and is in flight or wrong. What was
    written until silver was complete must be in it; see `flight`.

    Args:
        outputs: those of the deployment's stacks.

    Raises:
        SilverMissing: there is nothing to compare with.
        TimeoutError: the stream didn't come to rest.
    """
    plan = plan or Plan()
    with Ledger() as ledger:
        return _Comparison(connect, outputs, plan, ledger).run()


class _Comparison:
    """One run of `reconcile`."""

    def __init__(
        self, connect: Connect, outputs: Mapping[str, str], plan: Plan, ledger: Ledger
    ) -> None:
        self.plan, self.ledger = plan, ledger
        self.glue = connect("glue")
        self.table = OrdersTable(
            connect("dynamodb"), outputs["OrdersTableName"], sleep=plan.patience.sleep
        )
        self.silver = Silver(
            connect("athena"),
            connect("s3"),
            outputs["DatabaseName"],
            outputs["WorkGroupName"],
            replace(plan.patience, timeout=_QUERY_SECONDS),
        )
        self.kinesis, self.stream_name = connect("kinesis"), outputs["CdcStreamName"]
        self.in_table, self.in_silver = Totals(), Totals()
        self.tombstones = self.stream_records = 0

    def run(self) -> Reconciliation:
        """Read both sides, compare, and explain what differs."""
        began = time.monotonic()
        complete_until = self.silver.complete_until(self.glue)
        result = self._read_all() if self.plan.sample is None else self._read_sample()
        self.ledger.compare()
        self._explain(complete_until)
        named = [order for kind in MISMATCHES for order in self._named(kind, result)]
        refusals, refused = self.ledger.refusals(self.plan.max_shown)
        counts = {verdict: self.ledger.count(verdict) for verdict in Verdict}
        return Reconciliation(
            complete_until=complete_until,
            sample=self.plan.sample is not None,
            compared=self.ledger.compared(),
            dynamodb=self.in_table,
            silver=self.in_silver,
            tombstones=self.tombstones,
            counts=counts | {Verdict.REFUSED: refusals},
            named=named,
            refused=refused,
            cost=Cost(
                self.table.units,
                self.silver.scanned_bytes,
                self.stream_records,
                time.monotonic() - began,
            ),
        )

    # ------------------------------------------------------------------ both sides

    def _read_all(self) -> ResultFile:
        result = self.silver.read()
        self.ledger.add_rows(map(self._row_entry, result.rows()))
        for page in self.table.scan(self.plan.segments):
            self.ledger.add_items(map(self._item_entry, page))
        return result

    def _read_sample(self) -> ResultFile:
        """Some items, looked up in silver; some neighbours in silver, looked up in the table."""
        size, random = self.plan.sample or 1, self.plan.random
        items = self.table.sample(size, random)
        ids = sorted(item[KEY_ATTRIBUTE]["S"] for item in items)
        if (fit := fitting(ids)) < len(ids):
            ids = ids[:fit]
        chosen = set(ids)
        self.ledger.add_items(
            self._item_entry(item) for item in items if item[KEY_ATTRIBUTE]["S"] in chosen
        )
        bounds = [None, *ids, None]
        place = random.randrange(len(bounds) - 1)
        result = self.silver.read(some_orders(ids, bounds[place], bounds[place + 1]))
        neighbours: list[Row] = []

        def looked_up() -> Iterator[Row]:
            found = 0
            for row in result.rows():
                if row.orderid in chosen:
                    yield row
                    continue
                # Every neighbour has the same chance to be among the `size` that are kept.
                found += 1
                if len(neighbours) < size:
                    neighbours.append(row)
                elif (position := random.randrange(found)) < size:
                    neighbours[position] = row

        self.ledger.add_rows(map(self._row_entry, looked_up()))
        self.ledger.add_rows(map(self._row_entry, neighbours))
        read_back = self.table.read(sorted({row.orderid for row in neighbours}))
        self.ledger.add_items(map(self._item_entry, read_back))
        return result

    def _item_entry(self, item: Item) -> ItemEntry:
        state, refusal, values = self._state(item)
        if values is not None:
            self.in_table.add(values)
        return ItemEntry(item[KEY_ATTRIBUTE]["S"], state, refusal)

    def _row_entry(self, row: Row) -> RowEntry:
        if row.values is None:
            self.tombstones += 1
            state = None
        else:
            self.in_silver.add(row.values)
            state = fingerprint(row.values)
        return RowEntry(row.orderid, state, row.sequence_number, row.start, row.length)

    # ------------------------------------------------------------------ what differs

    def _explain(self, complete_until: datetime) -> None:
        """Give every order that differs its verdict."""
        for order in self.ledger.waiting():
            if order.copies > 1:
                reason = f"{order.copies} rows in silver"
                self.ledger.conclude(order.orderid, Verdict.EXTRA, reason)
        if not self.ledger.count(None):
            return
        stream = ChangeStream(
            self.kinesis,
            self.stream_name,
            since=complete_until,
            wanted=self.ledger.is_candidate,
            now=self.plan.now,
        )
        patience = self.plan.patience
        patience.wait("the end of the stream of changes", lambda: self._follow(stream))
        self._judge(complete_until)
        if self.ledger.count(None):
            asked = self.plan.now()
            self._read_again()
            self._judge(complete_until)

            def look() -> bool | None:
                if self._follow(stream) is None:
                    return None
                self._judge(complete_until)
                at_rest = stream.at_rest(asked, self.plan.quiet)
                return True if at_rest or not self.ledger.count(None) else None

            if self.ledger.count(None):
                patience.wait(
                    f"the stream to show what was changed until {asked:%H:%M:%S} UTC", look
                )
        self.stream_records = stream.records
        for order in self.ledger.waiting():
            self.ledger.conclude(order.orderid, _kind(order), order.reason)

    def _follow(self, stream: ChangeStream) -> bool | None:
        """Read on; True at the stream's end."""
        for change in stream.read():
            self.ledger.add_change(change)
        return None if stream.behind else True

    def _judge(self, complete_until: datetime) -> None:
        for order in self.ledger.waiting():
            changes = self.ledger.changes(order.orderid)
            self.ledger.conclude(order.orderid, *judge(order, changes, complete_until))

    def _read_again(self) -> None:
        """What was read while the table changed may have changed since."""
        orders = self.ledger.candidates(None, _REREAD)
        items = self.table.read([order.orderid for order in orders])
        found = {item[KEY_ATTRIBUTE]["S"]: self._state(item) for item in items}
        for order in orders:
            state, refusal, _ = found.get(order.orderid, (None, None, None))
            self.ledger.reread(order.orderid, state)
            if state == REFUSED:
                self.ledger.conclude(order.orderid, Verdict.REFUSED, refusal)
            elif state == order.silver:
                self.ledger.conclude(order.orderid, Verdict.EQUAL)

    # ------------------------------------------------------------------ what is told

    def _named(self, kind: Verdict, result: ResultFile) -> Iterator[NamedOrder]:
        """The first orders of a kind with the values that they have now."""
        orders = self.ledger.candidates(kind, self.plan.max_shown)
        items = {
            item[KEY_ATTRIBUTE]["S"]: item
            for item in self.table.read([order.orderid for order in orders])
        }
        for order in orders:
            ours, refusal = None, None
            if item := items.get(order.orderid):
                _, refusal, ours = self._state(item)
            theirs = None
            if order.start is not None and order.length is not None:
                theirs = result.row(order.start, order.length).values
            yield NamedOrder(order.orderid, kind, ours, theirs, order.reason or refusal)

    def _state(self, item: Item) -> tuple[State, str | None, Values | None]:
        """The state of an item; the reason if it is refused, else its values."""
        try:
            values = item_values(item, self.plan.now())
        except Refused as refusal:
            return REFUSED, str(refusal), None
        return fingerprint(values), None, values


def _kind(order: Candidate) -> Verdict:
    if order.item is None:
        return Verdict.EXTRA
    return Verdict.MISSING if order.silver is None else Verdict.STALE
