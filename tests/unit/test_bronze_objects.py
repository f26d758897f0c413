"""Objects of bronze that Athena can't read are named, with the reason; the others are not."""

from __future__ import annotations

import gzip
import io

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from salesflow.bronze import unreadable_objects

PREFIX = "bronze/orders_changelog/dt=2026-03-04/hour=12/"


def problems(objects: dict[str, bytes]) -> list[str]:
    """What is said of the objects of a partition."""
    s3 = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )
    with Stubber(s3) as stubber:
        listed = [{"Key": PREFIX + name} for name in objects]
        stubber.add_response(
            "list_objects_v2", {"Contents": listed}, {"Bucket": "lake", "Prefix": PREFIX}
        )
        for name, body in objects.items():
            if not name.startswith(("_", ".")):
                stubber.add_response(
                    "get_object",
                    {"Body": StreamingBody(io.BytesIO(body), len(body))},
                    {"Bucket": "lake", "Key": PREFIX + name},
                )
        found = list(unreadable_objects(s3, "lake", [("2026-03-04", "12")]))
        stubber.assert_no_pending_responses()
    return found


@pytest.mark.parametrize(
    ("name", "body", "problem"),
    [
        ("a.gz", b"no gzip\n", "it isn't gzip: Not a gzipped file"),
        (
            "a.gz",
            gzip.compress(b"{}\n" * 999, mtime=0)[:-9],
            "it isn't gzip: Compressed file ended",
        ),
        ("a.gz", gzip.compress(b"{}", mtime=0)[:10] + b"\xff" * 30, "it isn't gzip: Error -3"),
        ("a", b'{"orderid":"a"}\n{"orderid":', "line 2 isn't JSON: "),
        ("a", b"\xff\xfe\n", "line 1 isn't JSON: "),
        ("a", b"[" * 100_000, "line 1 isn't JSON: "),
        ("a", b'["a"]\n', "line 1 is no JSON object"),
        ("a", b'{"quantity":"many"}\n', "line 1: quantity is no int"),
        ("a", b'{"quantity":true}\n', "line 1: quantity is no int"),
        ("a", b'\n{"quantity":1.5}\n', "line 2: quantity is no int"),
        ("a", b'{"quantity":2147483648}\n', "line 1: quantity is no int"),
        ("a", b'{"price":1e14}\n', "line 1: price is no decimal(18,4)"),
        ("a", b'{"price":{"N":"1"}}\n', "line 1: price is no decimal(18,4)"),
        ("a", b'{"creation_time":"noon"}\n', "line 1: creation_time is no bigint"),
    ],
)
def test_an_object_that_can_not_be_read(name: str, body: bytes, problem: str) -> None:
    [found] = problems({"good": b'{"orderid":"a"}\n', name: body})
    assert found.startswith(f"s3://lake/{PREFIX}{name}: {problem}")


def test_objects_that_can_be_read() -> None:
    good = b'{"orderid":5,"quantity":"3","price":1e2,"creation_time":null,"x":[]}\n\n{}\n'
    assert (
        problems(
            {"a": good, "a.gz": gzip.compress(good), "empty": b"", "empty.gz": b"", "_x": b"{"}
        )
        == []
    )
