"""Replays the orders of a CSV or Parquet file into the table.

Each row is written or rejected: a row that can't be an order goes to the rejects file, with its
line and the reason, and harms no other row.
"""

import csv
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, closing
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from salesflow.numbers import NotANumber, shown
from salesflow.orders import Order, Put, Write, iso_utc
from salesflow.rowfiles import Row, UnreadableFile, open_rows
from salesflow.rules import RULED_LITERALS, RuleBroken, order_ts_problem
from salesflow.schema import KEY_ATTRIBUTE, KNOWN_NAMES, ORDER_ATTRIBUTES, REQUIRED_ATTRIBUTES
from salesflow.writer import WriteCounts

# https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html
_LONGEST_KEY_BYTES: Final = 2048
_LARGEST_ITEM_BYTES: Final = 400 * 1024

REJECTS_COLUMNS: Final = ("line", "reason", "row")


@dataclass(frozen=True, slots=True)
class ReplayResult:
    """Rows of the file: read, written and rejected; read is the sum of the two.

    `rejects` is the file with the rejected rows, None if there are none.
    """

    read: int
    written: int
    rejected: int
    rejects: Path | None


class _Rejected(ValueError):
    """A row that can't be an order; the message is the reason."""


def replay(
    path: Path,
    mapping: Mapping[str, str],
    write: Callable[[Iterable[Write]], WriteCounts],
    rejects: Path,
    *,
    at: datetime,
) -> ReplayResult:
    """Write the orders of a file; `write` is, for example, the method of a `TableWriter`.

    `mapping` says which column of the file an order's attribute comes from, if it has another
    name. A column that isn't mapped is the attribute of its name, or else kept as it is. Rows that
    can't be orders go to `rejects`, a CSV file with the columns line, reason and row; a file of
    that name from an earlier replay is replaced. `at` is the time of the writes.

    Raises `UnreadableFile`, before anything is written, and what `write` raises.
    """
    if path.resolve() == rejects.resolve():
        raise UnreadableFile(f"{path} can't be the file of its own rejects")
    attributes = _attributes_of(path, mapping)
    file = open_rows(path, attributes.values())
    origin = _origins(path, file.columns, mapping, attributes)
    _make_way(rejects)
    changed = int(at.timestamp())
    with _Rejects(rejects) as rejected, closing(_SeenIds()) as seen:

        def orders() -> Iterator[Write]:
            for row in file.rows():
                try:
                    order = _order(row, origin, changed)
                    seen.check(order.orderid, row.line)
                except _Rejected as reason:
                    rejected.add(row, str(reason))
                else:
                    yield Put(at, order, is_new=True)

        written = write(orders()).writes
    return ReplayResult(
        written + rejected.count, written, rejected.count, rejects if rejected.count else None
    )


def _make_way(rejects: Path) -> None:
    """Remove an earlier rejects file, and make sure that a new one can be written."""
    try:
        rejects.parent.mkdir(parents=True, exist_ok=True)
        rejects.open("w").close()
        rejects.unlink()
    except OSError as error:
        raise UnreadableFile(
            f"the rejects file {rejects} can't be written: {error.strerror}"
        ) from error


def _attributes_of(path: Path, mapping: Mapping[str, str]) -> dict[str, str]:
    """The column in which each attribute is looked for."""
    unknown = sorted(set(mapping) - KNOWN_NAMES)
    if unknown:
        known = ", ".join(attribute.name for attribute in ORDER_ATTRIBUTES)
        raise UnreadableFile(
            f"{path}: an order has no attribute {', '.join(unknown)}; it has {known}"
        )
    return {a.name: mapping.get(a.name, a.name) for a in ORDER_ATTRIBUTES}


def _origins(
    path: Path, columns: tuple[str, ...], mapping: Mapping[str, str], attributes: dict[str, str]
) -> list[tuple[str, int]]:
    """The item's attributes, and for each the position of its column."""
    for name, column in attributes.items():
        if column not in columns and (name in mapping or name in REQUIRED_ATTRIBUTES):
            similar = [c for c in columns if c.lower() == column.lower()]
            hint = f"--map {name}={similar[0] if similar else 'THEIR_COLUMN'}"
            raise UnreadableFile(
                f"{path} has no column {column}, from which {name} would be read; it has "
                f"{', '.join(columns)} (see {hint})"
            )
    positions = {column: position for position, column in enumerate(columns)}
    origins = [(n, positions[column]) for n, column in attributes.items() if column in positions]
    read = {position for _, position in origins}
    taken = set(attributes)
    for position, column in enumerate(columns):
        if position not in read:
            name = column or f"column_{position + 1}"
            # The file's own `price`, when the price is read from another column.
            while name in taken:
                name += "_unmapped"
            taken.add(name)
            origins.append((name, position))
    return origins


def _order(row: Row, origins: list[tuple[str, int]], changed: int) -> Order:
    if row.problem:
        raise _Rejected(row.problem)
    known: dict[str, Any] = {}
    extra: dict[str, str] = {}
    for name, position in origins:
        text = row.values[position]
        if text is None or not text.strip():
            if name in REQUIRED_ATTRIBUTES:
                raise _Rejected(f"{name} is empty")
        elif name in KNOWN_NAMES:
            known[name] = _VALUES.get(name, _text)(name, text)
        else:
            extra[name] = text
    if problem := order_ts_problem(known.get("order_ts", ""), changed):
        raise _Rejected(f"order_ts {problem}")
    order = Order(**known, extra=extra)
    if len(order.orderid.encode()) > _LONGEST_KEY_BYTES:
        raise _Rejected(f"{KEY_ATTRIBUTE} is longer than {_LONGEST_KEY_BYTES} bytes")
    if len(row.text.encode()) + _names_size(origins) > _LARGEST_ITEM_BYTES:
        raise _Rejected(f"the row is larger than an item may be ({_LARGEST_ITEM_BYTES} bytes)")
    return order


def _names_size(origins: list[tuple[str, int]]) -> int:
    return sum(len(name.encode()) for name, _ in origins)


def _text(_: str, text: str) -> str:
    return text


def _status(name: str, text: str) -> str:
    _literal(name, text)
    return text


def _quantity(name: str, text: str) -> int:
    return int(_literal(name, text.strip()))


def _price(name: str, text: str) -> Decimal:
    return Decimal(_literal(name, text.strip()))


def _literal(name: str, text: str) -> str:
    try:
        return RULED_LITERALS[name](text)
    except (NotANumber, RuleBroken) as error:
        raise _Rejected(f"{name} {error}") from None


def _time(name: str, text: str) -> str:
    try:
        return iso_utc(datetime.fromisoformat(text.strip()))
    except (ValueError, OverflowError):
        raise _Rejected(f"{name} {shown(text)} is no ISO 8601 time") from None


_VALUES: Final[dict[str, Callable[[str, str], object]]] = {
    "quantity": _quantity,
    "price": _price,
    "status": _status,
    "order_ts": _time,
}


class _SeenIds:
    """The order ids of the file so far: on disk, since a file may have more than memory holds."""

    def __init__(self) -> None:
        # An empty name is a temporary database, which SQLite writes out when it outgrows its cache.
        self._database = sqlite3.connect("")
        self._database.execute(
            "CREATE TABLE seen (id TEXT PRIMARY KEY, line INTEGER) WITHOUT ROWID"
        )

    def check(self, orderid: str, line: int) -> None:
        try:
            self._database.execute("INSERT INTO seen VALUES (?, ?)", (orderid, line))
        except sqlite3.IntegrityError:
            found = self._database.execute("SELECT line FROM seen WHERE id = ?", (orderid,))
            reason = f"{KEY_ATTRIBUTE} {shown(orderid)} is already on line {found.fetchone()[0]}"
            raise _Rejected(reason) from None

    def close(self) -> None:
        self._database.close()


class _Rejects:
    """The rejects file, which comes into being with the first rejected row."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._files = ExitStack()
        self._writer: Any = None
        self.count = 0

    def __enter__(self) -> "_Rejects":
        return self

    def __exit__(self, *_: object) -> None:
        self._files.close()

    def add(self, row: Row, reason: str) -> None:
        if self._writer is None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            file = self._path.open("w", newline="", encoding="utf-8", errors="surrogateescape")
            self._writer = csv.writer(self._files.enter_context(file))
            self._writer.writerow(REJECTS_COLUMNS)
        self._writer.writerow((row.line, reason, row.text))
        self.count += 1
