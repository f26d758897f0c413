"""Writes the live totals: what a batch of changes adds, in transactions that can be repeated.

Each transaction holds the new states of some orders, on the condition that the states are still
those that it was computed from, and what they add to the totals. So whatever is done twice, by a
retry, by another batch or by a function that was given up and still runs, fails its condition,
is computed again from the states as they are by now, and finds nothing left to count.

https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis.html
"""

from __future__ import annotations

import json
import random as randomness
import time
from binascii import a2b_base64
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from salesflow.live_table import (
    LATEST_KEPT,
    ORDERS_KEPT,
    STATE,
    Product,
    Total,
    arrival_of,
    lane_of,
    latest_series,
    order_series,
)
from salesflow.live_totals import (
    Change,
    Counters,
    OrderState,
    Sale,
    Step,
    Unreadable,
    plan,
    read_change,
)

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

Item = dict[str, Any]

_KEYS_AT_ONCE: Final = 100
_ATTEMPTS: Final = 10
_BASE_DELAY_SECONDS: Final = 0.05
_MAX_DELAY_SECONDS: Final = 2.0
_STALE: Final = "ConditionalCheckFailed"
# Reasons for which a transaction is worth being sent again as it is.
_BUSY: Final = frozenset(
    {"TransactionConflict", "ThrottlingError", "ProvisionedThroughputExceeded"}
)


class Contended(Exception):
    """Others keep writing the same orders or totals; nothing that isn't counted is lost."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TotalsWriter:
    """Writes to one table of live totals. `sleep` and `random` are waiting, in seconds, and a
    number in [0, 1)."""

    client: DynamoDBClient
    table: str
    sleep: Callable[[float], None] = time.sleep
    random: Callable[[], float] = randomness.random

    def count(self, changes: Iterable[Change], lane: int, now: datetime) -> int:
        """Count changes, and return how many were new.

        What was counted before an error stays counted, and isn't counted again.

        Raises:
            Contended: other writers don't let this one through.
        """
        pending: dict[str, list[Change]] = defaultdict(list)
        for change in changes:
            pending[change.orderid].append(change)
        counted = failures = 0
        while pending:
            states = self._read(pending)
            for step in list(plan(pending, states, lane, now)):
                if not self._write(step, now):
                    failures = self._back_off(failures)
                    continue
                counted += len(step.counted)
                for orderid, done in step.taken.items():
                    del pending[orderid][:done]
                    if not pending[orderid]:
                        del pending[orderid]
        return counted

    def _read(self, orderids: Iterable[str]) -> dict[str, OrderState]:
        """What is known of orders: order id → state; unknown orders aren't there."""
        by_series = {order_series(orderid): orderid for orderid in orderids}
        keys: list[Any] = [{"series": {"S": series}, "point": {"S": STATE}} for series in by_series]
        states: dict[str, OrderState] = {}
        failures = 0
        while keys:
            wanted, keys = keys[:_KEYS_AT_ONCE], keys[_KEYS_AT_ONCE:]
            answer = self.client.batch_get_item(
                RequestItems={self.table: {"Keys": wanted, "ConsistentRead": True}}
            )
            for item in answer["Responses"].get(self.table, []):
                states[by_series[item["series"]["S"]]] = state_of(item)
            if unprocessed := answer.get("UnprocessedKeys", {}).get(self.table):
                keys += unprocessed["Keys"]
                failures = self._back_off(failures)
        return states

    def _write(self, step: Step, now: datetime) -> bool:
        """Write a step; False if a state isn't what it was any more."""
        if not step.states:
            return True
        actions = [*self._states(step), *self._totals(step.totals), self._latest(step, now)]
        failures = 0
        while True:
            try:
                self.client.transact_write_items(TransactItems=actions)
            except self.client.exceptions.TransactionCanceledException as error:
                reasons = {r.get("Code") for r in error.response["CancellationReasons"]}
                if _STALE in reasons:
                    return False
                if not reasons & _BUSY:
                    raise
                failures = self._back_off(failures)
            else:
                return True

    def _back_off(self, failures: int) -> int:
        """Wait after a failure, with full jitter; returns how many there are by now."""
        failures += 1
        if failures == _ATTEMPTS:
            raise Contended(f"others write to {self.table}: given up after {failures} attempts")
        longest = min(_MAX_DELAY_SECONDS, _BASE_DELAY_SECONDS * 2**failures)
        self.sleep(self.random() * longest)
        return failures

    def _states(self, step: Step) -> Iterable[Any]:
        for orderid, (before, after) in step.states.items():
            put: Item = {"TableName": self.table, "Item": item_of(orderid, after)}
            if before.version:
                put["ConditionExpression"] = "version = :before"
                put["ExpressionAttributeValues"] = {":before": _n(before.version)}
            else:
                put["ConditionExpression"] = "attribute_not_exists(series)"
            yield {"Put": put}

    def _totals(self, totals: Mapping[Total, Counters]) -> Iterable[Any]:
        for total, counters in totals.items():
            sets = [("expires", _n(total.expires)), *((n, {"S": v}) for n, v in total.labels)]
            adds = [(name, _n(value)) for name, value in counters.items() if value]
            yield {
                "Update": {
                    "TableName": self.table,
                    "Key": {"series": {"S": total.series}, "point": {"S": total.point}},
                    "UpdateExpression": f"SET {', '.join(f'{name} = :{name}' for name, _ in sets)}"
                    f" ADD {', '.join(f'{name} :{name}' for name, _ in adds)}",
                    "ExpressionAttributeValues": {f":{name}": v for name, v in [*sets, *adds]},
                }
            }

    def _latest(self, step: Step, now: datetime) -> Any:
        latest = step.latest()
        expires = int((now + LATEST_KEPT).timestamp())
        return {
            "Put": {
                "TableName": self.table,
                "Item": {
                    "series": {"S": latest_series(arrival_of(latest[0].arrived))},
                    "point": {"S": latest[0].arrived},
                    "expires": _n(expires),
                    "counted_at": _n(int(now.timestamp() * 1000)),
                    "changes": {
                        "S": json.dumps(
                            [{"arrived": c.arrived, **c.shown} for c in latest],
                            ensure_ascii=False,
                            separators=(",", ":"),
                        )
                    },
                },
            }
        }


def item_of(orderid: str, state: OrderState) -> Item:
    """The item of an order's state."""
    ends = max(state.last_changed, state.ordered or 0) + int(ORDERS_KEPT.total_seconds())
    item: Item = {
        "series": {"S": order_series(orderid)},
        "point": {"S": STATE},
        "expires": _n(ends),
        "version": _n(state.version),
        "seen": {"S": " ".join(map(str, sorted(state.seen)))},
        "floor": {"S": str(state.floor)},
        "newest": {"S": str(state.newest)},
        "last_changed": _n(state.last_changed),
    }
    if state.refused:
        item["refused"] = {"S": " ".join(map(str, sorted(state.refused)))}
    if state.first_changed is not None:
        item["first_changed"] = _n(state.first_changed)
    if state.sale is not None:
        sale = state.sale
        item |= {
            "product": {"S": sale.product.digest},
            "product_name": {"S": sale.product.name},
            "outcome": {"S": sale.outcome},
            "units": _n(sale.units),
            "revenue": _n(sale.revenue),
        }
        if sale.product.category is not None:
            item["category"] = {"S": sale.product.category}
        if sale.ordered is not None:
            item["ordered"] = _n(sale.ordered)
    return item


def state_of(item: Mapping[str, Any]) -> OrderState:
    """The state that an item holds."""

    def number(name: str) -> int | None:
        return int(item[name]["N"]) if name in item else None

    def numbers(name: str) -> frozenset[int]:
        return frozenset(map(int, item[name]["S"].split())) if name in item else frozenset()

    sale = None
    if "product" in item:
        category = item["category"]["S"] if "category" in item else None
        sale = Sale(
            Product(item["product"]["S"], item["product_name"]["S"], category),
            item["outcome"]["S"],
            int(item["units"]["N"]),
            Decimal(item["revenue"]["N"]),
            number("ordered"),
        )
    return OrderState(
        version=int(item["version"]["N"]),
        seen=numbers("seen"),
        refused=numbers("refused"),
        floor=int(item["floor"]["S"]),
        newest=int(item["newest"]["S"]),
        first_changed=number("first_changed"),
        last_changed=int(item["last_changed"]["N"]),
        sale=sale,
    )


def _n(value: int | Decimal) -> Item:
    return {"N": format(value, "f") if isinstance(value, Decimal) else str(value)}


def count_batch(
    event: Mapping[str, Any],
    writer: TotalsWriter,
    now: datetime,
    log: Callable[[str], None] = print,
) -> dict[str, Any]:
    """Count the changes of a Lambda event of a Kinesis stream, and answer which can't be read.

    All others are counted, those behind the first that can't be read as well: to count them again
    when they come again changes nothing.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
    """
    by_lane: dict[int, list[Change]] = defaultdict(list)
    failures = []
    for record in event["Records"]:
        kinesis, (shard_id, _, number) = record["kinesis"], record["eventID"].partition(":")
        arrived_ms = round(kinesis["approximateArrivalTimestamp"] * 1000)
        try:
            data = a2b_base64(kinesis["data"])
            change = read_change(data, arrived_ms, f"{arrived_ms:014}#{shard_id}:{number}")
        except Unreadable as reason:
            line = {"level": "WARNING", "message": "Unreadable", "record": record["eventID"]}
            log(json.dumps(line | {"reason": str(reason)}))
            failures.append({"itemIdentifier": kinesis["sequenceNumber"]})
        else:
            by_lane[lane_of(shard_id)].append(change)
    for lane, changes in by_lane.items():
        writer.count(changes, lane, now)
    return {"batchItemFailures": failures}


def connect() -> DynamoDBClient:
    """A DynamoDB client for the live totals.

    boto3 is imported here because AWS's runtime supplies it and the Lambda's package doesn't.
    """
    import boto3
    from botocore.config import Config
    from botocore.handlers import generate_idempotent_uuid

    config = Config(
        retries={"mode": "standard", "max_attempts": 5},
        connect_timeout=3,
        read_timeout=10,
        parameter_validation=False,
    )
    client = boto3.client("dynamodb", config=config)
    # The conditions make a repeated transaction harmless. A token to tell it by would make DynamoDB
    # keep each transaction for ten minutes, and answer a lost one as if it had been new.
    client.meta.events.unregister("before-parameter-build", generate_idempotent_uuid)
    return client
