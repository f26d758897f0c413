"""Generate orders and write them to the table.

Environment: `ORDERS_TABLE`, the table's name. Event: `orders` (how many, default 100), `days` (over
how many days, default 1), `until` (ISO 8601 time at which they end, default now) and `seed`
(default: from `until`). The same seed and until give the same orders, so a retry does no harm.
"""

import os
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from salesflow.generator import history
from salesflow.writer import TableWriter, connect

_SPARE_SECONDS = 5.0
_LANES = 4


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Write the orders and return the exact counts of what DynamoDB acknowledged."""
    until = datetime.fromisoformat(event["until"]) if "until" in event else datetime.now(UTC)
    seed = int(event.get("seed", until.timestamp()))
    writes = history(
        orders=int(event.get("orders", 100)),
        days=int(event.get("days", 1)),
        until=until,
        seed=seed,
    )
    writer = TableWriter(
        client=connect(),
        table=os.environ["ORDERS_TABLE"],
        lanes=_LANES,
        time_limit_seconds=context.get_remaining_time_in_millis() / 1000 - _SPARE_SECONDS,
    )
    counts = writer.write(writes)
    return asdict(counts) | {"writes": counts.writes, "seed": seed, "until": until.isoformat()}
