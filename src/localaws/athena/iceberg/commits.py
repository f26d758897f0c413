"""Commits: files go into a table and out of it in one snapshot, or not at all.

Nothing of it is visible before Glue takes the new pointer. Whoever comes second begins again on
the new state of the table, and fails if what he read or replaces has changed meanwhile
(https://iceberg.apache.org/docs/latest/reliability/#concurrent-write-operations).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from copy import copy
from types import MethodType
from typing import Any, cast

from botocore.exceptions import BotoCoreError, ClientError
from pyiceberg.exceptions import ValidationException
from pyiceberg.manifest import DataFile, ManifestContent, ManifestFile
from pyiceberg.table import Table, TableProperties, Transaction
from pyiceberg.table.snapshots import IsolationLevel, Operation, Summary
from pyiceberg.table.update import AddSnapshotUpdate, UpdatesAndRequirements
from pyiceberg.table.update.snapshot import _ManifestMergeManager, _OverwriteFiles
from pyiceberg.table.update.validate import _added_data_files
from pyiceberg.utils.datetime import datetime_to_millis

from localaws.athena.failures import QueryFailed
from localaws.athena.iceberg.tables import committing
from localaws.athena.run import Run

#: Whether rows of a file could be among those that a statement asks for.
MayMatch = Callable[[DataFile], bool]
_SERVER_FAULT = 500
_P = TableProperties


class CommitUnknown(QueryFailed):
    """A commit of which nobody knows whether it came about; its files must stay."""


def commit(
    table: Table,
    operation: Operation,
    *,
    added: Sequence[DataFile] = (),
    removed: Sequence[DataFile] = (),
    may_match: MayMatch | None = None,
    run: Run,
) -> None:
    """Make a snapshot.

    Args:
        table: as the statement found it: what was committed since is what it may conflict with.
        operation: what the snapshot's summary calls this.
        may_match: which files that others add are a conflict; with None there is none.
        run: the statement, which can't be stopped from the moment when there is no way back. The
            snapshot has its time and the engine's id of it; a snapshot that would be older than
            the table's last change is given a later time.

    Raises:
        QueryFailed: it conflicts with what others committed, or the table is gone; the table is
            as it was.
        CommitUnknown: Glue gave no answer, so that it may yet come true.
    """
    transaction = Transaction(table)
    replacement = _ReplaceFiles(transaction, operation, may_match, run)
    for file in added:
        replacement.append_data_file(file)
    for file in removed:
        replacement.delete_data_file(file)
    database, name = table.name()
    try:
        with committing(database, name):
            replacement.commit()
            run.decide()
            transaction.commit_transaction()
    except (ClientError, BotoCoreError) as error:
        if _refused(error):
            replacement.forget()
            raise
        if table.refresh().metadata.snapshot_by_id(replacement.snapshot_id) is None:
            raise CommitUnknown(
                f"ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: {database}.{name}"
            ) from error
    except QueryFailed:
        replacement.forget()
        raise
    except OSError as error:
        replacement.forget()
        raise QueryFailed(f"ICEBERG_FILESYSTEM_ERROR: {database}.{name}: {error}") from error


def _refused(error: ClientError | BotoCoreError) -> bool:
    """Whether AWS said that it did nothing."""
    if not isinstance(error, ClientError):
        return False
    return int(error.response["ResponseMetadata"]["HTTPStatusCode"]) < _SERVER_FAULT


class _ReplaceFiles(_OverwriteFiles):
    """PyIceberg's overwrite of named files, with a time, an operation and conflicts of ours."""

    def __init__(
        self,
        transaction: Transaction,
        operation: Operation,
        may_match: MayMatch | None,
        run: Run,
    ) -> None:
        super().__init__(
            Operation.OVERWRITE,
            transaction,
            transaction._table.io,
            snapshot_properties={"trino_query_id": run.execution.engine_id},
        )
        self._called = operation
        self._may_match = may_match
        self._run = run

    def _build_manifest_evaluator(self, spec_id: int) -> Callable[[ManifestFile], bool]:
        """A copy for each manifest: PyIceberg's evaluator keeps in itself which one it looks at.

        Threads share it, and a file that is to be deleted then seems to be in no manifest.
        """
        evaluator = cast(MethodType, super()._build_manifest_evaluator(spec_id))
        visitor: Any = evaluator.__self__
        return lambda manifest: bool(copy(visitor).eval(manifest))

    def _summary(self, snapshot_properties: Any = {}) -> Summary:  # noqa: B006 - PyIceberg's own
        summary = super()._summary(snapshot_properties)
        return Summary(operation=self._called, **summary.additional_properties)

    def _commit(self) -> UpdatesAndRequirements:
        updates, requirements = super()._commit()
        last = self._transaction.table_metadata.last_updated_ms
        at = max(datetime_to_millis(self._run.now), last + 1)
        dated = tuple(
            AddSnapshotUpdate(snapshot=update.snapshot.model_copy(update={"timestamp_ms": at}))
            if isinstance(update, AddSnapshotUpdate)
            else update
            for update in updates
        )
        return dated, requirements

    def _process_manifests(self, manifests: list[ManifestFile]) -> list[ManifestFile]:
        """Bring small manifests together when there are many, as Iceberg does by default."""
        properties = self._transaction.table_metadata.properties

        def number(name: str, default: int) -> int:
            return int(properties.get(name, default))

        merging = _ManifestMergeManager(
            number(_P.MANIFEST_TARGET_SIZE_BYTES, _P.MANIFEST_TARGET_SIZE_BYTES_DEFAULT),
            number(_P.MANIFEST_MIN_MERGE_COUNT, _P.MANIFEST_MIN_MERGE_COUNT_DEFAULT),
            True,
            self,
        )
        data = [one for one in manifests if one.content == ManifestContent.DATA]
        others = [one for one in manifests if one.content != ManifestContent.DATA]
        return merging.merge_manifests(data) + others

    def forget(self) -> None:
        """Remove the manifests of a commit that did not come about."""
        self._clean_all_uncommitted()

    def _validate_concurrency(self) -> None:
        window = self._commit_window
        if self._may_match is None or window is None or window.is_empty() or window.head is None:
            return
        table = self._transaction._table
        if table.metadata.isolation_level(Operation.OVERWRITE) != IsolationLevel.SERIALIZABLE:
            return
        for entry in _added_data_files(table, window.head, None, None, window.base):
            if self._may_match(entry.data_file):
                raise ValidationException(f"Added since: {entry.data_file.file_path}")
