"""The data directory: rows in SQLite, and the lock that keeps a second process out.

A row is written before the request that caused it is answered. SQLite's write-ahead log makes each
transaction whole or absent, and needs no ``fsync`` for that as long as the operating system lives:
a killed process leaves its writes in the page cache. Against a power cut nothing is done
(https://sqlite.org/pragma.html#pragma_synchronous).
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import threading
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Final

#: What SQLite's header says of a file of ours ("SFLW").
APPLICATION: Final = 0x53464C57
#: Raised when rows get another meaning.
FORMAT: Final = 1

_PUT: Final = "INSERT OR REPLACE INTO rows VALUES (?, ?, ?)"
_DELETE: Final = "DELETE FROM rows WHERE store = ? AND key = ?"
_DROP: Final = "DELETE FROM rows WHERE store = ?"
_TRIM: Final = "DELETE FROM rows WHERE store = ? AND key < ?"

_LOCK: Final = "lock"
_ROWS: Final = "state.sqlite"
#: What others put into the root of a disk, which is no reason to refuse it.
_NOT_OURS: Final = frozenset({_LOCK, "lost+found"})


class DirectoryRefused(Exception):
    """The data directory can't be used; the sentence says why, and what helps."""


class NotKept(Exception):
    """What was done could not be written to the data directory."""


class Changes:
    """Rows to be written and removed, in this order, all or none."""

    def __init__(self) -> None:
        self._steps: list[tuple[str, tuple[str | bytes, ...]]] = []

    def __bool__(self) -> bool:
        return bool(self._steps)

    def put(self, store: str, key: str, value: bytes) -> None:
        """Write a row; one of the same key is replaced."""
        self._steps.append((_PUT, (store, key, value)))

    def delete(self, store: str, key: str) -> None:
        """Remove a row, if it is there."""
        self._steps.append((_DELETE, (store, key)))

    def drop(self, store: str) -> None:
        """Remove all rows of a store."""
        self._steps.append((_DROP, (store,)))

    def trim(self, store: str, key: str) -> None:
        """Remove a store's rows whose keys come before this one."""
        self._steps.append((_TRIM, (store, key)))

    def write(self, connection: sqlite3.Connection) -> None:
        """Take all steps."""
        for statement, steps in groupby(self._steps, key=lambda step: step[0]):
            connection.executemany(statement, (values for _, values in steps))


class DataDirectory:
    """Rows by store and key, in a directory that one process has for itself.

    Args:
        path: made if it isn't there.
        writer: which program's state this is, with its version; another's is refused.

    Raises:
        DirectoryRefused: another process has it, or it holds something else.
    """

    def __init__(self, path: Path, writer: str) -> None:
        self.path = path
        self._writing = threading.Lock()
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(path / _LOCK, os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DirectoryRefused(
                f"the data directory {path} can't be used: {error.strerror}"
            ) from error
        try:
            self._take_lock()
            self._refuse_foreign()
            self._rows = self._open(writer)
        except sqlite3.Error as error:
            os.close(self._lock)
            raise DirectoryRefused(
                f"{path / _ROWS} can't be read as the state of a local AWS: {error}. "
                "Move it away, or name another data directory"
            ) from error
        except DirectoryRefused:
            os.close(self._lock)
            raise

    def _take_lock(self) -> None:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = os.pread(self._lock, 20, 0).decode(errors="replace").strip() or "unknown"
            raise DirectoryRefused(
                f"the data directory {self.path} is in use by another local AWS (process {owner}). "
                "Stop that one, or name another data directory"
            ) from error
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, str(os.getpid()).encode(), 0)

    def _refuse_foreign(self) -> None:
        held = {entry.name for entry in self.path.iterdir()} - _NOT_OURS
        if not held or _ROWS in held:
            return
        if {"state", "localaws"} & held:
            raise DirectoryRefused(
                f"the data directory {self.path} was written by an earlier version of the local "
                "AWS, which kept its state in other files. Move it away, or name another one"
            )
        raise DirectoryRefused(
            f"{self.path} is not a data directory of the local AWS: it holds {min(held)}. "
            "Name an empty or a new directory"
        )

    def _open(self, writer: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path / _ROWS, isolation_level=None, check_same_thread=False
        )
        for pragma in (
            "locking_mode = EXCLUSIVE",
            "journal_mode = WAL",
            "synchronous = OFF",
            "wal_autocheckpoint = 4000",
        ):
            connection.execute(f"PRAGMA {pragma}")
        (application,) = connection.execute("PRAGMA application_id").fetchone()
        (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if not application and not tables:
            with _transaction(connection):
                connection.execute(
                    "CREATE TABLE rows (store TEXT, key TEXT, value BLOB, PRIMARY KEY (store, key))"
                )
                connection.execute(f"PRAGMA application_id = {APPLICATION}")
                connection.execute(f"PRAGMA user_version = {FORMAT}")
                connection.execute(_PUT, ("", "writer", writer.encode()))
            return connection
        if application != APPLICATION:
            raise sqlite3.DatabaseError("it belongs to another program")
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        kept = connection.execute("SELECT value FROM rows WHERE store = ''").fetchone()[0].decode()
        if (version, kept) != (FORMAT, writer):
            connection.close()
            raise DirectoryRefused(
                f"the data directory {self.path} was written by {kept}, format {version}; "
                f"this is {writer}, format {FORMAT}. Move it away, or name another one"
            )
        return connection

    def write(self, changes: Changes) -> None:
        """Write all changes, or none of them.

        Raises:
            NotKept: they are not written, the disk being full for example.
        """
        with self._writing:
            try:
                with _transaction(self._rows):
                    changes.write(self._rows)
            except sqlite3.Error as error:
                raise NotKept(f"{self.path / _ROWS} can't be written: {error}") from error

    def rows(self, store: str) -> list[tuple[str, bytes]]:
        """A store's keys and values, in the order of the keys."""
        with self._writing:
            return self._rows.execute(
                "SELECT key, value FROM rows WHERE store = ? ORDER BY key", (store,)
            ).fetchall()

    def stores(self, prefix: str) -> list[str]:
        """The names of the stores that have rows and begin with a prefix."""
        with self._writing:
            found = self._rows.execute("SELECT DISTINCT store FROM rows").fetchall()
        return sorted(store for (store,) in found if store.startswith(prefix))

    def close(self) -> None:
        """Give the directory free."""
        with self._writing:
            self._rows.close()
            os.close(self._lock)


@contextlib.contextmanager
def _transaction(connection: sqlite3.Connection) -> Iterator[None]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        # A full disk may have ended the transaction already.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
