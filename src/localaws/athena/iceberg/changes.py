"""MERGE, UPDATE and DELETE: the files with rows to be changed are written anew, all at once.

First the rows are found, for which only the columns of the conditions are read; then the files
that have any are read whole and replaced; what a MERGE inserts is written with them. A file all of
whose rows are deleted is only left out.
"""

from __future__ import annotations

from collections.abc import Sequence

from pyiceberg.manifest import DataFile
from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Operation

from localaws.athena.catalog import CATALOG_NAME
from localaws.athena.dialect import HIDDEN_COLUMNS, bind_parameters
from localaws.athena.duck import quoted
from localaws.athena.failures import QueryFailed
from localaws.athena.glue_tables import is_iceberg, is_view
from localaws.athena.iceberg import change_queries as queries
from localaws.athena.iceberg.change_plan import ChangePlan, plan
from localaws.athena.iceberg.clauses import read
from localaws.athena.iceberg.commits import commit
from localaws.athena.iceberg.data_files import TableFiles
from localaws.athena.iceberg.file_rows import FILE, PLACE, bytes_read
from localaws.athena.iceberg.key_bounds import keys_of
from localaws.athena.iceberg.lake_catalog import at_snapshot
from localaws.athena.iceberg.reading import IcebergScan
from localaws.athena.iceberg.target_files import TargetFiles
from localaws.athena.pruning import find_conditions
from localaws.athena.results import COUNT_COLUMN
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import ChangeRows
from localaws.athena.tokens import Name
from localaws.athena.work import Work

_WHERE = frozenset((FILE, PLACE))


def change_rows(run: Run, statement: ChangeRows) -> Outcome:
    """MERGE, UPDATE or DELETE."""
    table = writable(run, statement.verb, statement.name)
    work = run.engine.begin(run.execution.cancelled)
    try:
        work.watch()
        change = read(bind_parameters(statement.sql, run.parameters))
        planned = plan(change, table.schema(), run.engine, work, run.database)
        return _Rows(run, table, planned, work).change(statement.verb)
    finally:
        work.close()


def writable(run: Run, verb: str, name: Name) -> Table:
    """The table that a statement is to change.

    Args:
        verb: the statement's.

    Raises:
        QueryFailed: there is none, or it isn't one whose rows can be changed.
    """
    database = name.within(run.database)
    found = run.tables.find(database, name.table)
    if found is None:
        full = f"{CATALOG_NAME}.{database}.{name.table}"
        raise QueryFailed(f"TABLE_NOT_FOUND: line 1:1: Table '{full}' does not exist")
    if is_view(found):
        raise QueryFailed(f"NOT_SUPPORTED: line 1:1: {verb} of a view is not supported")
    if is_iceberg(found):
        return run.iceberg.open(found)
    if verb in ("OPTIMIZE", "VACUUM"):
        raise QueryFailed(f"NOT_SUPPORTED: {verb} is only supported for Iceberg tables")
    raise QueryFailed(
        "NOT_SUPPORTED: Modifying Hive table rows is only supported for transactional tables"
    )


class _Rows:
    """The rows of one table, as they are being changed."""

    def __init__(self, run: Run, table: Table, planned: ChangePlan, work: Work) -> None:
        self._run, self._table, self._plan, self._work = run, table, planned, work
        self._lake = at_snapshot(table, table.current_snapshot())
        self._schema = table.schema()
        self._names = [column.name for column in self._lake.columns]

    def change(self, verb: str) -> Outcome:
        """Find the rows, write the files, commit."""
        run = self._run
        self._read_source()
        targets = self._targets()
        found = targets.tasks()
        dropped = self._dropped(targets, found)
        whole = {task.file.file_path for task in dropped}
        tasks = [task for task in found if task.file.file_path not in whole]
        self._find(tasks)
        rewritten, emptied = self._changed_files(tasks)
        removed = [task.file for task in (*dropped, *emptied, *rewritten.values())]
        changed = sum(task.file.record_count for task in dropped) + self._one(queries.CHANGED)
        with TableFiles(self._table, run.s3, run.execution.engine_id) as files:
            self._rewrite(rewritten, files)
            kept = files.rows
            self._insert(files)
            changed += files.rows - kept
            written = files.finish(run.check)
            if written or removed:
                commit(
                    self._table,
                    _operation(written, removed),
                    added=written,
                    removed=removed,
                    may_match=targets.may_match,
                    run=run,
                )
        uris = [file.file_path for file in written]
        return Outcome([COUNT_COLUMN], None, (verb, changed), uris)

    def _read_source(self) -> None:
        """Read all but the target, and keep the rows of the source: it is evaluated once."""
        run, planned = self._run, self._plan
        run.execution.scanned_bytes += run.engine.read(
            planned.query,
            planned.tree,
            self._work,
            run.execution.scan_limit,
            besides={planned.scan},
        )
        if planned.source:
            self._do(f"CREATE TEMP TABLE {queries.SOURCE} AS {planned.source_query}")

    def _targets(self) -> TargetFiles:
        planned, work = self._plan, self._work
        keys = []
        if planned.source:
            keys = keys_of(
                planned.condition,
                planned.target,
                planned.source,
                queries.SOURCE,
                self._schema,
                work,
            )
        condition = find_conditions(planned.tree, planned.query.scans).get(planned.scan)
        return TargetFiles(self._lake, condition, keys, work.connection)

    def _dropped(
        self, targets: TargetFiles, tasks: Sequence[FileScanTask]
    ) -> Sequence[FileScanTask]:
        """The files that a DELETE takes whole, as is clear without reading them."""
        planned = self._plan
        if planned.source or not planned.clauses[0].clause.deletes:
            return ()
        return targets.wholly(tasks, planned.condition)

    def _find(self, tasks: Sequence[FileScanTask]) -> None:
        """Note which rows are to be changed, by which clause and row of the source."""
        planned = self._plan
        scan = IcebergScan(self._lake, planned.matched | _WHERE, tasks)
        self._count_scanned(tasks, planned.matched)
        for deletes in {
            file.file_path: file for task in tasks for file in task.delete_files
        }.values():
            self._run.count_scanned(deletes.file_size_in_bytes)
        local = scan.fetch(
            self._run.engine.store, self._work.folder / planned.scan, self._run.check
        )
        self._work.origins.update(local.origins)
        self._do(f"CREATE TEMP VIEW {quoted(planned.scan)} AS {local.sql}")
        self._do(f"CREATE TEMP TABLE {queries.PAIRS} AS {queries.pairs(planned)}")
        if planned.source and self._one(queries.TWICE):
            raise QueryFailed(
                "MERGE_TARGET_ROW_MULTIPLE_MATCHES: One MERGE target table row matched more than "
                "one source row"
            )

    def _changed_files(
        self, tasks: Sequence[FileScanTask]
    ) -> tuple[dict[int, FileScanTask], list[FileScanTask]]:
        """The files that are to be written anew, by number, and those that nothing is left of."""
        rewritten, emptied = {}, []
        for number, deleted in self._work.execute(queries.changed_files(self._plan)).fetchall():
            task = tasks[number]
            if deleted == task.file.record_count:
                emptied.append(task)
            else:
                rewritten[number] = task
        return rewritten, emptied

    def _rewrite(self, tasks: dict[int, FileScanTask], files: TableFiles) -> None:
        """Write the rows of files again, changed or as they are; deleted ones not."""
        if not tasks:
            return
        found, columns = list(tasks.values()), frozenset(self._names)
        self._count_scanned(found, columns - self._plan.matched)
        hidden = self._plan.used & HIDDEN_COLUMNS.keys()
        scan = IcebergScan(self._lake, columns | hidden | _WHERE, found)
        local = scan.fetch(self._run.engine.store, self._work.folder / "rewritten", self._run.check)
        self._work.origins.update(local.origins)
        rows = queries.rewritten(self._plan, local.sql, list(tasks), self._names)
        for batch in self._work.batches(rows):
            files.write(batch)

    def _insert(self, files: TableFiles) -> None:
        if any(not one.clause.matched for one in self._plan.clauses):
            for batch in self._work.batches(queries.inserted(self._plan, self._names)):
                files.write(batch)

    def _count_scanned(self, tasks: Sequence[FileScanTask], columns: frozenset[str]) -> None:
        files = (task.file for task in tasks)
        self._run.count_scanned(bytes_read(files, self._schema, columns))

    def _do(self, sql: str) -> None:
        self._work.execute(sql).fetchall()

    def _one(self, sql: str) -> int:
        ((value,),) = self._work.execute(sql).fetchall()
        return int(value)


def _operation(added: Sequence[DataFile], removed: Sequence[DataFile]) -> Operation:
    if not removed:
        return Operation.APPEND
    return Operation.OVERWRITE if added else Operation.DELETE
