"""Objects in S3: listed fresh for each query, copied to local files once per version."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localaws.athena.failures import QueryFailed
from localaws.athena.json_lines import Inspection, regularise

_CHUNK = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
#: Beyond so many folders, one listing of what encloses them all is quicker than one of each.
_FEW = 4


class Variant(Enum):
    """What a local copy is made of an object's bytes."""

    #: As they are.
    RAW = auto()
    #: Unpacked.
    TEXT = auto()
    #: Unpacked, and made regular; see `json_lines`.
    JSON = auto()


@dataclass(frozen=True)
class StoredObject:
    """An object as a listing shows it; the size in bytes, as it is stored."""

    bucket: str
    key: str
    etag: str
    size: int
    modified: datetime

    @property
    def uri(self) -> str:
        """Where it lies."""
        return f"s3://{self.bucket}/{self.key}"


def split_uri(location: str) -> tuple[str, str]:
    """Bucket and prefix of a folder; the prefix ends with a slash or is empty."""
    match = re.fullmatch(r"s3[an]?://([^/]+)/?(.*)", location)
    if match is None:
        raise QueryFailed(f"HIVE_METASTORE_ERROR: invalid location {location!r}")
    prefix = match[2].rstrip("/")
    return match[1], f"{prefix}/" if prefix else ""


def _hidden(key: str) -> bool:
    """Files and folders that begin with _ or . are none of Athena's."""
    return any(part.startswith(("_", ".")) for part in key.split("/"))


class ObjectStore:
    """S3 as the engine sees it.

    Args:
        s3: a boto3 client.
        folder: where local copies are kept.
        capacity: how many bytes of them are kept.
    """

    def __init__(self, s3: Any, folder: Path, capacity: int) -> None:
        self._s3 = s3
        self._folder = folder
        self._capacity = capacity
        self._copies: OrderedDict[str, int] = OrderedDict()
        self._kept = 0
        self._under_way: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=16, thread_name_prefix="athena-s3")
        folder.mkdir(parents=True, exist_ok=True)
        for stale in folder.iterdir():
            stale.unlink()

    def list_folders(self, locations: Sequence[str]) -> list[list[StoredObject]]:
        """The visible objects with content below each of the folders."""
        folders = [split_uri(location) for location in locations]
        roots = set(folders)
        if len(roots) > _FEW:
            roots = {
                (bucket, _common_folder([p for b, p in roots if b == bucket]))
                for bucket in {bucket for bucket, _ in roots}
            }
        listings = list(self._pool.map(lambda root: self._list(*root), roots))
        by_folder: dict[tuple[str, str], list[StoredObject]] = {folder: [] for folder in folders}
        for found in listings:
            for item in found:
                _file_into(by_folder, item)
        return [by_folder[folder] for folder in folders]

    def _list(self, bucket: str, prefix: str) -> list[StoredObject]:
        pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        try:
            return [
                StoredObject(bucket, c["Key"], c["ETag"].strip('"'), c["Size"], c["LastModified"])
                for page in pages
                for c in page.get("Contents", ())
            ]
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                raise QueryFailed(
                    f"HIVE_METASTORE_ERROR: The specified bucket does not exist: {bucket}"
                ) from error
            raise

    def modified(self, places: Iterable[tuple[str, str]]) -> list[datetime]:
        """When objects, given by bucket and key, were written.

        Raises:
            QueryFailed: one of them isn't there.
        """
        return list(self._pool.map(lambda place: self._modified(*place), places))

    def _modified(self, bucket: str, key: str) -> datetime:
        try:
            written: datetime = self._s3.head_object(Bucket=bucket, Key=key)["LastModified"]
        except ClientError as error:
            raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: s3://{bucket}/{key}: {error}") from error
        return written

    def copies(
        self, objects: Iterable[StoredObject], variant: Variant, link: Callable[[int, Path], None]
    ) -> None:
        """Get local copies of objects and link each one into its place.

        Args:
            link: called with the object's number and its copy, which may be gone afterwards.
        """

        def get(numbered: tuple[int, StoredObject]) -> None:
            number, item = numbered
            self._with_copy(item, variant, lambda path: link(number, path))

        for _ in self._pool.map(get, enumerate(objects)):
            pass

    def _with_copy(self, item: StoredObject, variant: Variant, use: Callable[[Path], None]) -> None:
        identity = f"{item.bucket}\n{item.key}\n{item.etag}\n{item.size}\n{variant.name}"
        name = hashlib.sha256(identity.encode()).hexdigest()
        path = self._folder / name
        if self._use(name, path, use):
            return
        with self._lock:
            turn = self._under_way.setdefault(name, threading.Lock())
        with turn:
            if self._use(name, path, use):
                return
            try:
                self._download(item, path, variant)
                with self._lock:
                    use(path)
                    self._keep(name, path.stat().st_size)
            finally:
                with self._lock:
                    self._under_way.pop(name, None)

    def _use(self, name: str, path: Path, use: Callable[[Path], None]) -> bool:
        """Use the copy, if there is one."""
        with self._lock:
            if name not in self._copies:
                return False
            self._copies.move_to_end(name)
            use(path)
            return True

    def _keep(self, name: str, size: int) -> None:
        """Remember a copy, and forget those not used for longest when there is no room."""
        self._copies[name] = size
        self._kept += size
        while self._kept > self._capacity and self._copies:
            oldest, freed = self._copies.popitem(last=False)
            self._kept -= freed
            (self._folder / oldest).unlink()

    def _download(self, item: StoredObject, path: Path, variant: Variant) -> None:
        try:
            body = self._s3.get_object(Bucket=item.bucket, Key=item.key)["Body"]
        except ClientError as error:
            raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: {item.uri}: {error}") from error
        chunks: Iterable[bytes] = body.iter_chunks(_CHUNK)
        if variant is not Variant.RAW and item.key.endswith(".gz"):
            chunks = _inflated(chunks)
        inspection = Inspection() if variant is Variant.JSON else None
        partial = path.with_suffix(".part")
        try:
            with partial.open("wb") as out:
                for chunk in chunks:
                    out.write(chunk)
                    if inspection is not None:
                        inspection.look_at(chunk)
        except zlib.error as error:
            raise QueryFailed(f"HIVE_CURSOR_ERROR: {item.uri} is not gzip: {error}") from error
        if inspection is not None and inspection.irregular:
            regularise(partial)
        partial.rename(path)


def _inflated(chunks: Iterable[bytes]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(_GZIP)
    for packed in chunks:
        rest = packed
        while rest:
            yield inflate.decompress(rest)
            # A gzip file may consist of several, one behind the other.
            rest = inflate.unused_data
            if rest:
                inflate = zlib.decompressobj(_GZIP)
    if not inflate.eof:
        raise zlib.error("it ends too early")


def _common_folder(prefixes: Sequence[str]) -> str:
    common = os.path.commonpath([f"/{prefix}" for prefix in prefixes]).strip("/")
    return f"{common}/" if common else ""


def _file_into(folders: dict[tuple[str, str], list[StoredObject]], item: StoredObject) -> None:
    """Put an object to each of the folders that it lies in, at any depth."""
    if not item.size:
        return
    end = len(item.key)
    while end > 0:
        end = item.key.rfind("/", 0, end)
        prefix = item.key[: end + 1]
        content = folders.get((item.bucket, prefix))
        if content is not None and not _hidden(item.key[end + 1 :]):
            content.append(item)
