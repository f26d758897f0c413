"""What was read of both sides, on disk: neither fits in memory.

A temporary SQLite file holds of each order what its comparison takes and no more: the fingerprints,
and where the row stands in the result file, should anybody want to see it. It is only appended to;
the one comparison sorts it outside memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final, NamedTuple

REFUSED: Final = b""
"""In place of the fingerprint of a state that breaks the rules, which silver never takes; and of
one that nobody knows."""

State = bytes | None
"""How an order was at some time: its fingerprint, `REFUSED`, or None if there was no such order."""

_SCHEMA: Final = """
CREATE TABLE items (orderid TEXT NOT NULL, state BLOB, refusal TEXT);
CREATE TABLE silver (
    orderid TEXT NOT NULL, state BLOB, sequence_number TEXT, start INTEGER, length INTEGER
);
CREATE TABLE candidates (
    orderid TEXT PRIMARY KEY, item BLOB, silver BLOB, sequence_number TEXT,
    start INTEGER, length INTEGER, copies INTEGER NOT NULL, verdict TEXT, reason TEXT
) WITHOUT ROWID;
CREATE TABLE changes (
    orderid TEXT, sequence_number TEXT, created REAL NOT NULL, arrived REAL NOT NULL,
    before BLOB, after BLOB,
    PRIMARY KEY (orderid, sequence_number)
) WITHOUT ROWID;
"""

# A refused item has no state that silver could have: it is listed, not compared.
_COMPARE: Final = """
INSERT INTO candidates
SELECT orderid, max(item), max(silver), max(sequence_number), max(start), max(length), sum(copies),
       NULL, NULL
FROM (
    SELECT orderid, state AS item, refusal, NULL AS silver, NULL AS sequence_number,
           NULL AS start, NULL AS length, 0 AS copies
    FROM items
    UNION ALL
    SELECT orderid, NULL, NULL, state, sequence_number, start, length, 1 FROM silver
)
GROUP BY orderid
HAVING max(refusal) IS NULL AND (max(item) IS NOT max(silver) OR sum(copies) > 1)
"""

_REFUSED_ITEMS: Final = """
SELECT orderid, refusal AS reason FROM items WHERE refusal IS NOT NULL
UNION ALL
SELECT orderid, reason FROM candidates WHERE verdict = 'refused'
"""

_PAGE: Final = 1000


class Verdict(StrEnum):
    """What became of an order that differs."""

    MISSING = "missing"
    EXTRA = "extra"
    STALE = "stale"
    IN_FLIGHT = "in flight"
    EQUAL = "equal"
    REFUSED = "refused"


MISMATCHES: Final = (Verdict.MISSING, Verdict.EXTRA, Verdict.STALE)


class ItemEntry(NamedTuple):
    """What is kept of an item: its state, and if that is `REFUSED`, the reason."""

    orderid: str
    state: State
    refusal: str | None


class RowEntry(NamedTuple):
    """What is kept of a row of silver; the state of a tombstone is None.

    `start` and `length` say where its line stands in the result file, in bytes.
    """

    orderid: str
    state: State
    sequence_number: str
    start: int
    length: int


class Candidate(NamedTuple):
    """An order that differs, and perhaps for a good reason.

    `copies` is the number of its rows in silver, `reason` what is known about the difference.
    """

    orderid: str
    item: State
    silver: State
    sequence_number: str | None
    start: int | None
    length: int | None
    copies: int
    reason: str | None


class Change(NamedTuple):
    """A change of an order in the stream; its number is padded so that it sorts.

    `created` is the time of the change, `arrived` that of its record in the stream (epoch seconds):
    it may have been put there again.
    """

    orderid: str
    sequence_number: str
    created: float
    arrived: float
    before: State
    after: State


class Ledger:
    """Holds one comparison, in a folder that is gone at the end."""

    def __enter__(self) -> Ledger:
        self._folder = TemporaryDirectory(prefix="salesflow-reconcile-")
        self._db = sqlite3.connect(Path(self._folder.name, "ledger"), isolation_level=None)
        self._db.executescript("PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;" + _SCHEMA)
        self._db.execute("BEGIN")
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()
        self._folder.cleanup()

    def add_items(self, entries: Iterable[ItemEntry]) -> None:
        """Note items of the table."""
        self._db.executemany("INSERT INTO items VALUES (?, ?, ?)", entries)

    def add_rows(self, entries: Iterable[RowEntry]) -> None:
        """Note rows of silver."""
        self._db.executemany("INSERT INTO silver VALUES (?, ?, ?, ?, ?)", entries)

    def compare(self) -> None:
        """Find the orders that differ: the candidates."""
        self._db.execute(_COMPARE)

    def compared(self) -> int:
        """How many orders were read of either side."""
        return self._number(
            "SELECT count(*) FROM (SELECT orderid FROM items UNION SELECT orderid FROM silver)"
        )

    def count(self, verdict: Verdict | None) -> int:
        """How many candidates have a verdict; None: how many still wait for one."""
        return self._number("SELECT count(*) FROM candidates WHERE verdict IS ?", verdict)

    def candidates(self, verdict: Verdict | None, limit: int) -> list[Candidate]:
        """The first candidates, by their id, with a verdict (None: without one)."""
        return self._page(verdict, "", limit)

    def waiting(self) -> Iterator[Candidate]:
        """All candidates without a verdict. They may be given one while this is read."""
        page = self._page(None, "", _PAGE)
        while page:
            yield from page
            page = self._page(None, page[-1].orderid, _PAGE)

    def _page(self, verdict: Verdict | None, after: str, limit: int) -> list[Candidate]:
        found = self._db.execute(
            "SELECT orderid, item, silver, sequence_number, start, length, copies, reason"
            " FROM candidates WHERE verdict IS ? AND orderid > ? ORDER BY orderid LIMIT ?",
            (verdict, after, limit),
        )
        return [Candidate(*row) for row in found]

    def _number(self, query: str, *arguments: object) -> int:
        [number] = self._db.execute(query, arguments).fetchone()
        return int(number)

    def is_candidate(self, orderid: str) -> bool:
        """Whether an order differs."""
        query = "SELECT 1 FROM candidates WHERE orderid = ?"
        return self._db.execute(query, (orderid,)).fetchone() is not None

    def conclude(self, orderid: str, verdict: Verdict | None, reason: str | None = None) -> None:
        """Note what became of an order."""
        self._db.execute(
            "UPDATE candidates SET verdict = ?, reason = ? WHERE orderid = ?",
            (verdict, reason, orderid),
        )

    def reread(self, orderid: str, state: State) -> None:
        """Note the state of a candidate's item as it is by now."""
        self._db.execute("UPDATE candidates SET item = ? WHERE orderid = ?", (state, orderid))

    def add_change(self, change: Change) -> None:
        """Note a change of a candidate. Of one that came more than once, the last time counts."""
        self._db.execute(
            "INSERT INTO changes VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO UPDATE SET arrived = max(arrived, excluded.arrived)",
            change,
        )

    def changes(self, orderid: str) -> list[Change]:
        """The changes of a candidate that were noted, in their order."""
        found = self._db.execute(
            "SELECT * FROM changes WHERE orderid = ? ORDER BY sequence_number", (orderid,)
        )
        return [Change(*row) for row in found]

    def refusals(self, limit: int) -> tuple[int, list[tuple[str, str]]]:
        """How many items break the rules, and the first of them: order id and reason."""
        first = self._db.execute(
            f"SELECT orderid, reason FROM ({_REFUSED_ITEMS}) ORDER BY orderid LIMIT ?",  # noqa: S608
            (limit,),
        ).fetchall()
        return self._number(f"SELECT count(*) FROM ({_REFUSED_ITEMS})"), first  # noqa: S608
