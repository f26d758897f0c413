"""Objects in S3: listed fresh for each query, copied to local files once per version."""

from __future__ import annotations

import hashlib
import os
import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from localaws.athena.failures import QueryFailed

_CHUNK = 1 << 20
_GZIP = 16 + zlib.MAX_WBITS
#: Beyond so many folders, one listing of what encloses them all is quicker than one of each.
_FEW = 4


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

    def copies(
        self, objects: Iterable[StoredObject], variant: str, link: Callable[[int, Path], None]
    ) -> None:
        """Get local copies of objects and link each one into its place.

        Args:
            variant: how a copy is made; see `Preparation`.
            link: called with the object's number and its copy, which may be gone afterwards.
        """

        def get(numbered: tuple[int, StoredObject]) -> None:
            number, item = numbered
            self._with_copy(item, variant, lambda path: link(number, path))

        for _ in self._pool.map(get, enumerate(objects)):
            pass

    def _with_copy(self, item: StoredObject, variant: str, use: Callable[[Path], None]) -> None:
        identity = f"{item.bucket}\n{item.key}\n{item.etag}\n{item.size}\n{variant}"
        name = hashlib.sha256(identity.encode()).hexdigest()
        path = self._folder / name
        with self._lock:
            if name in self._copies:
                self._copies.move_to_end(name)
                use(path)
                return
            turn = self._under_way.setdefault(name, threading.Lock())
        with turn:
            with self._lock:
                if name in self._copies:
                    use(path)
                    return
            self._download(item, path, variant)
            with self._lock:
                use(path)
                self._under_way.pop(name, None)
                self._copies[name] = path.stat().st_size
                while sum(self._copies.values()) > self._capacity and len(self._copies) > 1:
                    oldest, _ = self._copies.popitem(last=False)
                    (self._folder / oldest).unlink()

    def _download(self, item: StoredObject, path: Path, variant: str) -> None:
        try:
            body = self._s3.get_object(Bucket=item.bucket, Key=item.key)["Body"]
        except ClientError as error:
            raise QueryFailed(f"HIVE_CANNOT_OPEN_SPLIT: {item.uri}: {error}") from error
        partial = path.with_suffix(".part")
        inflate = None
        if variant != "raw" and item.key.endswith(".gz"):
            inflate = zlib.decompressobj(_GZIP)
        try:
            with partial.open("wb") as out:
                for chunk in body.iter_chunks(_CHUNK):
                    while chunk:
                        if inflate is None:
                            out.write(chunk)
                            break
                        out.write(inflate.decompress(chunk))
                        # A gzip file may consist of several, one behind the other.
                        chunk = inflate.unused_data
                        if chunk:
                            inflate = zlib.decompressobj(_GZIP)
        except zlib.error as error:
            raise QueryFailed(f"HIVE_CURSOR_ERROR: {item.uri} is not gzip: {error}") from error
        partial.rename(path)


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
