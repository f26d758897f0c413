"""MERGE against a model of it in a few lines of Python."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import iceberg_tables as iceberg
from athena_queries import Athena
from localaws.server import LocalAws

Row = dict[str, Any]
COLUMNS = {"id": "string", "day": "date", "n": "int", "note": "string"}
SQL_TYPES = {"id": "varchar", "day": "date", "n": "integer", "note": "varchar"}
TABLES = itertools.count()


def compare(one: Any, other: Any, holds: Callable[[Any, Any], bool]) -> bool | None:
    return None if one is None or other is None else holds(one, other)


#: Conditions, and what they say of a row of the target and one of the source.
ON: dict[str, Callable[[Row, Row], bool | None]] = {
    "t.id = s.id": lambda t, s: compare(t["id"], s["id"], lambda a, b: a == b),
    "t.id = s.id AND t.day = s.day": lambda t, s: (
        compare(t["id"], s["id"], lambda a, b: a == b)
        and compare(t["day"], s["day"], lambda a, b: a == b)
    ),
    "t.id = s.id AND t.n < 3": lambda t, s: (
        compare(t["id"], s["id"], lambda a, b: a == b) and compare(t["n"], 3, lambda a, b: a < b)
    ),
    "t.day = s.day AND s.note = 'x'": lambda t, s: (
        compare(t["day"], s["day"], lambda a, b: a == b) and s["note"] == "x"
    ),
    "t.n > s.n": lambda t, s: compare(t["n"], s["n"], lambda a, b: a > b),
}
MATCHED: dict[str, Callable[[Row, Row], bool | None]] = {
    "": lambda t, s: True,
    "AND s.n > t.n": lambda t, s: compare(s["n"], t["n"], lambda a, b: a > b),
    "AND s.note = 'x'": lambda t, s: compare(s["note"], "x", lambda a, b: a == b),
    "AND t.note IS NULL": lambda t, s: t["note"] is None,
}
UNMATCHED: dict[str, Callable[[Row], bool | None]] = {
    "": lambda s: True,
    "AND s.n > 1": lambda s: compare(s["n"], 1, lambda a, b: a > b),
    "AND s.note IS NOT NULL": lambda s: s["note"] is not None,
}
CHANGES: dict[str, Callable[[Row, Row], Row | None]] = {
    "DELETE": lambda t, s: None,
    "UPDATE SET n = s.n, note = s.note": lambda t, s: {**t, "n": s["n"], "note": s["note"]},
    "UPDATE SET day = s.day, n = t.n + 1": lambda t, s: {
        **t,
        "day": s["day"],
        "n": None if t["n"] is None else t["n"] + 1,
    },
}
INSERTS: dict[str, Callable[[Row], Row]] = {
    "INSERT VALUES (s.id, s.day, s.n, s.note)": lambda s: dict(s),
    "INSERT (n, id) VALUES (s.n, s.id)": lambda s: {
        "id": s["id"],
        "day": None,
        "n": s["n"],
        "note": None,
    },
}


@dataclass(frozen=True)
class Clause:
    matched: bool
    condition: str
    action: str

    @property
    def sql(self) -> str:
        return f"WHEN {'' if self.matched else 'NOT '}MATCHED {self.condition} THEN {self.action}"


def model(target: list[Row], source: list[Row], on: str, clauses: list[Clause]) -> list[Row] | None:
    """The table after a MERGE; None if a row would be changed twice."""
    changes: dict[int, list[Row | None]] = {}
    inserted = []
    for s in source:
        matching = [index for index, t in enumerate(target) if ON[on](t, s)]
        for index in matching:
            t = target[index]
            of_pair = (c for c in clauses if c.matched and MATCHED[c.condition](t, s))
            if (clause := next(of_pair, None)) is not None:
                changes.setdefault(index, []).append(CHANGES[clause.action](t, s))
        if not matching:
            of_row = (c for c in clauses if not c.matched and UNMATCHED[c.condition](s))
            if (clause := next(of_row, None)) is not None:
                inserted.append(INSERTS[clause.action](s))
    if any(len(made) > 1 for made in changes.values()):
        return None
    kept = [changes[i][0] if i in changes else t for i, t in enumerate(target)]
    return [*(row for row in kept if row is not None), *inserted]


def select(rows: list[Row]) -> str:
    """The rows as a query."""
    if not rows:
        columns = ", ".join(f"CAST(NULL AS {kind}) AS {name}" for name, kind in SQL_TYPES.items())
        return f"SELECT {columns} WHERE false"
    return " UNION ALL ".join(
        "SELECT "
        + ", ".join(
            f"CAST({'NULL' if row[name] is None else repr(row[name])} AS {kind}) AS {name}"
            for name, kind in SQL_TYPES.items()
        )
        for row in rows
    )


def cells(row: Row) -> tuple[str | None, ...]:
    return tuple(None if row[name] is None else str(row[name]) for name in COLUMNS)


rows = st.lists(
    st.fixed_dictionaries(
        {
            "id": st.sampled_from(["a", "b", "c", None]),
            "day": st.sampled_from(["2026-01-01", "2026-01-02", None]),
            "n": st.sampled_from([0, 1, 2, 3, None]),
            "note": st.sampled_from(["x", "y", None]),
        }
    ),
    min_size=1,
    max_size=5,
)
matched = st.builds(
    Clause, st.just(True), st.sampled_from(list(MATCHED)), st.sampled_from(list(CHANGES))
)
unmatched = st.builds(
    Clause, st.just(False), st.sampled_from(list(UNMATCHED)), st.sampled_from(list(INSERTS))
)
clauses = st.tuples(
    st.lists(matched, max_size=2), st.lists(unmatched, min_size=1, max_size=2)
).flatmap(lambda both: st.permutations([*both[0], *both[1]]))
layouts = st.sampled_from([{}, {"day": "identity"}, {"id": "bucket[2]"}, {"day": "month"}])


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.mark.behaviour(
    "athena", "MERGE does what its clauses say, whatever the rows, NULLs and partitions are."
)
@settings(
    max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    batches=st.lists(rows, max_size=2),
    source=rows,
    on=st.sampled_from(list(ON)),
    clauses=clauses,
    layout=layouts,
)
def test_a_merge_does_what_the_model_does(
    athena: Athena,
    batches: list[list[Row]],
    source: list[Row],
    on: str,
    clauses: list[Clause],
    layout: dict[str, str],
) -> None:
    name = f"merged_{next(TABLES)}"
    iceberg.create(athena, name, COLUMNS, partitioned_by=layout)
    for batch in batches:
        athena.run(f"INSERT INTO {name} {select(batch)}")
    target = [row for batch in batches for row in batch]
    expected = model(target, source, on, clauses)
    sql = f"MERGE INTO {name} AS t USING ({select(source)}) AS s ON {on} "
    sql += " ".join(clause.sql for clause in clauses)

    if expected is None:
        assert "matched more than one source row" in athena.failure(sql)
        expected = target
    else:
        athena.run(sql)

    found = [cells(dict(zip(COLUMNS, row, strict=True))) for row in iceberg.rows(athena, name)]
    assert sorted(found, key=repr) == sorted(map(cells, expected), key=repr)
