"""Writing generated orders, here or by the generator's Lambda, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from salesflow.generator import history
from salesflow.orders import Write
from salesflow.writer import TableWriter, WriteCounts

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_lambda import LambdaClient

ORDERS_PER_INVOCATION: Final = 20_000
"""About 90,000 writes. A function that writes 200 a second ends within the 15 minutes it may run.

https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

INVOCATION_SECONDS: Final = 900
_COUNTS: Final = ("inserted", "changed", "removed", "batches", "retries")


class GeneratorFailed(Exception):
    """The generator's Lambda raised an error; the message is the function's."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """Which orders to write: how many, over how many days before `until` (UTC), from which seed."""

    orders: int
    days: int
    until: datetime
    seed: int

    def writes(self) -> Iterator[Write]:
        """What is written for these orders, in the order of time."""
        return history(orders=self.orders, days=self.days, until=self.until, seed=self.seed)

    def parts(self, size: int = ORDERS_PER_INVOCATION) -> Iterator[Assignment]:
        """The same number of orders in parts of at most `size`, each with a seed of its own."""
        for number, start in enumerate(range(0, self.orders, size)):
            orders = min(size, self.orders - start)
            yield Assignment(orders, self.days, self.until, self.seed + number)


@dataclass(frozen=True, slots=True)
class Written:
    """What was acknowledged, and between which times (UTC, by the writer's clock)."""

    assignment: Assignment
    counts: WriteCounts
    began: datetime
    ended: datetime

    def summary(self) -> dict[str, Any]:
        """All of it as JSON values. `changes` is the number of acknowledged writes."""
        return {
            "orders": self.assignment.orders,
            "days": self.assignment.days,
            "until": self.assignment.until.isoformat(),
            "seed": self.assignment.seed,
            "changes": self.counts.writes,
            **asdict(self.counts),
            "written_from": self.began.isoformat(),
            "written_until": self.ended.isoformat(),
        }


def write_here(client: DynamoDBClient, table: str, assignment: Assignment) -> Written:
    """Write the orders from this process.

    Raises:
        WriteError: not everything was written; it says what was.
    """
    began = datetime.now(UTC)
    counts = TableWriter(client=client, table=table).write(assignment.writes())
    return Written(assignment, counts, began, datetime.now(UTC))


def write_by_lambda(client: LambdaClient, function: str, assignment: Assignment) -> Written:
    """Have the generator's Lambda write the orders, in as many invocations as it needs.

    Args:
        client: its read timeout must exceed `INVOCATION_SECONDS`, and it must not retry: botocore
            would otherwise invoke the function again while it is still writing.

    Raises:
        GeneratorFailed: with the function's error.
    """
    began = datetime.now(UTC)
    total = WriteCounts()
    for part in assignment.parts():
        event = {
            "orders": part.orders,
            "days": part.days,
            "until": part.until.isoformat(),
            "seed": part.seed,
        }
        answer = client.invoke(FunctionName=function, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            reason = payload.get("errorMessage", payload)
            raise GeneratorFailed(
                f"{function} failed: {reason} ({total.writes} writes were acknowledged before that)"
            )
        for name in _COUNTS:
            setattr(total, name, getattr(total, name) + payload[name])
    return Written(assignment, total, began, datetime.now(UTC))
