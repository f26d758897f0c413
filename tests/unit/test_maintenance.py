"""The lake's tables are compacted without a change, and nothing but old results is deleted."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salesflow.maintenance import (
    Compaction,
    NotDeleted,
    NotFinished,
    RowsChanged,
    clear_query_results,
    compact,
    iceberg_tables,
    vacuum,
)
from salesflow.queries import Answer, QueryFailed, Row

NOW = datetime(2026, 3, 4, tzinfo=UTC)
CONFLICT = "ICEBERG_COMMIT_ERROR: Failed to commit Iceberg update to table: sales.orders"


def answer(*rows: Row, columns: tuple[str, ...] = ()) -> Answer:
    info: Any = [{"Name": name, "Type": "varchar"} for name in columns]
    return Answer("id", tuple(info), iter(rows), 0, 0.0, "")


class Lake:
    """A table as Athena tells of it: its snapshots, and what is in each of them."""

    def __init__(self, *failures: str) -> None:
        self.failures = list(failures)
        self.statements: list[str] = []
        self.snapshots: list[Row] = [("1", None, "append"), ("2", "1", "append")]
        self.contents = {"1": ("1", "A5"), "2": ("2", "C0")}
        self.columns = {"1": ("a",), "2": ("a",)}
        self.files = 9
        self.made: list[tuple[str, str, str]] = [("3", "2", "replace")]

    def __call__(self, sql: str) -> Answer:
        self.statements.append(sql)
        if sql.startswith(("OPTIMIZE", "VACUUM")):
            if self.failures:
                raise QueryFailed(self.failures.pop(0))
            for snapshot, parent, operation in self.made:
                self.snapshots.append((snapshot, parent, operation))
                self.contents.setdefault(snapshot, self.contents[parent])
            self.files = 1
            return answer()
        if "$snapshots" in sql:
            return answer(*self.snapshots)
        if "$files" in sql:
            return answer((str(self.files),))
        version = sql.partition("FOR VERSION AS OF ")[2].split()[0]
        if "LIMIT 0" in sql:
            return answer(columns=self.columns[version])
        return answer(self.contents[version])

    @property
    def optimized(self) -> int:
        return sum(statement.startswith("OPTIMIZE") for statement in self.statements)


def test_a_compaction_says_what_it_did() -> None:
    assert compact(Lake(), "orders") == Compaction("orders", 1, 2, 9, 1)


def test_the_rows_are_compared_around_each_compaction() -> None:
    lake = Lake()
    # Between two rounds, a merge came in.
    lake.made = [("3", "2", "replace"), ("4", "3", "overwrite"), ("5", "4", "replace")]
    lake.contents["4"] = ("3", "D1")
    lake.columns["4"] = ("a", "b")
    compact(lake, "orders")
    compared = [s for s in lake.statements if "checksum" in s]
    assert [s.rpartition(" ")[2] for s in compared] == ["2", "3", "4", "5"]
    assert ['"b"' in s for s in compared] == [False, False, True, True]


@pytest.mark.parametrize("content", [("1", "C0"), ("2", "C1")])
def test_a_changed_row_is_noticed(content: Row) -> None:
    lake = Lake()
    lake.contents["3"] = content  # type: ignore[assignment]
    with pytest.raises(RowsChanged, match=r"snapshot 2 has 2 rows .* snapshot 3 has "):
        compact(lake, "orders")


def test_nothing_to_compact_is_no_compaction() -> None:
    lake = Lake()
    lake.made = []
    assert compact(lake, "orders") == Compaction("orders", 0, None, 9, 1)


@pytest.mark.parametrize(
    "failures",
    [
        ["ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED"] * 3,
        [CONFLICT],
        [CONFLICT, "ICEBERG_OPTIMIZE_MORE_RUNS_NEEDED", CONFLICT],
    ],
)
def test_it_is_repeated_while_there_is_more_or_a_merge_came_first(failures: list[str]) -> None:
    lake = Lake(*failures)
    compact(lake, "orders")
    assert lake.optimized == len(failures) + 1


def test_it_is_not_repeated_for_ever() -> None:
    with pytest.raises(NotFinished, match="ICEBERG_COMMIT_ERROR"):
        compact(Lake(*[CONFLICT] * 1000), "orders")


def test_any_other_failure_is_one() -> None:
    lake = Lake("SYNTAX_ERROR")
    with pytest.raises(QueryFailed, match="SYNTAX_ERROR"):
        compact(lake, "orders")
    assert lake.optimized == 1


def test_a_vacuum_goes_on_until_all_is_gone() -> None:
    lake = Lake("ICEBERG_VACUUM_MORE_RUNS_NEEDED", "ICEBERG_VACUUM_MORE_RUNS_NEEDED")
    vacuum(lake, "orders")
    assert lake.statements == ["VACUUM orders"] * 3


class Glue:
    """Glue's side of GetTables."""

    def get_paginator(self, _: str) -> Glue:
        return self

    def paginate(self, *, DatabaseName: str) -> Iterator[dict[str, Any]]:
        yield {"TableList": [{"Name": "orders", "Parameters": {"table_type": "ICEBERG"}}]}
        yield {
            "TableList": [
                {"Name": "orders_changelog", "Parameters": {"classification": "json"}},
                {"Name": "orders_current"},
                {"Name": "merges", "Parameters": {"table_type": "iceberg"}},
            ]
        }


def test_iceberg_tables_are_told_from_views_and_files() -> None:
    glue: Any = Glue()
    assert iceberg_tables(glue, "sales") == ["merges", "orders"]


class Bucket:
    """S3's side of ListObjectsV2 and DeleteObjects."""

    def __init__(self, ages: dict[str, int]) -> None:
        self.ages = ages
        self.protected: set[str] = set()
        self.requests: list[int] = []

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, *, Bucket: str, Prefix: str) -> Iterator[dict[str, Any]]:
        for key, days in list(self.ages.items()):
            if key.startswith(Prefix):
                modified = NOW - timedelta(days=days)
                yield {"Contents": [{"Key": key, "LastModified": modified, "Size": 10}]}

    def delete_objects(self, *, Bucket: str, Delete: dict[str, Any]) -> dict[str, Any]:
        keys = [entry["Key"] for entry in Delete["Objects"]]
        assert len(keys) <= 1000
        self.requests.append(len(keys))
        for key in set(keys) - self.protected:
            del self.ages[key]
        refused = [{"Key": k, "Message": "no"} for k in keys if k in self.protected]
        return {"Errors": refused} if refused else {}


def clear(bucket: Any, uri: str = "s3://lake/athena-results/") -> tuple[int, int]:
    return clear_query_results(bucket, uri, NOW - timedelta(days=30))


def test_only_old_results_are_deleted() -> None:
    ages = {
        "athena-results/old.csv": 31,
        "athena-results/new.csv": 29,
        "athena-results-of-others/old.csv": 31,
        "bronze/orders_changelog/old": 31,
    }
    bucket = Bucket(ages)
    assert clear(bucket) == (1, 10)
    assert sorted(bucket.ages) == sorted(key for key in ages if key != "athena-results/old.csv")
    assert clear(bucket) == (0, 0)


def test_many_are_deleted_in_as_many_requests_as_it_takes() -> None:
    bucket = Bucket({f"athena-results/{number}": 31 for number in range(1001)})
    assert clear(bucket) == (1001, 10_010)
    assert bucket.requests == [1000, 1]


@pytest.mark.parametrize(
    "uri", ["s3://lake/", "s3://lake", "s3://lake//", "s3://lake/athena-results", "lake/x/"]
)
def test_what_is_no_folder_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="is no folder of a bucket"):
        clear(Bucket({"athena-results/old": 31}), uri)


def test_what_can_not_be_deleted_is_named() -> None:
    bucket = Bucket({"athena-results/a": 31, "athena-results/b": 31})
    bucket.protected = {"athena-results/b"}
    with pytest.raises(NotDeleted, match=r"1 query results .* athena-results/b: no"):
        clear(bucket)
