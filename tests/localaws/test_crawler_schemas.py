"""The columns and types that a crawl infers."""

from __future__ import annotations

import gzip
import io
import json
from datetime import date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from crawled_lake import Lake, lines
from localaws.glue.formats import SAMPLE, Classifier, Inspection, inspect
from localaws.glue.schema import catalogued, hive, type_of, widest
from localaws.server import LocalAws


class Bytes:
    """An object's content, counting how much of it is read."""

    def __init__(self, data: bytes) -> None:
        self.data, self.size, self.read = data, len(data), 0

    def head(self, count: int) -> bytes:
        self.read += min(count, self.size)
        return self.data[:count]

    def tail(self, count: int) -> bytes:
        self.read += min(count, self.size)
        return self.data[-count:]


def inspected(data: bytes, *paths: str) -> Inspection:
    return inspect(Bytes(data), [Classifier("c", path) for path in paths])


def columns(data: bytes, *paths: str) -> dict[str, str]:
    shape = inspected(data, *paths).shape
    return {column["Name"]: column["Type"] for column in catalogued(shape.columns)}


@pytest.mark.behaviour(
    "glue", "JSON types are int, bigint, double, boolean, string, struct and array."
)
@pytest.mark.parametrize(
    ("value", "kind"),
    [
        (1, "int"),
        (-(2**31), "int"),
        (2**31, "bigint"),
        (2**63, "double"),
        (1.5, "double"),
        (True, "boolean"),
        ("1", "string"),
        ("2025-07-10T14:05:24Z", "string"),
        (None, "string"),
        ({}, "string"),
        ([], "array<string>"),
        ([1, 2.5], "array<double>"),
        ({"sku": "a", "units": [1]}, "struct<sku:string,units:array<int>>"),
        ([{"a": 1}, {"b": 2**40}], "array<struct<a:int,b:bigint>>"),
    ],
)
def test_types(value: Any, kind: str) -> None:
    assert hive(type_of(value)) == kind


@pytest.mark.behaviour("glue", "Types that differ widen: int, bigint, double, string.")
@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ((1, 2**40), "bigint"),
        ((2**40, 1), "bigint"),
        ((2**40, 1.5, 1), "double"),
        ((1.5, "n/a"), "string"),
        ((True, 1), "string"),
        ((None, 1), "int"),
        ((1, None), "int"),
        (({"a": 1}, {"a": 1.5, "b": "x"}), "struct<a:double,b:string>"),
        (({"a": 1}, "x"), "string"),
        (([1], {"a": 1}), "string"),
        (([], [1]), "array<int>"),
    ],
)
def test_widening(values: tuple[Any, ...], kind: str) -> None:
    assert hive(reduce(widest, map(type_of, values))) == kind


@pytest.mark.behaviour("glue", "Column names are lower case; those that differ in case are one.")
def test_names_that_differ_in_case_are_one_column() -> None:
    data = lines([{"orderId": 1, "Price": 2}, {"orderid": 2.5}, {"ORDERID": 3, "b": 1}])
    assert columns(data) == {"orderid": "double", "price": "int", "b": "int"}


@pytest.mark.behaviour("glue", "Columns are in the order of their first appearance.")
def test_columns_keep_their_order(local_aws: LocalAws) -> None:
    lake = Lake(local_aws)
    lake.put("bronze/orders/a.json", {"b": None, "a": 1}, {"c": 1, "a": 1, "b": 1})
    lake.crawler()
    lake.crawled()
    assert list(lake.columns()) == ["b", "a", "c"]
    lake.put("bronze/orders/0.json", {"d": 1, "c": 1, "b": 1, "a": 1})
    lake.crawled()
    assert list(lake.columns()) == ["b", "a", "c", "d"]


@pytest.mark.parametrize(
    "data",
    [
        b'{"a": 1}\n{"a": 2}\n',
        b'{"a": 1}{"a": 2}',
        b'\xef\xbb\xbf  {\n  "a": 1\n}\n\n{\n "a": 2\n}',
        b'{"a": 1}\nnot json\n{"a": 2}\n',
        gzip.compress(b'{"a": 1}\n') + gzip.compress(b'{"a": 2}\n'),
    ],
    ids=["lines", "no delimiter", "several lines", "a broken line", "two gzip members"],
)
def test_json_is_recognised_however_it_is_laid_out(data: bytes) -> None:
    assert columns(data) == {"a": "int"}
    assert inspected(data).records == 2


@pytest.mark.behaviour("glue", "A JSON array is one column named array, without a classifier.")
def test_an_array_is_a_column() -> None:
    assert columns(b'[{"a": 1}, {"b": "x"}]') == {"array": "array<struct<a:int,b:string>>"}


@pytest.mark.behaviour(
    "glue", "A crawl reads the first megabyte of an object, and estimates its records."
)
@pytest.mark.parametrize("compressed", [False, True])
def test_the_first_megabyte_decides(compressed: bool) -> None:
    row = {"orderid": "1" * 100}
    rows = [row] * 30_000 + [row | {"late": 1}]
    data = lines(rows)
    assert len(data) > 3 * SAMPLE
    content = Bytes(gzip.compress(data, 1) if compressed else data)
    found = inspect(content, [])
    assert list(found.shape.columns) == ["orderid"]
    assert found.records == pytest.approx(len(rows), rel=0.05)
    assert content.read <= SAMPLE


@pytest.mark.behaviour("glue", "JSON without a record in the first megabyte is read up to 10 MB.")
def test_a_large_record_is_read() -> None:
    data = json.dumps([{"a": "x" * 1000}] * 2000).encode()
    assert len(data) > SAMPLE
    assert columns(data) == {"array": "array<struct<a:string>>"}
    assert columns(data, "$[*]") == {"a": "string"}


@pytest.mark.behaviour("glue", "CSV is recognised, with its heading if a column isn't text.")
@pytest.mark.parametrize("delimiter", [",", "|", "\t", ";"])
def test_csv(local_aws: LocalAws, delimiter: str) -> None:
    lake = Lake(local_aws)
    rows = [("Product", "units", "total", "hot"), ("Phone", "3", "", "true"), ("", "4", "9.5", "")]
    lake.put_bytes("reports/sales/a.csv", "\n".join(map(delimiter.join, rows)).encode())
    lake.crawler("reports/sales")
    lake.crawled()

    assert lake.columns("sales") == {
        "product": "string",
        "units": "bigint",
        "total": "double",
        "hot": "boolean",
    }
    table = lake.table("sales")
    assert (
        table["Parameters"].items()
        >= {
            "classification": "csv",
            "delimiter": delimiter,
            "skip.header.line.count": "1",
            "areColumnsQuoted": "false",
            "columnsOrdered": "true",
            "recordCount": "2",
        }.items()
    )
    assert table["StorageDescriptor"]["SerdeInfo"] == {
        "SerializationLibrary": "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
        "Parameters": {"field.delim": delimiter},
    }


def test_csv_of_text_alone_has_no_heading() -> None:
    found = inspected(b'"name","brand"\n"Phone, large","Acme"\n').shape
    assert catalogued(found.columns) == [
        {"Name": "col0", "Type": "string"},
        {"Name": "col1", "Type": "string"},
    ]
    details = dict(found.format.details)
    assert details["areColumnsQuoted"] == "true"
    assert "skip.header.line.count" not in details


def test_a_long_csv_file_is_estimated() -> None:
    data = b"a,b\n" + b"1,x\n" * 600_000
    found = inspected(data)
    assert found.records == pytest.approx(600_000, rel=0.01)
    assert found.record_bytes == 4


@pytest.mark.behaviour("glue", "Parquet is recognised by its footer.")
def test_parquet(local_aws: LocalAws) -> None:
    lake = Lake(local_aws)
    file = io.BytesIO()
    table = pa.table(
        {
            "Id": pa.array([1, 2], pa.int64()),
            "price": pa.array([Decimal("1.5"), None], pa.decimal128(18, 4)),
            "at": pa.array([datetime(2025, 1, 1), None], pa.timestamp("us")),  # noqa: DTZ001
            "day": pa.array([date(2025, 1, 1), None]),
            "items": pa.array([[{"sku": "a", "n": 1}], []]),
            "name": ["a", "b"],
        }
    )
    pq.write_table(table, file)
    lake.put_bytes("silver/orders/a.parquet", file.getvalue())
    lake.crawler("silver/orders")
    lake.crawled()

    assert lake.columns() == {
        "id": "bigint",
        "price": "decimal(18,4)",
        "at": "timestamp",
        "day": "date",
        "items": "array<struct<sku:string,n:bigint>>",
        "name": "string",
    }
    assert lake.table()["Parameters"]["recordCount"] == "2"
    descriptor = lake.table()["StorageDescriptor"]
    assert descriptor["InputFormat"].endswith("MapredParquetInputFormat")
    assert descriptor["SerdeInfo"]["SerializationLibrary"].endswith("ParquetHiveSerDe")


def test_a_broken_parquet_file_is_unknown() -> None:
    assert inspected(b"PAR1" + b"x" * 100 + b"PAR1").shape.format.classification == "UNKNOWN"
