"""Files: JSON, Parquet and text, read as Athena's SerDes read them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from athena_engine_lake import OPEN_CSV, PARQUET, TEXT, Lake, rows, scanned
from localaws.athena.engine import QueryFailed
from localaws.server import LocalAws


@pytest.fixture
def lake(local_aws: LocalAws, tmp_path: Path) -> Lake:
    return Lake(local_aws, tmp_path)


@pytest.mark.behaviour(
    "athena", "JSON is read line by line, plain or gzip; a key that is missing gives NULL."
)
def test_json_lines_plain_and_packed(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "quantity": "int", "attributes": "string"})
    lake.put_json("orders/a.json", {"orderid": "1", "quantity": 2, "attributes": {"gift": True}})
    lake.put_json("orders/b.gz", {"orderid": "2"})
    found = lake.rows("SELECT * FROM orders ORDER BY orderid")
    assert found == [("1", 2, '{"gift":true}'), ("2", None, None)]


@pytest.mark.behaviour("athena", "JSON keys match columns whatever the case of their letters.")
def test_json_keys_are_case_insensitive(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "address": "struct<city:string>"})
    lake.put_json("orders/a.json", {"orderId": "Keep This", "Address": {"City": "Ulm"}})
    assert lake.rows("SELECT orderid, address.city FROM orders") == [("Keep This", "Ulm")]


def test_json_keys_keep_their_case_when_the_serde_says_so(lake: Lake) -> None:
    lake.table(
        "orders",
        {"product": "string", "id": "string"},
        serde_parameters={"case.insensitive": "false", "mapping.id": "orderId"},
    )
    lake.put_json("orders/a.json", {"orderId": "1", "Product": "Laptop"})
    assert lake.rows("SELECT product, id FROM orders") == [(None, "1")]


@pytest.mark.behaviour("athena", "Decimals in JSON are exact to their last digit.")
def test_json_decimals_never_become_doubles(lake: Lake) -> None:
    lake.table("prices", {"price": "decimal(38,4)", "lines": "array<decimal(30,2)>"})
    lake.put(
        "prices/a.json",
        '{"price": 12345678901234567890.1234, "lines": [0.10, 1234567890123456789.01]}\n'
        '{"price": "0.0001"}\n{"price": 1.00005}\n{"price": -146.37}\n{"price": 1E2}\n',
    )
    found = [row[0] for row in lake.rows("SELECT price FROM prices")]
    expected = ["12345678901234567890.1234", "0.0001", "1.0001", "-146.3700", "100.0000"]
    assert found == [Decimal(text) for text in expected]
    assert lake.rows("SELECT lines FROM prices WHERE lines IS NOT NULL") == [
        ([Decimal("0.10"), Decimal("1234567890123456789.01")],)
    ]


def test_json_numbers_of_other_types(lake: Lake) -> None:
    kinds = {"i": "bigint", "d": "double", "b": "boolean", "day": "date", "at": "timestamp"}
    lake.table("values", kinds)
    lake.put(
        "values/a.json",
        '{"i": 9223372036854775807, "d": 146.37, "b": true, "day": "2025-07-10",'
        ' "at": "2025-07-10 14:05:24.903"}\n{"i": "-5", "d": "1e3"}\n',
    )
    found = lake.rows('SELECT i, d, b, CAST(day AS varchar), CAST("at" AS varchar) FROM "values"')
    assert found == [
        (9223372036854775807, 146.37, True, "2025-07-10", "2025-07-10 14:05:24.903"),
        (-5, 1000.0, None, None, None),
    ]


@pytest.mark.behaviour(
    "athena", "A line that is no JSON object fails the query with HIVE_CURSOR_ERROR."
)
@pytest.mark.parametrize("line", ['{"orderid": "2"', "nonsense", "[1, 2]", "5"])
def test_malformed_json_fails(lake: Lake, line: str) -> None:
    lake.table("orders", {"orderid": "string"})
    lake.put("orders/a.json", f'{{"orderid": "1"}}\n{line}\n')
    with pytest.raises(QueryFailed, match="HIVE_CURSOR_ERROR: Row is not a valid JSON Object"):
        lake.rows("SELECT count(*), max(orderid) FROM orders")


@pytest.mark.behaviour(
    "athena", "With ignore.malformed.json a line that is no JSON gives a row of NULLs."
)
def test_malformed_json_is_ignored_on_request(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"}, serde_parameters={"ignore.malformed.json": "true"})
    lake.put("orders/a.json", '{"orderid": "1"}\n{"orderid": "2"\n{"orderid": "3"}\n')
    assert lake.rows("SELECT orderid FROM orders ORDER BY 1") == [("1",), ("3",), (None,)]


@pytest.mark.behaviour("athena", "A value of another type than its column's gives HIVE_BAD_DATA.")
@pytest.mark.parametrize(
    ("kind", "value"),
    [
        ("int", '"many"'),
        ("int", "1.5"),
        ("int", "3000000000"),
        ("decimal(10,2)", '"free"'),
        ("double", '"free"'),
        ("date", '"yesterday"'),
        ("boolean", '"perhaps"'),
        ("bigint", '{"a": 1}'),
    ],
)
def test_a_value_of_the_wrong_type_fails(lake: Lake, kind: str, value: str) -> None:
    lake.table("orders", {"x": kind})
    lake.put("orders/a.json", f'{{"x": {value}}}\n')
    with pytest.raises(QueryFailed, match="HIVE_BAD_DATA: "):
        lake.rows("SELECT x FROM orders")


def test_a_bad_value_far_into_a_result_fails_while_it_is_read(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "x": "int"})
    good = '{"orderid": "1", "x": 1}\n' * 300_000
    lake.put("orders/a.json", good + '{"orderid": "1", "x": "many"}\n')
    result = lake.engine.select("SELECT * FROM orders", "sales")
    with pytest.raises(QueryFailed, match=r"HIVE_BAD_DATA: .* many"):
        result.reader.read_all()


def test_a_bad_value_in_a_column_that_is_not_asked_for_does_no_harm(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "x": "int"})
    lake.put("orders/a.json", '{"orderid": "1", "x": "many"}\n')
    assert lake.rows("SELECT orderid FROM orders") == [("1",)]


@pytest.mark.behaviour(
    "athena", "DataScannedInBytes counts the objects as they are stored, packed ones as packed."
)
def test_scanned_bytes_of_json(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "quantity": "int"})
    stored = [{"orderid": str(number), "quantity": number} for number in range(1000)]
    size = lake.put_json("orders/a.gz", *stored) + lake.put_json("orders/b.json", *stored)
    for query in ("SELECT count(*) FROM orders", "SELECT orderid FROM orders LIMIT 1"):
        assert scanned(lake.engine, query) == size


@pytest.mark.behaviour(
    "athena", "Of Parquet, DataScannedInBytes counts the columns that the query uses."
)
def test_scanned_bytes_of_parquet(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string", "note": "string"}, serde=PARQUET)
    numbers = range(20_000)
    size = lake.put_parquet(
        "orders/a.parquet",
        pa.table({"orderid": [str(n) for n in numbers], "note": [f"note {n}" for n in numbers]}),
    )
    whole = scanned(lake.engine, "SELECT * FROM orders")
    one = scanned(lake.engine, "SELECT max(orderid) FROM orders")
    none = scanned(lake.engine, "SELECT count(*) FROM orders")
    assert 0 < none < one < whole <= size
    assert none < 2_000


@pytest.mark.behaviour("athena", "Parquet columns are found by name, whatever their order.")
def test_parquet_by_name(lake: Lake) -> None:
    lake.table(
        "orders", {"orderid": "string", "price": "decimal(18,4)", "new": "int"}, serde=PARQUET
    )
    price = pa.array([Decimal("1.5000")], pa.decimal128(18, 4))
    lake.put_parquet("orders/a.parquet", pa.table({"price": price, "OrderId": ["1"]}))
    lake.put_parquet("orders/b.parquet", pa.table({"orderid": ["2"], "extra": [1.5]}))
    found = lake.rows("SELECT * FROM orders ORDER BY orderid")
    assert found == [("1", Decimal("1.5000"), None), ("2", None, None)]


def test_parquet_of_another_type_fails(lake: Lake) -> None:
    lake.table("orders", {"quantity": "int"}, serde=PARQUET)
    lake.put_parquet("orders/a.parquet", pa.table({"quantity": ["two"]}))
    with pytest.raises(QueryFailed, match=r"HIVE_BAD_DATA: .*quantity"):
        lake.rows("SELECT quantity FROM orders")


@pytest.mark.behaviour(
    "athena", "LazySimpleSerDe text has no quotes, \\N for NULL, and NULL for what can't be read."
)
def test_lazy_simple_text(lake: Lake) -> None:
    lake.table(
        "orders",
        {"orderid": "string", "quantity": "int", "price": "decimal(10,2)"},
        serde=TEXT,
        serde_parameters={"field.delim": ","},
        parameters={"skip.header.line.count": "1"},
    )
    lake.put("orders/a.csv", 'id,q,p\n"1",2,3.50\n\\N,many,\nshort\n4,4,4.00,more\n')
    assert lake.rows("SELECT * FROM orders") == [
        ('"1"', 2, Decimal("3.50")),
        (None, None, None),
        ("short", None, None),
        ("4", 4, Decimal("4.00")),
    ]


@pytest.mark.behaviour("athena", "OpenCSVSerde knows quotes, escapes and another separator.")
def test_open_csv(lake: Lake) -> None:
    lake.table(
        "orders",
        {"orderid": "string", "quantity": "int"},
        serde=OPEN_CSV,
        serde_parameters={"separatorChar": ";", "quoteChar": '"', "escapeChar": "\\"},
    )
    lake.put("orders/a.csv", '"1;a";"2"\n"say \\"hi\\"";3\n')
    assert lake.rows("SELECT * FROM orders") == [("1;a", 2), ('say "hi"', 3)]


@pytest.mark.behaviour("athena", "A file in a format that isn't emulated is refused.")
def test_other_formats_are_refused(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"}, serde="org.apache.hadoop.hive.ql.io.orc.OrcSerde")
    with pytest.raises(QueryFailed, match=r"NOT_SUPPORTED: .*OrcSerde"):
        lake.rows("SELECT * FROM orders")


@pytest.mark.behaviour("athena", "Files and folders that begin with _ or . are hidden.")
def test_hidden_and_empty_files(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"})
    for key in ("_tmp/a.json", ".b.json", "sub/_c.json"):
        lake.put_json(f"orders/{key}", {"orderid": key})
    lake.put("orders/", "")
    lake.put("orders/empty.json", "")
    lake.put_json("orders/sub/seen.json", {"orderid": "seen"})
    lake.put_json("orders_of_others/a.json", {"orderid": "other"})
    assert lake.rows("SELECT orderid FROM orders") == [("seen",)]


@pytest.mark.behaviour("athena", '"$path" is the file of a row; a star does not show it.')
def test_path_of_a_row(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"})
    size = lake.put_json("orders/a.json", {"orderid": "1"})
    lake.put_json("orders/b.json", {"orderid": "2"})
    found = lake.rows(
        """SELECT *, "$path", "$file_size" FROM orders WHERE "$path" LIKE '%a.json'"""
    )
    assert found == [("1", "s3://lake/orders/a.json", size)]


def test_a_changed_object_is_read_again(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"})
    for orderid in ("1", "2"):
        lake.put_json("orders/a.json", {"orderid": orderid})
        assert rows(lake.engine, "SELECT orderid FROM orders") == [(orderid,)]


def test_a_table_without_files_has_no_rows(lake: Lake) -> None:
    lake.table("orders", {"orderid": "string"})
    assert lake.rows('SELECT orderid, "$path" FROM orders') == []
    assert scanned(lake.engine, "SELECT * FROM orders") == 0
