"""What a version of a report holds, and how it differs from the one before."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pyarrow as pa

from salesflow.report_store import Manifest, Restatement, Result, Sum, difference, version_key

COLUMNS: list[dict[str, Any]] = [
    {"Name": "product_name", "Type": "varchar"},
    {"Name": "units", "Type": "bigint"},
    {"Name": "net_sales", "Type": "decimal", "Precision": 38, "Scale": 4},
    {"Name": "day", "Type": "date"},
    {"Name": "in_catalogue", "Type": "boolean"},
]
ADDS_UP = ("units", "net_sales")
HEADER = b'"product_name","units","net_sales","day","in_catalogue"\n'


def result(*rows: bytes) -> Result:
    return Result(HEADER + b"".join(row + b"\n" for row in rows), COLUMNS, "query", 10)


def manifest(**more: Any) -> Manifest:
    values: dict[str, Any] = {
        "report": "sales_by_product",
        "day": "2026-03-04",
        "version": 3,
        "rows": 2,
        "computed_at": "2026-03-05T00:20:00+00:00",
        "watermark": "2026-03-05T00:15:00+00:00",
        "query_id": "query",
        "scanned_bytes": 10,
        "sql": "5a1e",
        "csv": "c5",
        "parquet": "9a",
    }
    return Manifest(**values | more)


def test_the_rows_have_the_types_that_athena_tells() -> None:
    table = result(b'"Laptop","2","998.0000","2026-03-04","true"').table()
    assert table.schema.types == [
        pa.string(),
        pa.int64(),
        pa.decimal128(38, 4),
        pa.date32(),
        pa.bool_(),
    ]
    assert table.column("net_sales").to_pylist() == [Decimal("998.0000")]


def test_nothing_is_told_from_an_empty_text_and_a_text_may_span_lines() -> None:
    table = result(b'"",,,,', b'"two\nlines","1","1.0000",,').table()
    assert table.column("product_name").to_pylist() == ["", "two\nlines"]
    assert table.column("units").to_pylist() == [None, 1]


def test_a_value_may_be_as_long_as_many_items_of_the_table() -> None:
    name = b"N" * 380_000
    joined = b", ".join([name] * 9)
    row = b'"%s","1","1.0000","2026-03-04","true"'
    table = result(row % name, row % joined, row % name).table()
    assert [len(text) for text in table.column("product_name").to_pylist()] == [
        len(name), len(joined), len(name),
    ]  # fmt: skip


def test_a_day_without_rows_keeps_its_columns() -> None:
    table = result().table()
    assert table.num_rows == 0
    assert table.column_names == [column["Name"] for column in COLUMNS]


def test_a_restatement_says_by_how_much_to_the_last_decimal() -> None:
    before = result(
        b'"Laptop","2","998.0000","2026-03-04","true"',
        b'"Phone","1","449.0001","2026-03-04","true"',
    ).table()
    after = result(
        b'"Laptop","1","499.0000","2026-03-04","true"',
        b'"Phone","1","449.0001","2026-03-04","true"',
        b'"Mouse",,,"2026-03-04","true"',
    ).table()
    assert difference(before, after, manifest(), ADDS_UP) == Restatement(
        version=3,
        csv=version_key("sales_by_product", "2026-03-04", 3, "csv"),
        rows_gone=1,
        rows_new=2,
        sums={
            "units": Sum("3", "2", "-1"),
            "net_sales": Sum("1447.0001", "948.0001", "-499.0000"),
        },
    )


def test_the_largest_sums_are_exact() -> None:
    row = b'"%d","1","999999999999999999999999999999.9999","2026-03-04","true"'
    rows = [row % number for number in range(9)]
    found = difference(result(*rows).table(), result(rows[0]).table(), manifest(), ADDS_UP)
    assert found.sums["net_sales"] == Sum(
        "8999999999999999999999999999999.9991",
        "999999999999999999999999999999.9999",
        "-7999999999999999999999999999999.9992",
    )


def test_what_does_not_add_up_is_restated_without_a_sum() -> None:
    before, after = (
        result(f'"Laptop","{units}","998.0000","2026-03-04","true"'.encode()).table()
        for units in (2, 3)
    )
    found = difference(before, after, manifest(), ("net_sales",))
    assert (found.rows_gone, found.rows_new, found.sums) == (1, 1, {})


def test_rows_that_occur_twice_are_counted_twice() -> None:
    row = b'"Laptop","2","998.0000","2026-03-04","true"'
    found = difference(result(row, row).table(), result(row).table(), manifest(), ADDS_UP)
    assert (found.rows_gone, found.rows_new) == (1, 0)


def test_columns_of_one_version_only_are_not_summed() -> None:
    before = result(b'"Laptop","2","998.0000","2026-03-04","true"').table()
    found = difference(before.drop_columns(["units"]), before, manifest(), ADDS_UP)
    assert found.sums == {}
    assert found.rows_new == 1


def test_a_manifest_is_read_as_it_was_written() -> None:
    restated = Restatement(2, "key", 1, 1, {"units": Sum("3", "2", "-1")})
    for written in (manifest(), manifest(restated=restated)):
        assert Manifest.from_json(written.to_json()) == written
