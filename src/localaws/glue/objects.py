"""The objects of an S3 target: which ones a crawl looks at, and their bytes.

https://docs.aws.amazon.com/glue/latest/dg/define-crawler-choose-data-sources.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

from localaws.service import Params

_PATH = re.compile(r"s3://(?P<bucket>[^/]+)(?:/(?P<prefix>.*))?")


@dataclass(frozen=True)
class Target:
    """An S3 target of a crawler.

    Args:
        prefix: the include path below the bucket, without a slash at its end.
        sample_size: how many objects of each folder are read; None reads all.
    """

    bucket: str
    prefix: str
    exclusions: tuple[str, ...] = ()
    sample_size: int | None = None

    @classmethod
    def of(cls, params: Params) -> Target | None:
        """The target that ``S3Targets`` of the API describes, or None if its path is no S3 URI."""
        match = _PATH.fullmatch(params.get("Path", ""))
        if match is None:
            return None
        return cls(
            match["bucket"],
            (match["prefix"] or "").rstrip("/"),
            tuple(params.get("Exclusions", ())),
            params.get("SampleSize"),
        )

    @property
    def folder(self) -> tuple[str, ...]:
        """The include path as its folders, the bucket first."""
        return (self.bucket, *self.prefix.split("/")) if self.prefix else (self.bucket,)


@dataclass(frozen=True)
class S3Object:
    """An object as a listing has it; its folder has the bucket first."""

    bucket: str
    key: str
    etag: str
    size: int

    @property
    def folder(self) -> tuple[str, ...]:
        """The folders that the object lies in, the bucket first."""
        return (self.bucket, *self.key.split("/")[:-1])


@dataclass(frozen=True)
class S3Content:
    """The bytes of an object, read from S3 by range."""

    s3: Any
    item: S3Object

    @property
    def size(self) -> int:
        """All bytes."""
        return self.item.size

    def head(self, count: int) -> bytes:
        """The first ``count`` bytes."""
        return self._read(f"bytes=0-{min(count, self.size) - 1}")

    def tail(self, count: int) -> bytes:
        """The last ``count`` bytes."""
        return self._read(f"bytes={max(self.size - count, 0)}-{self.size - 1}")

    def _read(self, span: str) -> bytes:
        answer = self.s3.get_object(Bucket=self.item.bucket, Key=self.item.key, Range=span)
        data: bytes = answer["Body"].read()
        return data


def listed(s3: Any, target: Target) -> Iterator[S3Object]:
    """The objects below a target, in the order of their keys, without those that a crawl passes
    over: hidden, empty and excluded ones."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=target.prefix)
    for page in pages:
        for entry in page.get("Contents", ()):
            item = S3Object(target.bucket, entry["Key"], entry["ETag"], entry["Size"])
            if item.size and _is_crawled(item.key, target):
                yield item


def _is_crawled(key: str, target: Target) -> bool:
    if key == target.prefix:
        return True
    path = key.removeprefix(f"{target.prefix}/" if target.prefix else "")
    if path == key and target.prefix:
        # A neighbour that merely begins like the target.
        return False
    if any(part.startswith(("_", ".")) for part in path.split("/")) or path.endswith("_$folder$"):
        return False
    return not any(_glob(pattern).fullmatch(path) for pattern in target.exclusions)


@cache
def _glob(pattern: str) -> re.Pattern[str]:
    r"""An exclude pattern as a regular expression.

    ``*`` and ``?`` stay within a folder, ``**`` crosses folders, ``[a-c]`` and ``[!a]`` are one
    character of a set, ``{a,b}`` are alternatives, ``\`` takes the next character as it is.
    """
    tokens = re.compile(r"\\(.)|(\*\*)|(\*)|(\?)|\[(!?)((?:\\.|[^\]])+)\]|([{},])|(.)", re.DOTALL)
    expression, depth = "", 0
    for escaped, cross, star, one, negated, members, brace, plain in tokens.findall(pattern):
        if cross:
            expression += ".*"
        elif star:
            expression += "[^/]*"
        elif one:
            expression += "[^/]"
        elif members:
            expression += f"(?!/)[{'^' if negated else ''}{members}]"
        elif brace == "{":
            depth, expression = depth + 1, expression + "(?:"
        elif brace == "}" and depth:
            depth, expression = depth - 1, expression + ")"
        elif brace == "," and depth:
            expression += "|"
        else:
            expression += re.escape(escaped or brace or plain)
    return re.compile(expression + ")" * depth, re.DOTALL)
