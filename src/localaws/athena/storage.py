"""Objects in S3, as Athena writes them: whole, or not at all."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any
from urllib.parse import quote, unquote

from botocore.exceptions import ClientError

#: S3 takes parts of 5 MiB and more.
PART_SIZE = 8 * 1024 * 1024
#: The partition of rows whose partition column is NULL.
NULL_PARTITION = "__HIVE_DEFAULT_PARTITION__"
#: What S3's DeleteObjects takes at a time.
_DELETE_BATCH = 1000
_URI = re.compile(r"s3[an]?://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
#: What Hive leaves as it is in a partition's folder name.
_UNESCAPED = " !$&()+,;<>@`|~"


def split_uri(uri: str) -> tuple[str, str] | None:
    """Bucket and key of an S3 URI, None if it isn't one."""
    match = _URI.fullmatch(uri)
    return (match[1], match[2] or "") if match else None


@dataclass(frozen=True)
class Place:
    """A bucket and a key, or the prefix of keys, in it.

    Attributes:
        options: what each write there is to be given, such as ServerSideEncryption.
    """

    bucket: str
    key: str
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, uri: str) -> Place:
        """The place of an S3 URI.

        Raises:
            ValueError: it isn't one.
        """
        parts = split_uri(uri)
        if parts is None:
            raise ValueError(f"not an S3 URI: {uri!r}")
        return cls(*parts)

    @property
    def uri(self) -> str:
        """The S3 URI."""
        return f"s3://{self.bucket}/{self.key}"

    @property
    def folder(self) -> Place:
        """The same place with a slash at the end."""
        slash = "" if not self.key or self.key.endswith("/") else "/"
        return Place(self.bucket, self.key + slash, self.options)

    def __add__(self, suffix: str) -> Place:
        return Place(self.bucket, self.key + suffix, self.options)


def keys_below(s3: Any, folder: Place) -> Iterator[str]:
    """The keys in a folder and its subfolders."""
    pages = s3.get_paginator("list_objects_v2").paginate(
        Bucket=folder.bucket, Prefix=folder.folder.key
    )
    for page in pages:
        for found in page.get("Contents", ()):
            yield found["Key"]


def delete(s3: Any, places: list[Place]) -> None:
    """Delete objects of one bucket; those that aren't there are no error."""
    for start in range(0, len(places), _DELETE_BATCH):
        batch = places[start : start + _DELETE_BATCH]
        s3.delete_objects(
            Bucket=batch[0].bucket, Delete={"Objects": [{"Key": p.key} for p in batch]}
        )


def partition_folder(keys: list[str], values: list[str | None]) -> str:
    """``dt=2026-01-01/hour=00/``, escaped as Hive does it."""
    return "".join(
        f"{key}={NULL_PARTITION if value is None else quote(value, safe=_UNESCAPED)}/"
        for key, value in zip(keys, values, strict=True)
    )


def partition_values(folder: str) -> tuple[list[str], list[str]] | None:
    """Keys and values of ``dt=2026-01-01/hour=00``, None if that isn't Hive's style."""
    parts = [part.partition("=") for part in folder.strip("/").split("/")]
    if any(not key or not equals for key, equals, _ in parts):
        return None
    return [unquote(key).lower() for key, _, _ in parts], [unquote(value) for _, _, value in parts]


class Upload:
    """A file to write to that becomes an object when it is closed without an error.

    Small ones are put at once, large ones in parts.
    """

    def __init__(
        self, s3: Any, place: Place, content_type: str = "application/octet-stream"
    ) -> None:
        self._s3, self._place = s3, place
        self._arguments = {"ContentType": content_type, **place.options}
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[dict[str, Any]] = []
        self.size = 0
        self.closed = False

    def write(self, data: bytes) -> int:
        """Add bytes."""
        self._buffer += data
        self.size += len(data)
        while len(self._buffer) >= PART_SIZE:
            self._send(PART_SIZE)
        return len(data)

    def flush(self) -> None:
        """Nothing: what is written is sent when enough has come together."""

    def close(self) -> None:
        """Make the object."""
        if self.closed:
            return
        self.closed = True
        if self._upload_id is None:
            self._s3.put_object(
                Bucket=self._place.bucket,
                Key=self._place.key,
                Body=bytes(self._buffer),
                **self._arguments,
            )
            return
        if self._buffer:
            self._send(len(self._buffer))
        self._s3.complete_multipart_upload(
            Bucket=self._place.bucket,
            Key=self._place.key,
            UploadId=self._upload_id,
            MultipartUpload={"Parts": self._parts},
        )

    def abort(self) -> None:
        """Leave no trace."""
        self.closed = True
        if self._upload_id is not None:
            self._s3.abort_multipart_upload(
                Bucket=self._place.bucket, Key=self._place.key, UploadId=self._upload_id
            )

    def _send(self, size: int) -> None:
        where = {"Bucket": self._place.bucket, "Key": self._place.key}
        if self._upload_id is None:
            started = self._s3.create_multipart_upload(**where, **self._arguments)
            self._upload_id = started["UploadId"]
        number = len(self._parts) + 1
        sent = self._s3.upload_part(
            **where, UploadId=self._upload_id, PartNumber=number, Body=bytes(self._buffer[:size])
        )
        self._parts.append({"PartNumber": number, "ETag": sent["ETag"]})
        del self._buffer[:size]

    def __enter__(self) -> Upload:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error is None:
            self.close()
        else:
            self.abort()


def read(s3: Any, place: Place, start: int, size: int) -> bytes:
    """Up to ``size`` bytes of an object from ``start``; empty beyond its end.

    Raises:
        ClientError: NoSuchKey, NoSuchBucket and the like.
    """
    try:
        answer = s3.get_object(
            Bucket=place.bucket, Key=place.key, Range=f"bytes={start}-{start + size - 1}"
        )
    except ClientError as error:
        if error.response["Error"]["Code"] == "InvalidRange":
            return b""
        raise
    return bytes(answer["Body"].read())
