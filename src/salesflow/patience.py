"""Waiting that ends, says what it waited for, and takes its clock as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeVar

T = TypeVar("T")

_SHORTEST: Final = 0.05
"""Seconds until the second look. What is quick to come isn't kept waiting for an interval."""


@dataclass(frozen=True)
class Patience:
    """How long to wait (``timeout``) and how often to look (``interval``), in seconds.

    At first it looks more often: after a quarter of the time that it has waited.
    """

    timeout: float = 1800.0
    interval: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, for_what: str, look: Callable[[], T | None]) -> T:
        """Look until there is something to see, and return it.

        Raises:
            TimeoutError: names what was waited for.
        """
        begin = self.clock()
        while (seen := look()) is None:
            waited = self.clock() - begin
            if waited >= self.timeout:
                raise TimeoutError(f"waited {self.timeout:g} s for {for_what}, in vain")
            self.sleep(min(self.interval, max(_SHORTEST, waited / 4)))
        return seen
