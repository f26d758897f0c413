"""What a benchmark gives: a figure, what it is held against, and whether the aim is met."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Measurement:
    """One figure.

    Attributes:
        unit: "orders/s", "s", "×" …
        aim: what it should be, in words; empty for a figure that only explains another.
        met: whether it is; None without an aim.
    """

    name: str
    value: float
    unit: str
    aim: str = ""
    met: bool | None = None


def seconds_of(work: Callable[[], object], runs: int = 5) -> float:
    """The median time of some runs, after one that isn't counted."""
    work()
    times = []
    for _ in range(runs):
        begin = time.perf_counter()
        work()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)
