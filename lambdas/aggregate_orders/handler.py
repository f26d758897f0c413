"""Count the changes of orders in the live totals.

Environment: `LIVE_TABLE`, the name of the table of live totals. Event: a batch of the CDC stream.

https://docs.aws.amazon.com/lambda/latest/dg/with-kinesis.html
"""

import os
from datetime import UTC, datetime
from functools import cache
from typing import Any

from salesflow.live_writer import TotalsWriter, connect, count_batch


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer a batch; see `salesflow.live_writer.count_batch`."""
    return count_batch(event, _writer(os.environ["LIVE_TABLE"]), datetime.now(UTC))


@cache
def _writer(table: str) -> TotalsWriter:
    return TotalsWriter(client=connect(), table=table)
