"""The queries of DuckDB's by which a change of rows is made: found, written anew, inserted."""

# ruff: noqa: S608 - names are quoted, and expressions are translated

from __future__ import annotations

from collections.abc import Iterable, Sequence

from localaws.athena.duck import quoted
from localaws.athena.iceberg.change_plan import ChangePlan
from localaws.athena.iceberg.file_rows import FILE, PLACE

#: Temporary tables: the rows of the source, and the rows of the target that are to be changed, by
#: file and place, each with the row of the source and the clause that changes it.
SOURCE, PAIRS = '"$source"', '"$pairs"'
#: What a pair is called in these queries, as no table of a statement is.
_PAIR = '"$pair"'
#: How many rows were found twice, how many there are, and how many of each file are deleted.
TWICE = (
    f"SELECT count(*) FROM (SELECT 1 FROM {PAIRS} WHERE clause IS NOT NULL "
    "GROUP BY file, place HAVING count(*) > 1)"
)
CHANGED = f"SELECT count(*) FROM {PAIRS} WHERE clause IS NOT NULL"


def changed_files(plan: ChangePlan) -> str:
    """The number of each file with rows that change, and how many of them are deleted."""
    deleted = f"count(*) FILTER ({_deletes(plan, 'clause')})"
    return f"SELECT file, {deleted} FROM {PAIRS} WHERE clause IS NOT NULL GROUP BY file ORDER BY 1"


def pairs(plan: ChangePlan) -> str:
    """The rows of the target that match, with the clause that is to change them, if one is."""
    target = quoted(plan.target)
    place = f"{target}.{quoted(FILE)} AS file, {target}.{quoted(PLACE)} AS place"
    clause = _first((n, one.condition) for n, one in enumerate(plan.clauses) if one.clause.matched)
    rows = f"FROM {quoted(plan.scan)} AS {target}"
    if not plan.source:
        number = "CAST(NULL AS BIGINT)"
        return f"SELECT {place}, {number} AS source, {clause} AS clause {rows} WHERE {plan.on}"
    source = quoted(plan.source)
    joined = f"{rows} JOIN {SOURCE} AS {source} ON {plan.on}"
    return f"SELECT {place}, {source}.rowid AS source, {clause} AS clause {joined}"


def rewritten(plan: ChangePlan, rows: str, numbers: Sequence[int], names: Sequence[str]) -> str:
    """The rows of whole files, changed or as they were, but for those that are deleted.

    Args:
        rows: a query that gives the files' rows.
        numbers: which the files had when the pairs were made.
        names: the table's columns.
    """
    target = quoted(plan.target)
    columns = ", ".join(_new_value(plan, name) for name in names)
    number = f"list_extract({list(numbers)}, CAST({quoted(FILE)} AS INTEGER) + 1)"
    numbered = f"SELECT * REPLACE ({number} AS {quoted(FILE)}) FROM ({rows})"
    same_row = (
        f"{_PAIR}.file = {target}.{quoted(FILE)} AND {_PAIR}.place = {target}.{quoted(PLACE)}"
    )
    deleted = _deletes(plan, f"{_PAIR}.clause")
    return (
        f"SELECT {columns} FROM ({numbered}) AS {target} "
        f"LEFT JOIN (FROM {PAIRS} WHERE clause IS NOT NULL) AS {_PAIR} ON {same_row} "
        f"{_with_source(plan, 'LEFT JOIN')} WHERE {_PAIR}.clause IS NULL OR NOT {deleted}"
    )


def _with_source(plan: ChangePlan, join: str) -> str:
    """Puts to each pair its row of the source, if there is one."""
    if not plan.source:
        return ""
    source = quoted(plan.source)
    return f"{join} {SOURCE} AS {source} ON {source}.rowid = {_PAIR}.source"


def _deletes(plan: ChangePlan, clause: str) -> str:
    """Whether a clause is one that deletes."""
    gone = [str(number) for number, one in enumerate(plan.clauses) if one.clause.deletes]
    return f"({clause} IN ({', '.join(gone)}))" if gone else "(false)"


def _new_value(plan: ChangePlan, name: str) -> str:
    old = f"{quoted(plan.target)}.{quoted(name)}"
    cases = [
        f"WHEN {number} THEN {one.values[name]}"
        for number, one in enumerate(plan.clauses)
        if one.clause.matched and name in one.values
    ]
    value = f"CASE {_PAIR}.clause {' '.join(cases)} ELSE {old} END" if cases else old
    return f"{value} AS {quoted(name)}"


def inserted(plan: ChangePlan, names: Sequence[str]) -> str:
    """A row for each row of the source that matches none, if a clause takes it."""
    source = quoted(plan.source)
    clauses = {n: one for n, one in enumerate(plan.clauses) if not one.clause.matched}
    clause = _first((number, one.condition) for number, one in clauses.items())
    columns = []
    for name in names:
        cases = [
            f"WHEN {number} THEN {one.values[name]}"
            for number, one in clauses.items()
            if name in one.values
        ]
        value = f"CASE {_PAIR}.clause {' '.join(cases)} END" if cases else "NULL"
        columns.append(f"{value} AS {quoted(name)}")
    matching = f"SELECT 1 FROM {PAIRS} AS {_PAIR} WHERE {_PAIR}.source = {source}.rowid"
    alone = (
        f"SELECT {source}.rowid AS source, {clause} AS clause FROM {SOURCE} AS {source} "
        f"WHERE NOT EXISTS ({matching})"
    )
    return (
        f"SELECT {', '.join(columns)} FROM ({alone}) AS {_PAIR} {_with_source(plan, 'JOIN')} "
        f"WHERE {_PAIR}.clause IS NOT NULL"
    )


def _first(conditions: Iterable[tuple[int, str]]) -> str:
    """The number of the first condition that holds."""
    cases = " ".join(f"WHEN {condition} THEN {number}" for number, condition in conditions)
    return f"CAST(CASE {cases} END AS TINYINT)" if cases else "CAST(NULL AS TINYINT)"
