"""Waiting that ends, says what it waited for, and takes its clock as an argument."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Patience:
    """How long to wait (``timeout``) and how often to look (``interval``), in seconds."""

    timeout: float = 1800.0
    interval: float = 5.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic

    def wait(self, for_what: str, look: Callable[[], T | None]) -> T:
        """Look until there is something to see, and return it.

        Raises:
            TimeoutError: names what was waited for.
        """
        deadline = self.clock() + self.timeout
        while (seen := look()) is None:
            if self.clock() >= deadline:
                raise TimeoutError(f"waited {self.timeout:g} s for {for_what}, in vain")
            self.sleep(self.interval)
        return seen
