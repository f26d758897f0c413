"""The figures that the demo shows, asked of Athena and S3 as any user would."""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import boto3

from salesflow.queries import ask

Rows = list[list[str]]


@dataclass(frozen=True)
class Figures:
    """What has arrived, and what it adds up to."""

    changes_delivered: int
    quarantined: int
    orders: int
    revenue: Decimal
    naive_revenue: Decimal
    """What summing the changelog would give: changed orders again and again, removed ones too."""


def read_figures(outputs: Mapping[str, str]) -> Figures:
    """Count the changes in bronze and the error prefix, and add up the newest states."""
    athena = boto3.client("athena")

    def row(sql: str) -> list[str]:
        answer = ask(
            athena, sql, database=outputs["DatabaseName"], workgroup=outputs["WorkGroupName"]
        )
        [values] = answer.rows
        return [value or "0" for value in values]

    changes, naive = row("SELECT count(*), sum(quantity * price) FROM orders_changelog")
    orders, revenue = row("SELECT count(*), sum(quantity * price) FROM orders_current")
    return Figures(
        changes_delivered=int(changes),
        quarantined=_lines_under(outputs["LakeBucketName"], "errors/orders_changelog/"),
        orders=int(orders),
        revenue=Decimal(revenue),
        naive_revenue=Decimal(naive),
    )


def read_report(s3_uri: str) -> Rows:
    """The rows of a report, its header first."""
    bucket, _, key = s3_uri.removeprefix("s3://").partition("/")
    body = boto3.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return list(csv.reader(io.StringIO(body.decode())))


def _lines_under(bucket: str, prefix: str) -> int:
    s3 = boto3.client("s3")
    count = 0
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        for entry in page.get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=entry["Key"])["Body"].read()
            text = gzip.decompress(body) if body.startswith(b"\x1f\x8b") else body
            count += text.count(b"\n")
    return count
