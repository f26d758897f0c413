"""Keeps the state of our own services: what they answered, and where their movers are."""

from __future__ import annotations

import json
import logging
import threading
import time
from typing import Any, Final

from localaws.durable.directory import Changes, DataDirectory, NotKept
from localaws.durable.rows import Mirror
from localaws.service import Params, Service

log = logging.getLogger(__name__)

#: Seconds between two saves that no request asks for. What is moved within them is moved again
#: after a kill.
INTERVAL: Final = 1.0
#: A save takes at most this share of the time, however much a service holds.
_SHARE: Final = 0.05
_READS: Final = ("Get", "List", "Describe", "BatchGet")
#: Separates the name of a part of the state from the key within it.
_WITHIN: Final = "\n"


class Saver:
    """Saves one service.

    The services whose movers hold records in their hands during a step are saved between two
    steps, by the thread that takes these: a request waits for it. The others are saved at once.
    """

    def __init__(self, service: Service, directory: DataDirectory) -> None:
        self.service = service
        self._directory = directory
        self._mirror = Mirror(f"localaws/{service.name}")
        self._changes = Changes()
        self._saving = threading.Lock()
        self._turned = threading.Condition()
        self._asked = self._saved = 0
        self._failure: str | None = None
        self._pause = INTERVAL
        self._last = time.monotonic()
        #: Whether a thread takes the service's steps, and saves between them.
        self.turning = False

    def load(self) -> None:
        """Give the service the state that was saved."""
        rows = self._directory.rows(self._mirror.store)
        for key, value in rows:
            self._mirror.loaded(key, value)
        if rows:
            self.service.restore(_state(dict(rows)))

    def ask(self) -> None:
        """Have the service saved after the step that it takes."""
        with self._turned:
            self._asked += 1
        self.service.wake.set()

    def keep(self, operation: str) -> None:
        """Have saved what an operation did, or what its answer tells.

        Raises:
            NotKept: it can't be saved.
        """
        if self.service.saved_at_once:
            self.save()
        elif not operation.startswith(_READS):
            self.ask()
            self.wait()

    def wait(self) -> None:
        """Return when all is saved that was asked for.

        Raises:
            NotKept: it can't be saved.
        """
        if self.service.saved_at_once or not self.turning:
            self.save()
            return
        with self._turned:
            target = self._asked
            self._turned.wait_for(lambda: self._saved >= target or not self.turning)
            if self._failure is not None:
                raise NotKept(self._failure)

    def turn(self) -> None:
        """Between two steps: save if it was asked for, or if it is time."""
        with self._turned:
            asked = self._asked
        if asked == self._saved and time.monotonic() - self._last < self._pause:
            return
        failure = None
        began = time.monotonic()
        try:
            self.save()
        except NotKept as error:
            failure = str(error)
            log.error("%s: %s", self.service.name, error)  # noqa: TRY400
        self._last = time.monotonic()
        self._pause = max(INTERVAL, (self._last - began) / _SHARE)
        with self._turned:
            self._saved, self._failure = asked, failure
            self._turned.notify_all()

    def stop(self) -> None:
        """No thread takes the service's steps any more."""
        with self._turned:
            self.turning = False
            self._turned.notify_all()

    def save(self) -> None:
        """Write what differs from what was written last.

        Raises:
            NotKept: the directory can't be written.
        """
        with self._saving:
            self._mirror.update(_rows(self.service.snapshot()), self._changes)
            if self._changes:
                self._directory.write(self._changes)
                self._changes = Changes()


def _rows(state: Params) -> dict[str, bytes]:
    """A service's state as rows: one for each part, or for each entry of a part that has some."""
    rows: dict[str, bytes] = {}
    for name, part in state.items():
        if isinstance(part, dict):
            rows[name] = b"{}"
            for key, value in part.items():
                rows[name + _WITHIN + key] = _json(value)
        else:
            rows[name] = _json(part)
    return rows


def _state(rows: dict[str, bytes]) -> Params:
    """The state that `_rows` was given."""
    state: Params = {}
    for row, value in sorted(rows.items(), key=lambda entry: _WITHIN in entry[0]):
        name, within, key = row.partition(_WITHIN)
        if within:
            state[name][key] = json.loads(value)
        else:
            state[name] = json.loads(value)
    return state


def _json(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()
