"""VACUUM: snapshots that are too old go, and with them the files that nothing else needs.

https://docs.aws.amazon.com/athena/latest/ug/vacuum-statement.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

from pyiceberg.exceptions import CommitFailedException
from pyiceberg.manifest import ManifestFile
from pyiceberg.table import Table
from pyiceberg.table.metadata import TableMetadata
from pyiceberg.table.refs import MAIN_BRANCH
from pyiceberg.table.snapshots import Snapshot, ancestors_of

from localaws.athena.failures import QueryFailed
from localaws.athena.iceberg.changes import writable
from localaws.athena.iceberg.data_files import remove
from localaws.athena.iceberg.properties import number
from localaws.athena.iceberg.statements import Vacuum
from localaws.athena.iceberg.tables import committing
from localaws.athena.run import Outcome, Run
from localaws.athena.storage import Place

#: How many files one VACUUM removes; then it fails, and is to be run again for the others.
FILES = 20_000
_ATTEMPTS = 4
_WORKERS = 8
#: ``00012-<uuid>.metadata.json``: the twelfth metadata file.
_METADATA = re.compile(r".*/(\d+)-[^/]*\.metadata\.json")


def vacuum(run: Run, statement: Vacuum) -> Outcome:
    """Expire snapshots, then delete what no snapshot that is left needs."""
    table = writable(run, statement.verb, statement.name)
    location = Place.of(table.location()).folder
    if not location.key:
        raise QueryFailed(
            f"GENERIC_INTERNAL_ERROR: Path missing in file system location: s3://{location.bucket}"
        )
    age = timedelta(seconds=number(table.properties, "vacuum_max_snapshot_age_seconds"))
    oldest = run.now - age
    before = table.metadata
    _expire(run, table, oldest)
    kept = _files(table, table.metadata.snapshots)
    gone = [s for s in before.snapshots if table.metadata.snapshot_by_id(s.snapshot_id) is None]
    unneeded = _files(table, gone) - kept
    run.check()
    orphans = _orphans(run.s3, location, kept | _metadata_files(table), oldest)
    doomed = sorted(unneeded | orphans)
    remove(run.s3, doomed[:FILES])
    if len(doomed) > FILES:
        # What is left is old enough to be found as orphans by the next run.
        raise QueryFailed(
            f"ICEBERG_VACUUM_MORE_RUNS_NEEDED: Removed {FILES} files in this round of vacuum, but "
            "there are more files remaining. Please run another VACUUM command to process the "
            "remaining files"
        )
    return Outcome()


def _expire(run: Run, table: Table, oldest: datetime) -> None:
    database, name = table.name()
    with committing(database, name):
        for attempt in range(_ATTEMPTS):
            expired = _expired(table.metadata, oldest)
            if not expired:
                return
            if not attempt:
                run.decide()
            try:
                table.maintenance.expire_snapshots().by_ids(expired).commit()
                return
            except CommitFailedException:
                if attempt + 1 == _ATTEMPTS:
                    raise
                table.refresh()


def _expired(metadata: TableMetadata, oldest: datetime) -> list[int]:
    """The snapshots that are too old, but for those that must be kept."""
    least = number(metadata.properties, "vacuum_min_snapshots_to_keep")
    kept = {ref.snapshot_id for ref in metadata.refs.values()}
    main = metadata.snapshot_by_name(MAIN_BRANCH)
    newest = [snapshot.snapshot_id for snapshot in ancestors_of(main, metadata)]
    kept.update(newest[:least])
    limit = int(oldest.timestamp() * 1000)
    return [
        snapshot.snapshot_id
        for snapshot in metadata.snapshots
        if snapshot.timestamp_ms < limit and snapshot.snapshot_id not in kept
    ]


def _files(table: Table, snapshots: Collection[Snapshot]) -> set[str]:
    """All files that snapshots need: manifest lists, manifests, data and delete files."""
    found = {snapshot.manifest_list for snapshot in snapshots}
    with ThreadPoolExecutor(_WORKERS, thread_name_prefix="iceberg-vacuum") as pool:
        lists = pool.map(lambda snapshot: snapshot.manifests(table.io), snapshots)
        manifests = {m.manifest_path: m for of_snapshot in lists for m in of_snapshot}
        found.update(manifests)

        def paths(manifest: ManifestFile) -> list[str]:
            entries = manifest.fetch_manifest_entry(table.io, discard_deleted=True)
            return [entry.data_file.file_path for entry in entries]

        for named in pool.map(paths, manifests.values()):
            found.update(named)
    statistics = table.metadata.statistics
    ids = {snapshot.snapshot_id for snapshot in snapshots}
    found.update(one.statistics_path for one in statistics if one.snapshot_id in ids)
    return found


def _metadata_files(table: Table) -> set[str]:
    """The present metadata file and those before it that it still knows."""
    log = {entry.metadata_file for entry in table.metadata.metadata_log}
    return {table.metadata_location, *log}


def _orphans(s3: Any, location: Place, kept: Collection[str], oldest: datetime) -> set[str]:
    """Files of the table's folders that nothing needs, if they are so old that nobody is about to
    commit them; and metadata files older than all that are kept."""
    needed = {Place.of(uri).uri for uri in kept}
    numbers = [int(match[1]) for uri in kept if (match := _METADATA.fullmatch(uri))]
    orphans = set()
    for uri, modified in _listed(s3, location):
        match = _METADATA.fullmatch(uri)
        outdated = match is not None and bool(numbers) and int(match[1]) < min(numbers)
        if uri not in needed and (outdated or modified < oldest):
            orphans.add(uri)
    return orphans


def _listed(s3: Any, location: Place) -> Iterator[tuple[str, datetime]]:
    for folder in ("data/", "metadata/"):
        pages = s3.get_paginator("list_objects_v2").paginate(
            Bucket=location.bucket, Prefix=location.key + folder
        )
        for page in pages:
            for found in page.get("Contents", ()):
                yield Place(location.bucket, found["Key"]).uri, found["LastModified"]
