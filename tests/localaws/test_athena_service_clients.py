"""Clients that people use with Athena, on the local one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import pytest
from pyathena import connect
from pyathena.error import DatabaseError, OperationalError
from pyathena.pandas.cursor import PandasCursor

from athena_queries import DATABASE, OUTPUT, Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.fixture
def connection(athena: Athena) -> Iterator[Any]:
    """PyAthena waits for its queries, so something else has to turn the clock meanwhile."""
    ended = threading.Event()

    def turn() -> None:
        while not ended.wait(0.005):
            athena.local_aws.step()

    clock = threading.Thread(target=turn)
    clock.start()
    yield connect(s3_staging_dir=OUTPUT, schema_name=DATABASE, poll_interval=0.01)
    ended.set()
    clock.join()


def test_pyathena_reads_typed_rows(connection: Any) -> None:
    cursor = connection.cursor()
    cursor.execute(
        "SELECT 1 AS i, DECIMAL '1.50' AS d, true AS b, CAST(NULL AS varchar) AS n, "
        "DATE '2026-01-01' AS day, TIMESTAMP '2026-01-01 12:00:00.000' AS at, 1E10 AS x"
    )
    row = cursor.fetchone()
    assert [str(value) for value in row] == [
        "1",
        "1.50",
        "True",
        "None",
        "2026-01-01",
        "2026-01-01 12:00:00",
        "10000000000.0",
    ]
    assert [column[0] for column in cursor.description] == ["i", "d", "b", "n", "day", "at", "x"]


def test_pyathena_reads_result_files_and_unloads(connection: Any) -> None:
    query = "SELECT n, 'x' AS s FROM UNNEST(sequence(1, 3)) AS t(n) ORDER BY n"
    frame = connection.cursor(PandasCursor).execute(query).as_pandas()
    assert list(frame["n"]) == [1, 2, 3]
    unloaded = connection.cursor(PandasCursor, unload=True).execute(query).as_pandas()
    assert list(unloaded["s"]) == ["x", "x", "x"]


def test_pyathena_reports_failures(connection: Any) -> None:
    with pytest.raises(OperationalError, match="TABLE_NOT_FOUND"):
        connection.cursor().execute("SELECT * FROM missing")
    with pytest.raises(DatabaseError, match="mismatched input"):
        connection.cursor().execute("SELEC 1")
