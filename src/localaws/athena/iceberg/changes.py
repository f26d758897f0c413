"""MERGE, UPDATE and DELETE: the files with rows to be changed are written anew, all at once.

First the rows are found, for which only the columns of the conditions are read; then the files
that have any are read whole and replaced; what a MERGE inserts is written with them.
"""

# ruff: noqa: S608 - names are quoted, and expressions are translated
from __future__ import annotations

from collections.abc import Iterable, Sequence

from pyiceberg.manifest import DataFile
from pyiceberg.table import Table
from pyiceberg.table.snapshots import Operation

from localaws.athena.catalog import CATALOG_NAME
from localaws.athena.dialect import bind_parameters
from localaws.athena.duck import quoted
from localaws.athena.failures import QueryFailed, not_emulated
from localaws.athena.glue_tables import is_iceberg, is_view
from localaws.athena.iceberg.change_plan import ChangePlan, plan
from localaws.athena.iceberg.clauses import read
from localaws.athena.iceberg.commits import commit
from localaws.athena.iceberg.data_files import TableFiles
from localaws.athena.iceberg.file_rows import FILE, PLACE, column_bytes, fetch, rows_of
from localaws.athena.iceberg.key_bounds import Keys, keys_of
from localaws.athena.results import COUNT_COLUMN
from localaws.athena.run import Outcome, Run
from localaws.athena.statements import ChangeRows
from localaws.athena.tokens import Name
from localaws.athena.work import Work

#: Temporary tables: the rows of the source, and which row is to be changed by which clause.
_SOURCE, _PAIRS = '"$source"', '"$pairs"'
_WHOLE = "$whole"


def change_rows(run: Run, statement: ChangeRows) -> Outcome:
    """MERGE, UPDATE or DELETE."""
    table = writable(run, statement.verb, statement.name)
    work = run.engine.begin(run.execution.cancelled)
    try:
        work.watch()
        change = read(bind_parameters(statement.sql, run.parameters))
        names = [field.name for field in table.schema().fields]
        planned = plan(change, table.schema(), run.engine, work, run.database, names)
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
        self._schema = table.schema()
        self._names = [field.name for field in self._schema.fields]
        self._keys: list[Keys] = []

    def change(self, verb: str) -> Outcome:
        """Find the rows, write the files, commit."""
        self._read_source()
        candidates = [file for file in live_files(self._table) if self._may_match(file)]
        self._find(candidates)
        replaced = self._replaced(candidates)
        execution = self._run.execution
        with TableFiles(self._table, self._run.s3, execution.engine_id) as files:
            self._rewrite(replaced, files)
            kept = files.rows
            self._insert(files)
            changed = self._count() + files.rows - kept
            written = files.finish(self._run.check)
            if written or replaced:
                commit(
                    self._table,
                    _operation(written, replaced),
                    added=written,
                    removed=replaced,
                    may_match=self._may_match,
                    now=self._run.now,
                    decide=self._run.decide,
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
            self._do(f"CREATE TEMP TABLE {_SOURCE} AS {planned.source_query}")
            self._keys = keys_of(
                planned.condition, planned.target, planned.source, _SOURCE, self._schema, self._work
            )

    def _may_match(self, file: DataFile) -> bool:
        return all(keys.may_be_in(file) for keys in self._keys)

    def _find(self, candidates: Sequence[DataFile]) -> None:
        """Note which rows are to be changed, by which clause and row of the source."""
        planned = self._plan
        self._count_scanned(candidates, planned.matched)
        paths = fetch(
            candidates, self._run.engine.store, self._work.folder / planned.scan, self._run.check
        )
        rows = rows_of(self._schema, planned.matched, paths)
        self._do(f"CREATE TEMP VIEW {quoted(planned.scan)} AS {rows}")
        target = f"{quoted(planned.scan)} AS {quoted(planned.target)}"
        place = f"{quoted(planned.target)}.{quoted(FILE)} AS file, "
        place += f"{quoted(planned.target)}.{quoted(PLACE)} AS place"
        clause = _first(
            (number, one.condition)
            for number, one in enumerate(planned.clauses)
            if one.clause.matched
        )
        if planned.source:
            source = f"{_SOURCE} AS {quoted(planned.source)}"
            pairs = (
                f"SELECT {place}, {quoted(planned.source)}.rowid AS source, {clause} AS clause "
                f"FROM {target} JOIN {source} ON {planned.on}"
            )
        else:
            pairs = (
                f"SELECT {place}, CAST(NULL AS BIGINT) AS source, {clause} AS clause "
                f"FROM {target} WHERE {planned.on}"
            )
        self._do(f"CREATE TEMP TABLE {_PAIRS} AS {pairs}")
        twice = self._one(
            f"SELECT count(*) FROM (SELECT 1 FROM {_PAIRS} WHERE clause IS NOT NULL "
            "GROUP BY file, place HAVING count(*) > 1)"
        )
        if twice:
            raise QueryFailed(
                "MERGE_TARGET_ROW_MULTIPLE_MATCHES: One MERGE target table row matched more than "
                "one source row"
            )

    def _replaced(self, candidates: Sequence[DataFile]) -> list[DataFile]:
        """The files with rows that are to be changed, in the order of their numbers."""
        numbers = self._work.execute(
            f"SELECT DISTINCT file FROM {_PAIRS} WHERE clause IS NOT NULL ORDER BY file"
        ).fetchall()
        return [candidates[number] for (number,) in numbers]

    def _rewrite(self, replaced: Sequence[DataFile], files: TableFiles) -> None:
        """Write the rows of the files again, changed or as they are; deleted ones not."""
        if not replaced:
            return
        planned = self._plan
        unread = frozenset(self._names) - planned.matched
        self._count_scanned(replaced, unread)
        folder = self._work.folder / _WHOLE
        paths = fetch(replaced, self._run.engine.store, folder, self._run.check)
        target, source = quoted(planned.target), quoted(planned.source)
        columns = ", ".join(self._new_value(name) for name in self._names)
        gone = [str(number) for number, one in enumerate(planned.clauses) if one.clause.deletes]
        kept = f" OR p.clause NOT IN ({', '.join(gone)})" if gone else " OR true"
        joined = f" LEFT JOIN {_SOURCE} AS {source} ON {source}.rowid = p.source"
        rows = (
            f"SELECT {columns} FROM ({rows_of(self._schema, self._names, paths)}) AS {target} "
            "LEFT JOIN (SELECT dense_rank() OVER (ORDER BY file) - 1 AS file, place, source, "
            f"clause FROM {_PAIRS} WHERE clause IS NOT NULL) AS p "
            f"ON p.file = {target}.{quoted(FILE)} AND p.place = {target}.{quoted(PLACE)}"
            f"{joined if planned.source else ''} WHERE p.clause IS NULL{kept}"
        )
        for batch in self._work.batches(rows):
            files.write(batch)

    def _new_value(self, name: str) -> str:
        old = f"{quoted(self._plan.target)}.{quoted(name)}"
        cases = [
            f"WHEN {number} THEN {one.values[name]}"
            for number, one in enumerate(self._plan.clauses)
            if one.clause.matched and name in one.values
        ]
        value = f"CASE p.clause {' '.join(cases)} ELSE {old} END" if cases else old
        return f"{value} AS {quoted(name)}"

    def _insert(self, files: TableFiles) -> None:
        """Write a row for each row of the source that matches none and that a clause wants."""
        planned = self._plan
        clauses = {
            number: one for number, one in enumerate(planned.clauses) if not one.clause.matched
        }
        if not clauses:
            return
        source = quoted(planned.source)
        clause = _first((number, one.condition) for number, one in clauses.items())
        columns = []
        for name in self._names:
            cases = [
                f"WHEN {number} THEN {one.values[name]}"
                for number, one in clauses.items()
                if name in one.values
            ]
            value = f"CASE i.clause {' '.join(cases)} END" if cases else "NULL"
            columns.append(f"{value} AS {quoted(name)}")
        rows = (
            f"SELECT {', '.join(columns)} FROM (SELECT {source}.rowid AS source, {clause} AS "
            f"clause FROM {_SOURCE} AS {source} WHERE NOT EXISTS (SELECT 1 FROM {_PAIRS} AS p "
            f"WHERE p.source = {source}.rowid)) AS i JOIN {_SOURCE} AS {source} "
            f"ON {source}.rowid = i.source WHERE i.clause IS NOT NULL"
        )
        for batch in self._work.batches(rows):
            files.write(batch)

    def _count(self) -> int:
        return self._one(f"SELECT count(*) FROM {_PAIRS} WHERE clause IS NOT NULL")

    def _count_scanned(self, files: Sequence[DataFile], columns: frozenset[str]) -> None:
        self._run.count_scanned(sum(column_bytes(file, self._schema, columns) for file in files))

    def _do(self, sql: str) -> None:
        self._work.execute(sql).fetchall()

    def _one(self, sql: str) -> int:
        ((value,),) = self._work.execute(sql).fetchall()
        return int(value)


def _first(conditions: Iterable[tuple[int, str]]) -> str:
    """The number of the first condition that holds, as SQL."""
    cases = " ".join(f"WHEN {condition} THEN {number}" for number, condition in conditions)
    return f"CAST(CASE {cases} END AS TINYINT)" if cases else "CAST(NULL AS TINYINT)"


def _operation(added: Sequence[DataFile], removed: Sequence[DataFile]) -> Operation:
    if not removed:
        return Operation.APPEND
    return Operation.OVERWRITE if added else Operation.DELETE


def live_files(table: Table) -> list[DataFile]:
    """The data files of a table's present snapshot."""
    found = []
    for task in table.scan().plan_files():
        if task.delete_files:
            name = ".".join(table.name())
            raise not_emulated(f"changing {name}, which has delete files,")
        found.append(task.file)
    return found
