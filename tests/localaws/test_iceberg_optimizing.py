"""OPTIMIZE … REWRITE DATA USING BIN_PACK."""

from __future__ import annotations

import pytest

import iceberg_tables as iceberg
from athena_queries import Athena
from aws_requests import Interception, Request, intercept
from localaws.athena.iceberg import optimizing
from localaws.server import LocalAws

OPTIMIZE = "OPTIMIZE orders REWRITE DATA USING BIN_PACK"


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.fixture
def scattered(athena: Athena) -> Athena:
    """Six files on one day, two on another."""
    iceberg.create(athena, partitioned_by={"day": "identity"})
    for number in range(6):
        athena.run(f"INSERT INTO orders VALUES ('{number}', DATE '2026-01-01', 1, 10, 'placed')")
    for number in range(2):
        athena.run(f"INSERT INTO orders VALUES ('b{number}', DATE '2026-01-02', 1, 10, 'placed')")
    return athena


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE … REWRITE DATA USING BIN_PACK brings a partition's small files together, if they "
    "are optimize_rewrite_data_file_threshold or more (5); the rows stay the same.",
)
def test_small_files_are_brought_together(scattered: Athena) -> None:
    before = iceberg.rows(scattered)

    execution = scattered.run(OPTIMIZE)

    assert iceberg.rows(scattered) == before
    days = [path.split("/")[-2] for path in iceberg.files(scattered)]
    assert days == ["day=2026-01-01", "day=2026-01-02", "day=2026-01-02"]
    assert iceberg.operations(scattered)[-1] == "replace"
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "OPTIMIZE")
    assert execution["Statistics"]["DataScannedInBytes"] > 0


@pytest.mark.behaviour(
    "athena", "OPTIMIZE of a table that is in good shape does nothing: there is no snapshot."
)
def test_optimizing_twice_does_nothing_more(scattered: Athena) -> None:
    scattered.run(OPTIMIZE)
    before = scattered.table("orders")
    execution = scattered.run(OPTIMIZE)
    assert scattered.table("orders") == before
    assert execution["Statistics"]["DataScannedInBytes"] == 0


@pytest.mark.behaviour(
    "athena",
    "An OPTIMIZE does 100 partitions at most, then fails with ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED.",
)
def test_many_partitions_take_several_runs(
    scattered: Athena, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimizing, "PARTITIONS", 1)
    scattered.run(
        "ALTER TABLE orders SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='2')"
    )
    assert scattered.failure(OPTIMIZE).startswith("ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED")
    assert iceberg.operations(scattered)[-1] == "replace"
    scattered.run(OPTIMIZE)
    assert len(iceberg.files(scattered)) == 2
    assert len(iceberg.rows(scattered)) == 8


@pytest.mark.behaviour("athena", "OPTIMIZE of an empty table does nothing.")
def test_optimizing_nothing_does_nothing(athena: Athena) -> None:
    iceberg.create(athena)
    athena.run(OPTIMIZE)
    assert iceberg.operations(athena) == []


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE … WHERE takes the files with rows that its condition on partitions holds for.",
)
@pytest.mark.parametrize(
    ("where", "days"),
    [
        ("day = DATE '2026-01-02'", ["day=2026-01-01"] * 6 + ["day=2026-01-02"]),
        ("day > DATE '2026-01-05'", ["day=2026-01-01"] * 6 + ["day=2026-01-02"] * 2),
        ("month(day) = 1", ["day=2026-01-01", "day=2026-01-02"]),
    ],
)
def test_some_partitions_can_be_optimized(scattered: Athena, where: str, days: list[str]) -> None:
    scattered.run(
        "ALTER TABLE orders SET TBLPROPERTIES ('optimize_rewrite_data_file_threshold'='2')"
    )
    before = iceberg.rows(scattered)
    scattered.run(f"{OPTIMIZE} WHERE {where}")
    assert [path.split("/")[-2] for path in iceberg.files(scattered)] == days
    assert iceberg.rows(scattered) == before


@pytest.mark.behaviour(
    "athena", "OPTIMIZE … WHERE takes conditions on columns only that the table is partitioned by."
)
@pytest.mark.parametrize(
    "where",
    [
        "quantity = 1",
        "day = DATE '2026-01-01' AND id = 'a'",
        "day = (SELECT max(day) FROM orders)",
    ],
)
def test_other_conditions_are_refused(scattered: Athena, where: str) -> None:
    assert scattered.failure(f"{OPTIMIZE} WHERE {where}").startswith("NOT_SUPPORTED")
    assert "replace" not in iceberg.operations(scattered)


@pytest.mark.behaviour(
    "athena",
    "The WHERE of OPTIMIZE may be about a column that a transform partitions by: it takes the "
    "files that can have such rows.",
)
def test_files_are_taken_by_the_column_of_a_transform(athena: Athena) -> None:
    iceberg.create(
        athena,
        partitioned_by={"day": "month"},
        properties={"optimize_rewrite_data_file_threshold": "2"},
    )
    for day in ("2026-01-01", "2026-01-31", "2026-02-01", "2026-02-28"):
        athena.run(f"INSERT INTO orders (id, day) VALUES ('a', DATE '{day}')")
    athena.run(f"{OPTIMIZE} WHERE day < DATE '2026-02-01'")
    months = [path.split("/")[-2] for path in iceberg.files(athena)]
    assert months == ["day_month=2026-01", "day_month=2026-02", "day_month=2026-02"]


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE makes files of about write_target_data_file_size_bytes out of those below "
    "optimize_rewrite_min_data_file_size_bytes (3/4 of it), and leaves the others alone.",
)
def test_files_are_made_of_the_target_size(athena: Athena) -> None:
    target = 60_000
    iceberg.create(athena, properties={"write.target-file-size-bytes": str(target)})
    some = (
        "INSERT INTO orders (id) SELECT to_hex(md5(to_utf8(CAST(n AS varchar) || '{0}'))) "
        "FROM UNNEST(sequence(1, {1})) AS t(n)"
    )
    athena.run(some.format("large", 2800))
    (large,) = iceberg.files(athena)
    for number in range(9):
        athena.run(some.format(number, 900))
    before = iceberg.rows(athena)

    athena.run(OPTIMIZE)

    after = {t.file.file_path: t.file for t in iceberg.opened(athena).scan().plan_files()}
    assert iceberg.rows(athena) == before
    assert large in after
    sizes = sorted(file.file_size_in_bytes for path, file in after.items() if path != large)
    assert 1 < len(sizes) < 9
    assert all(target * 3 // 4 <= size <= target * 9 // 5 for size in sizes[1:])
    athena.run(OPTIMIZE)
    assert iceberg.operations(athena).count("replace") == 1


@pytest.mark.behaviour(
    "athena", "OPTIMIZE keeps time travel: the rows before and after have the same checksum."
)
def test_the_rows_are_the_same_before_and_after(scattered: Athena) -> None:
    before = iceberg.opened(scattered).metadata.current_snapshot_id
    scattered.run(OPTIMIZE)
    sums = "count(*), checksum(ROW(id, day, quantity, price, status))"
    now = scattered.rows(f"SELECT {sums} FROM orders")
    then = scattered.rows(f"SELECT {sums} FROM orders FOR VERSION AS OF {before}")
    assert now[1] == then[1]


@pytest.mark.behaviour(
    "athena",
    "OPTIMIZE doesn't conflict with appends, and fails if files that it brings together were "
    "changed meanwhile.",
)
def test_optimizing_meets_other_writers(scattered: Athena, monkeypatch: pytest.MonkeyPatch) -> None:
    def is_commit(request: Request) -> bool:
        return request.operation == "UpdateTable"

    def append() -> None:
        table = iceberg.opened(scattered)
        rows = table.scan(limit=1).to_arrow()
        table.append(rows)

    with monkeypatch.context() as patch:
        intercept(patch, "glue", Interception(is_commit, before=append))
        scattered.run(OPTIMIZE)
    assert len(iceberg.rows(scattered)) == 9
    for number in range(6):
        scattered.run(f"INSERT INTO orders VALUES ('{number}', DATE '2026-01-01', 1, 1, '')")

    def remove() -> None:
        iceberg.opened(scattered).delete("day = '2026-01-01'")

    intercept(monkeypatch, "glue", Interception(is_commit, before=remove))
    reason = scattered.failure(OPTIMIZE)
    assert reason.startswith("ICEBERG_COMMIT_ERROR")
    assert {row[1].day for row in iceberg.rows(scattered)} == {2}
