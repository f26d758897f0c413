"""Reads silver: until when it is complete, and its rows, streamed from one query's result file."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, NamedTuple
from urllib.parse import urlsplit

from salesflow.patience import Patience
from salesflow.queries import Answer, ask
from salesflow.reconciliation.fingerprints import FIELDS, Values, row_values
from salesflow.schema import KEY_ATTRIBUTE
from salesflow.silver import ORDERS_TABLE

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client

MERGES_TABLE: Final = "merges"

COLUMNS: Final = (KEY_ATTRIBUTE, "is_deleted", "last_sequence_number", *FIELDS)
"""What is read of a row."""

# A statement may have 262,144 bytes; a literal of a hostile id is no longer than twice the id.
# https://docs.aws.amazon.com/athena/latest/ug/service-limits.html
_STATEMENT_BYTES: Final = 200_000
_CHUNK_BYTES: Final = 8 * 1024 * 1024
_CELL: Final = re.compile(r'("[^"]*(?:""[^"]*)*")?,')


class SilverMissing(LookupError):
    """There is no silver table yet, or nothing was ever merged into it."""


class ResultMalformed(Exception):
    """A result file isn't what Athena writes."""


class Row(NamedTuple):
    """A row of silver. The values of a tombstone are None.

    `start` and `length` say where its line stands in the result file, in bytes.
    """

    orderid: str
    sequence_number: str
    values: Values | None
    start: int
    length: int


@dataclass(slots=True)
class Silver:
    """The silver table of a deployment.

    Attributes:
        scanned_bytes: what the queries so far have read.
    """

    athena: AthenaClient
    s3: S3Client
    database: str
    workgroup: str
    patience: Patience
    scanned_bytes: int = 0

    def complete_until(self, glue: GlueClient) -> datetime:
        """All that was written until then is in silver (UTC).

        Raises:
            SilverMissing: nothing is.
        """
        for table in (ORDERS_TABLE, MERGES_TABLE):
            try:
                glue.get_table(DatabaseName=self.database, Name=table)
            except glue.exceptions.EntityNotFoundException:
                raise SilverMissing(
                    f"there is no table {self.database}.{table} yet: run ingest_orders first"
                ) from None
        answer = self._ask(f"SELECT max(complete_until) FROM {MERGES_TABLE}")  # noqa: S608
        [[until]] = answer.rows
        if until is None:
            raise SilverMissing(
                f"nothing has been merged into {self.database}.{ORDERS_TABLE} yet: "
                "run ingest_orders first"
            )
        return datetime.fromisoformat(until).replace(tzinfo=UTC)

    def read(self, condition: str = "TRUE") -> ResultFile:
        """Have Athena write the rows for which a condition holds into one file."""
        answer = self._ask(
            f"SELECT {', '.join(COLUMNS)} FROM {ORDERS_TABLE} WHERE {condition}"  # noqa: S608
        )
        return ResultFile(self.s3, answer.output)

    def _ask(self, sql: str) -> Answer:
        answer = ask(
            self.athena,
            sql,
            database=self.database,
            workgroup=self.workgroup,
            patience=self.patience,
        )
        self.scanned_bytes += answer.scanned_bytes
        return answer


@dataclass(frozen=True, slots=True)
class ResultFile:
    """The rows of a query on silver, as a CSV file in S3.

    It is read in ranges: a connection that is held open while rows are looked at would break.
    https://docs.aws.amazon.com/athena/latest/ug/querying-finding-output-files.html
    """

    s3: S3Client
    uri: str

    def rows(self) -> Iterator[Row]:
        """All rows, in the file's order."""
        lines = csv_lines(self._chunks())
        next(lines, None)  # the header
        for start, line in lines:
            yield _row(line, start)

    def row(self, start: int, length: int) -> Row:
        """The row whose line stands at a place."""
        return _row(self._bytes(start, length), start)

    def _chunks(self) -> Iterator[bytes]:
        place = urlsplit(self.uri)
        size = self.s3.head_object(Bucket=place.netloc, Key=place.path[1:])["ContentLength"]
        for start in range(0, size, _CHUNK_BYTES):
            yield self._bytes(start, min(_CHUNK_BYTES, size - start))

    def _bytes(self, start: int, length: int) -> bytes:
        place = urlsplit(self.uri)
        return self.s3.get_object(
            Bucket=place.netloc, Key=place.path[1:], Range=f"bytes={start}-{start + length - 1}"
        )["Body"].read()


def csv_lines(chunks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """The lines of a CSV file with the places where they start, in bytes.

    A quoted value may hold line breaks; a quote in it is doubled, so that within a line the number
    of quotes is even.
    """
    place, rest = 0, b""
    pending: list[bytes] = []
    for chunk in chunks:
        *complete, rest = (rest + chunk).split(b"\n")
        for piece in complete:
            closed = piece.count(b'"') % 2 == 0
            if pending:
                pending.append(piece)
                if closed:
                    continue
                line, pending = b"\n".join(pending), []
            elif closed:
                line = piece
            else:
                pending = [piece]
                continue
            yield place, line
            place += len(line) + 1
    if rest or pending:
        raise ResultMalformed("the result file ends within a line")


def _row(line: bytes, start: int) -> Row:
    cells = [
        cell[1:-1].replace('""', '"') if cell else None
        for cell in _CELL.findall(line.decode() + ",")
    ]
    if len(cells) != len(COLUMNS):
        raise ResultMalformed(f"a line of {len(cells)} values, not {len(COLUMNS)}")
    orderid, is_deleted, sequence_number, *fields = cells
    values = None if is_deleted == "true" else row_values(fields)
    return Row(orderid or "", sequence_number or "", values, start, len(line))


def some_orders(orderids: Sequence[str], after: str | None, before: str | None) -> str:
    """A condition: one of these orders, or one between two ids (None: without a bound)."""
    bounds = []
    if after is not None:
        bounds.append(f"{KEY_ATTRIBUTE} > {_literal(after)}")
    if before is not None:
        bounds.append(f"{KEY_ATTRIBUTE} < {_literal(before)}")
    between = " AND ".join(bounds) or "TRUE"
    if not orderids:
        return between
    listed = ", ".join(map(_literal, orderids))
    return f"{KEY_ATTRIBUTE} IN ({listed}) OR ({between})"


def fitting(orderids: Sequence[str]) -> int:
    """How many of the orders, from the first on, fit into one statement."""
    size = 0
    for number, orderid in enumerate(orderids):
        size += len(_literal(orderid).encode()) + 2
        if size > _STATEMENT_BYTES:
            return number
    return len(orderids)


def _literal(text: str) -> str:
    quoted = text.replace("'", "''")
    return f"'{quoted}'"
