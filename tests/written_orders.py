"""What is left of writes to the table, in plain Python."""

from __future__ import annotations

from collections.abc import Iterable

from salesflow.orders import Order, Put, Write


def newest(writes: Iterable[Write]) -> list[Order]:
    """The orders as they are after all writes."""
    orders: dict[str, Order] = {}
    for write in writes:
        if isinstance(write, Put):
            orders[write.orderid] = write.order
        else:
            orders.pop(write.orderid)
    return list(orders.values())
