"""How PyIceberg reads and writes files here; what manifests say is kept: they never change."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence

from pyiceberg.io import FileIO
from pyiceberg.io.pyarrow import PyArrowFileIO
from pyiceberg.manifest import ManifestEntry, ManifestFile
from pyiceberg.table.snapshots import Snapshot

#: Entries of manifests that are kept, each of them one data or delete file: a few kilobytes.
_KEPT_ENTRIES = 50_000
#: Lists of manifests that are kept, one for each snapshot.
_KEPT_LISTS = 200


class LakeIO(PyArrowFileIO):
    """Arrow's S3 client, which is twice as quick as fsspec's; safe to share between threads."""

    def __init__(self, properties: Mapping[str, str]) -> None:
        super().__init__(dict(properties))
        self._lists: OrderedDict[str, list[ManifestFile]] = OrderedDict()
        self._entries: OrderedDict[str, list[ManifestEntry]] = OrderedDict()
        self._count = 0
        self._lock = threading.Lock()

    def manifests(self, snapshot: Snapshot) -> Sequence[ManifestFile]:
        """The manifests of a snapshot, which read their files once.

        Raises:
            FileNotFoundError: the list of them is gone.
        """
        with self._lock:
            known = self._lists.get(snapshot.manifest_list)
            if known is not None:
                self._lists.move_to_end(snapshot.manifest_list)
                return known
        found: list[ManifestFile] = [
            _KeptManifest(*manifest._data) for manifest in snapshot.manifests(self)
        ]
        with self._lock:
            self._lists[snapshot.manifest_list] = found
            if len(self._lists) > _KEPT_LISTS:
                self._lists.popitem(last=False)
        return found

    def live_entries(self, manifest: ManifestFile) -> list[ManifestEntry]:
        """The entries of a manifest that aren't deleted."""
        with self._lock:
            known = self._entries.get(manifest.manifest_path)
            if known is not None:
                self._entries.move_to_end(manifest.manifest_path)
                return known
        found = ManifestFile.fetch_manifest_entry(manifest, self)
        with self._lock:
            if manifest.manifest_path not in self._entries:
                self._entries[manifest.manifest_path] = found
                self._count += len(found)
            while self._count > _KEPT_ENTRIES and self._entries:
                self._count -= len(self._entries.popitem(last=False)[1])
        return found


def manifests_of(snapshot: Snapshot | None, io: FileIO) -> Sequence[ManifestFile]:
    """The manifests of a snapshot, none if there is none; kept if that can be.

    Raises:
        FileNotFoundError: the list of them is gone.
    """
    if snapshot is None:
        return ()
    return io.manifests(snapshot) if isinstance(io, LakeIO) else snapshot.manifests(io)


class _KeptManifest(ManifestFile):
    def fetch_manifest_entry(self, io: FileIO, discard_deleted: bool = True) -> list[ManifestEntry]:
        if discard_deleted and isinstance(io, LakeIO):
            return io.live_entries(self)
        return super().fetch_manifest_entry(io, discard_deleted)
