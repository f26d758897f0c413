"""Keeps the rows of a store as its entries are, writing only what differs."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from hashlib import blake2b

from localaws.durable.directory import Changes


class Mirror:
    """One store whose entries are compared as a whole with what was written last.

    Made for stores that are small or change seldom.
    """

    def __init__(self, store: str) -> None:
        self.store = store
        self._written: dict[str, bytes] = {}

    def loaded(self, key: str, value: bytes) -> None:
        """A row that the directory has already."""
        self._written[key] = _digest(value)

    def update(
        self, entries: Mapping[str, bytes], changes: Changes, leave: Collection[str] = ()
    ) -> None:
        """Add to ``changes`` what makes the store equal to ``entries``.

        Args:
            leave: keys of rows that stay as they are.
        """
        for key, value in entries.items():
            if key in leave:
                continue
            digest = _digest(value)
            if self._written.get(key) != digest:
                changes.put(self.store, key, value)
                self._written[key] = digest
        for key in [key for key in self._written if key not in entries]:
            changes.delete(self.store, key)
            del self._written[key]


def _digest(value: bytes) -> bytes:
    return blake2b(value, digest_size=16).digest()
