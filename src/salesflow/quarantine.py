"""The quarantine: records that the delivery stream couldn't have transformed, and why.

Firehose writes a failed record as a line of JSON under the error prefix, with an error that is the
same for whatever the transform refuses; the transform's own reason is in its log only. So a record
is judged again when its object has come, by the transform itself, and the reasons are stored beside
the failures, an object of reasons for each object of failures. A judgement follows from the record
and its time of arrival: it is the same whenever it is made.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-failure-handling.html
"""

from __future__ import annotations

import gzip
import json
from base64 import b64decode
from collections.abc import Iterable, Iterator
from datetime import date, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Any, Final

from salesflow.deliveries import ERROR_PREFIX, Pace, listing
from salesflow.transform import transform_batch

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

REASONS_PREFIX: Final = ERROR_PREFIX.replace("processing-failed", "reasons")
_GZIP: Final = b"\x1f\x8b"

Failure = dict[str, Any]
"""A line of an error object: rawData (base64), arrivalTimestamp, errorCode and others."""


def payload_digest(payload: bytes) -> str:
    """The name of a payload: its SHA-256 in lower-case hex, as the SQL works it out."""
    return sha256(payload).hexdigest()


def refusal(failure: Failure) -> str | None:
    """Why the transform refuses a record, in its own words; None if it takes it.

    It takes records that failed for another reason: the function crashed, or was throttled.
    """
    lines: list[str] = []
    record = {
        "recordId": "0",
        "approximateArrivalTimestamp": failure["arrivalTimestamp"],
        "data": failure["rawData"],
    }
    transform_batch({"records": [record]}, lines.append)
    return str(json.loads(lines[0])["reason"]) if lines else None


def judgements(failures: Iterable[Failure]) -> Iterator[dict[str, Any]]:
    """What is to be stored of failures: payload_digest, failed_at (epoch ms) and reason."""
    for failure in failures:
        yield {
            "payload_digest": payload_digest(b64decode(failure["rawData"])),
            "failed_at": failure["attemptEndingTimestamp"],
            "reason": refusal(failure),
        }


def failures_in(client: S3Client, bucket: str, key: str) -> Iterator[Failure]:
    """The failures in an error object, as Firehose wrote them."""
    body = client.get_object(Bucket=bucket, Key=key)["Body"].read()
    text = gzip.decompress(body) if body.startswith(_GZIP) else body
    yield from map(json.loads, text.splitlines())


def failures_between(
    client: S3Client, bucket: str, pace: Pace, *, since: datetime, until: datetime
) -> Iterator[Failure]:
    """The failures of records that arrived at the delivery stream between two times."""
    [request] = [r for r in listing(bucket, since, pace) if r["Prefix"] == ERROR_PREFIX]
    first = since.timestamp() * 1000
    last = (until.timestamp() + pace.margin) * 1000
    for page in client.get_paginator("list_objects_v2").paginate(**request):  # type: ignore[arg-type]
        for entry in page.get("Contents", []):
            for failure in failures_in(client, bucket, entry["Key"]):
                if first <= failure["arrivalTimestamp"] <= last:
                    yield failure


def judge_new(client: S3Client, bucket: str, first_day: date | None = None) -> int:
    """Store the reasons of all failures that have none yet; how many failures that were.

    Args:
        first_day: look no further back than to what arrived that day (UTC); None: at everything.
    """
    judged = set(_names(client, bucket, REASONS_PREFIX, first_day))
    count = 0
    for name in _names(client, bucket, ERROR_PREFIX, first_day):
        if name not in judged:
            failures = failures_in(client, bucket, ERROR_PREFIX + name)
            lines = [json.dumps(row) + "\n" for row in judgements(failures)]
            client.put_object(
                Bucket=bucket, Key=REASONS_PREFIX + name, Body="".join(lines).encode()
            )
            count += len(lines)
    return count


def _names(client: S3Client, bucket: str, prefix: str, first_day: date | None) -> Iterator[str]:
    """The keys below a prefix, without it: an object of reasons is named as that of failures."""
    start = f"{prefix}dt={first_day.isoformat()}/" if first_day else prefix
    paginator = client.get_paginator("list_objects_v2")
    pages = paginator.paginate(Bucket=bucket, Prefix=prefix, StartAfter=start)
    for page in pages:
        for entry in page.get("Contents", []):
            yield entry["Key"].removeprefix(prefix)
