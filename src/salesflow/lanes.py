"""Spreads writes over threads without disturbing the order of any order's writes."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Event
from typing import Final
from zlib import crc32

from salesflow.orders import Write

_QUEUED_WRITES: Final = 200


def spread(writes: Iterable[Write], lanes: int, work: Callable[[Iterator[Write]], None]) -> None:
    """Run `work` in `lanes` threads, each with all the writes of its share of the orders.

    When one fails, no more writes are drawn; the others finish what was drawn before, and the
    error of the first lane that failed is raised.
    """
    failed = Event()

    def lane(queue: Queue[Write | None]) -> None:
        mine: Iterator[Write] = iter(queue.get, None)
        ended = False
        try:
            work(mine)
            ended = True
        finally:
            if not ended:
                failed.set()
                # Nobody reads this queue any more, and a full one would block who fills it.
                deque(mine, maxlen=0)

    queues: list[Queue[Write | None]] = [Queue(_QUEUED_WRITES) for _ in range(lanes)]
    with ThreadPoolExecutor(lanes) as pool:
        running = [pool.submit(lane, queue) for queue in queues]
        try:
            for write in writes:
                queues[crc32(write.orderid.encode()) % lanes].put(write)
                if failed.is_set():
                    break
        finally:
            for queue in queues:
                queue.put(None)
    for outcome in running:
        outcome.result()
