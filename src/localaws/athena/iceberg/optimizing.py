"""OPTIMIZE … REWRITE DATA USING BIN_PACK: the same rows in fewer files, of about the target size.

https://docs.aws.amazon.com/athena/latest/ug/querying-iceberg-data-optimization.html
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from pyiceberg.table import FileScanTask, Table
from pyiceberg.table.snapshots import Operation
from sqlglot import exp

from localaws.athena.duck import quoted
from localaws.athena.failures import QueryFailed
from localaws.athena.iceberg.changes import writable
from localaws.athena.iceberg.commits import commit
from localaws.athena.iceberg.data_files import TableFiles
from localaws.athena.iceberg.lake_catalog import IcebergTable, at_snapshot
from localaws.athena.iceberg.planning import plan_iceberg_scan
from localaws.athena.iceberg.properties import number
from localaws.athena.iceberg.reading import IcebergScan
from localaws.athena.iceberg.statements import Optimize
from localaws.athena.run import Outcome, Run
from localaws.athena.work import Work

#: How many partitions one OPTIMIZE does; then it fails, and is to be run again for the others.
PARTITIONS = 100


def optimize(run: Run, statement: Optimize) -> Outcome:
    """Rewrite what lies in files that are too small, too large or full of deleted rows."""
    table = writable(run, statement.verb, statement.name)
    work = run.engine.begin(run.execution.cancelled)
    try:
        work.watch()
        condition = _condition(run, work, statement, table)
        lake = at_snapshot(table, table.current_snapshot())
        scan = plan_iceberg_scan(lake, frozenset(lake.schema), condition, work.connection)
        groups = _groups(scan.tasks, table.properties)
        if groups:
            _rewrite(run, work, table, lake, groups[:PARTITIONS])
        if len(groups) > PARTITIONS:
            raise QueryFailed(
                f"ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED: {PARTITIONS} partitions were optimized in "
                "this run, but there are more. Please run OPTIMIZE again to process the remaining"
            )
        return Outcome()
    finally:
        work.close()


def _condition(run: Run, work: Work, statement: Optimize, table: Table) -> exp.Expr | None:
    """The WHERE, translated; it may be about partition columns only."""
    if statement.where is None:
        return None
    name = f"{quoted(statement.name.within(run.database))}.{quoted(statement.name.table)}"
    query = f"SELECT 1 FROM {name} WHERE {statement.where}"  # noqa: S608 - as it was written
    _, tree = run.engine.prepare(query, run.database, run.parameters, work)
    condition: exp.Expr = tree.args["where"].this
    schema = table.schema()
    partitioned = {schema.find_column_name(field.source_id) for field in table.spec().fields}
    for column in condition.find_all(exp.Column):
        if column.name not in partitioned:
            raise QueryFailed(
                "NOT_SUPPORTED: line 1:1: OPTIMIZE takes only partition columns in its WHERE "
                f"clause: {column.name}"
            )
    if condition.find(exp.Subquery, exp.Select):
        raise QueryFailed("NOT_SUPPORTED: line 1:1: OPTIMIZE takes no subquery in its WHERE clause")
    return condition


def _groups(
    tasks: Sequence[FileScanTask], properties: Mapping[str, str]
) -> list[list[FileScanTask]]:
    """The files that are worth to be rewritten, those of a partition together."""
    target = number(properties, "write_target_data_file_size_bytes")
    least = number(properties, "optimize_rewrite_min_data_file_size_bytes")
    most = number(properties, "optimize_rewrite_max_data_file_size_bytes")
    deletes = number(properties, "optimize_rewrite_delete_file_threshold")
    threshold = number(properties, "optimize_rewrite_data_file_threshold")
    partitions = defaultdict(list)
    for task in tasks:
        size, holed = task.file.file_size_in_bytes, len(task.delete_files) >= deletes
        if holed or size < least or size > most:
            partitions[task.file.spec_id, task.file.partition].append(task)
    groups = []
    for found in partitions.values():
        holed = any(len(task.delete_files) >= deletes for task in found)
        needed = -(-sum(task.file.file_size_in_bytes for task in found) // target)
        if holed or (len(found) >= threshold and len(found) != needed):
            groups.append(found)
    return groups


def _rewrite(
    run: Run, work: Work, table: Table, lake: IcebergTable, groups: Sequence[list[FileScanTask]]
) -> None:
    columns = ", ".join(quoted(field.name) for field in table.schema().fields)
    name = run.execution.engine_id
    with TableFiles(table, run.s3, name, max_partitions=None) as files:
        for index, tasks in enumerate(groups):
            scan = IcebergScan(lake, frozenset(lake.schema), tasks)
            run.count_scanned(scan.stored_bytes)
            local = scan.fetch(run.engine.store, work.folder / str(index), run.check)
            work.origins.update(local.origins)
            for batch in work.batches(f"SELECT {columns} FROM ({local.sql}) AS t"):  # noqa: S608
                files.write(batch)
        commit(
            table,
            Operation.REPLACE,
            added=files.finish(run.check),
            removed=[task.file for tasks in groups for task in tasks],
            run=run,
        )
