"""Daily reports: which day, which key, and how a query's result gets there."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date
from hashlib import sha256
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class DayRefused(ValueError):
    """A text that is no day to report on; the message says why."""


def report_day(text: str, today: date) -> date:
    """The day that a text names (YYYY-MM-DD); today's report is of what there is so far.

    Raises:
        DayRefused: the text is malformed, or the day is in the future.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD") from None
    if day.isoformat() != text:
        raise DayRefused(f"{text!r} is no day: write it as YYYY-MM-DD")
    if day > today:
        raise DayRefused(f"{text} is in the future: it is {today.isoformat()} (UTC)")
    return day


def report_key(name: str, day: str) -> str:
    """The key of a report in the lake's bucket; a rerun replaces the object."""
    return f"reports/{name}/dt={day}/{name}.csv"


def store_result(client: S3Client, result_uri: str, bucket: str, key: str) -> int:
    """Copy a query's result file to its stable key, and return its number of rows.

    The rows are those of the CSV file without its header: a value may contain line breaks.
    """
    source = urlsplit(result_uri)
    body = client.get_object(Bucket=source.netloc, Key=source.path.lstrip("/"))["Body"]
    rows = csv_lines(body.iter_chunks()) - 1
    client.copy_object(
        Bucket=bucket,
        Key=key,
        CopySource={"Bucket": source.netloc, "Key": source.path.lstrip("/")},
        MetadataDirective="REPLACE",
        ContentType="text/csv; charset=utf-8",
    )
    return rows


def csv_lines(chunks: Iterable[bytes]) -> int:
    """The lines of a CSV file, of which a quoted value may span several, in any chunks."""
    lines, quoted = 0, False
    for chunk in chunks:
        for number, piece in enumerate(chunk.split(b'"')):
            # A quote within a value is doubled: it ends the value and begins it anew.
            quoted ^= number > 0
            if not quoted:
                lines += piece.count(b"\n")
    return lines


def request_token(*identity: Any) -> str:
    """Athena's ClientRequestToken of a query: the same parts, the same token.

    Athena answers a token that it knows with the query that it already runs or has run.
    https://docs.aws.amazon.com/athena/latest/APIReference/API_StartQueryExecution.html
    """
    return sha256("\x1f".join(map(str, identity)).encode()).hexdigest()
