"""The shape of queries: names, order, windows, groups, unnesting, parameters, failures, bounds."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from athena_engine_lake import Lake, columns, rows
from localaws.athena.engine import QueryCancelled, QueryFailed, ScanLimitExceeded
from localaws.server import LocalAws

ORDERS = {
    "orderid": "string",
    "product_name": "string",
    "quantity": "int",
    "price": "decimal(18,4)",
    "tags": "array<string>",
    "address": "struct<city:string,zip:int>",
    "sizes": "map<string,int>",
}


@pytest.fixture
def lake(local_aws: LocalAws, tmp_path: Path) -> Lake:
    lake = Lake(local_aws, tmp_path)
    lake.table("orders", ORDERS)
    lake.put(
        "orders/a.json",
        '{"orderid":"1","product_name":"Laptop","quantity":2,"price":499.99,"tags":["new","red"],'
        '"address":{"city":"Ulm","zip":89073},"sizes":{"w":3,"h":2}}\n'
        '{"orderid":"2","product_name":"Phone","quantity":1,"price":0.1,"tags":[]}\n'
        '{"orderid":"3","product_name":"Phone","quantity":3,"price":0.2,"tags":["old"]}\n'
        '{"orderid":"4","quantity":1}\n',
    )
    return lake


@pytest.mark.behaviour(
    "athena",
    "Names are case-insensitive; headings keep the query's letters, nameless ones are _colN.",
)
def test_headings(lake: Lake) -> None:
    query = 'SELECT OrderId, Quantity AS "Number", count(*) OVER (), 1, * FROM ORDERS'
    names = [column.name for column in columns(lake.engine, query)]
    assert names == ["OrderId", "Number", "_col2", "_col3", *ORDERS]


def test_headings_of_subqueries(lake: Lake) -> None:
    query = "SELECT * FROM (SELECT max(price), 1 AS One FROM sales.orders)"
    assert [column.name for column in columns(lake.engine, query)] == ["_col0", "one"]


@pytest.mark.behaviour("athena", "NULL comes last, ascending and descending.")
@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("ASC", [Decimal("0.1"), Decimal("0.2"), Decimal("499.99"), None]),
        ("DESC", [Decimal("499.99"), Decimal("0.2"), Decimal("0.1"), None]),
        ("DESC NULLS FIRST", [None, Decimal("499.99"), Decimal("0.2"), Decimal("0.1")]),
    ],
)
def test_null_ordering(lake: Lake, order: str, expected: list[Any]) -> None:
    assert [
        row[0] for row in lake.rows(f"SELECT price FROM orders ORDER BY price {order}")
    ] == expected
    numbered = f"SELECT price, row_number() OVER (ORDER BY price {order}) AS n FROM orders"
    windowed = f"SELECT price FROM ({numbered}) ORDER BY n"
    assert [row[0] for row in lake.rows(windowed)] == expected


@pytest.mark.behaviour("athena", "Total sales by product are exact, to the last decimal.")
def test_sales_by_product(lake: Lake) -> None:
    found = lake.rows(
        "SELECT product_name, sum(quantity) AS units, sum(quantity * price) AS total_sales "
        "FROM orders WHERE price IS NOT NULL GROUP BY product_name ORDER BY total_sales DESC"
    )
    assert found == [("Laptop", 2, Decimal("999.98")), ("Phone", 4, Decimal("0.7"))]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT product_name p, count(*) FROM orders GROUP BY 1 HAVING count(*) > 1 ORDER BY p",
         [("Phone", 2)]),
        ("SELECT product_name, grouping(product_name), sum(quantity) FROM orders "
         "GROUP BY ROLLUP (product_name) ORDER BY 2, 1",
         [("Laptop", 0, 2), ("Phone", 0, 4), (None, 0, 1), (None, 1, 7)]),
        ("SELECT orderid, quantity, count(*) FROM orders WHERE quantity = 1 "
         "GROUP BY GROUPING SETS ((orderid), (quantity)) ORDER BY 1",
         [("2", None, 1), ("4", None, 1), (None, 1, 2)]),
        ("SELECT upper(orderid) AS orderid FROM orders WHERE orderid = '1' ORDER BY orderid",
         [("1",)]),
        ("SELECT -quantity AS quantity FROM orders ORDER BY quantity LIMIT 1", [(-3,)]),
        ("SELECT sum(quantity) AS quantity FROM orders HAVING sum(quantity) > 1", [(7,)]),
        ("SELECT orderid FROM orders ORDER BY orderid OFFSET 1 LIMIT 2", [("2",), ("3",)]),
        ("SELECT orderid FROM orders ORDER BY 1 FETCH FIRST 1 ROW ONLY", [("1",)]),
        ("SELECT orderid, lag(orderid) OVER (ORDER BY orderid), "
         "sum(quantity) OVER (ORDER BY orderid ROWS BETWEEN 1 PRECEDING AND CURRENT ROW) "
         "FROM orders ORDER BY 1 LIMIT 2", [("1", None, 2), ("2", "1", 3)]),
        ("SELECT last_value(product_name) IGNORE NULLS OVER (ORDER BY orderid) FROM orders "
         "ORDER BY orderid DESC LIMIT 1", [("Phone",)]),
        ("VALUES (1, 'a'), (2, NULL)", [(1, "a"), (2, None)]),
        ("SELECT x + 1 FROM (VALUES (1.5 * 2, ARRAY[7][1]), (CAST('1' AS integer) / 2.0, 8)) "
         "AS v(x, y) ORDER BY y", [(Decimal("4.0"),), (Decimal("1.5"),)]),
        ("SELECT 1 UNION ALL SELECT 2 UNION SELECT 2 ORDER BY 1 DESC", [(2,), (1,)]),
        ("(SELECT 1 INTERSECT SELECT 1) EXCEPT SELECT 2", [(1,)]),
        ("WITH big(id) AS (SELECT orderid FROM orders WHERE quantity > 1) "
         "SELECT count(*) FROM big JOIN orders ON id = orderid", [(2,)]),
        ("SELECT a.orderid FROM orders a JOIN orders b USING (orderid) WHERE orderid = '2'",
         [("2",)]),
        ("SELECT orderid FROM orders o WHERE quantity = (SELECT max(quantity) FROM orders i "
         "WHERE i.product_name = o.product_name) ORDER BY 1", [("1",), ("3",)]),
        ("SELECT count(*) FROM orders WHERE orderid NOT IN (SELECT product_name FROM orders)",
         [(0,)]),
        ("SELECT address.city, o.address.zip / 1000, sizes['w'] FROM orders o WHERE orderid = '1'",
         [("Ulm", 89, 3)]),
        ("SELECT if(quantity > 2, 'many'), CASE quantity WHEN 3 THEN 'three' END "
         "FROM orders WHERE orderid = '3'", [("many", "three")]),
        ("SELECT count(DISTINCT product_name), array_join(array_sort(array_agg(DISTINCT "
         "product_name)), ', ') FROM orders", [(2, "Laptop, Phone")]),
    ],
)  # fmt: skip
def test_queries(lake: Lake, query: str, expected: list[Any]) -> None:
    assert lake.rows(query) == expected


@pytest.mark.behaviour(
    "athena", "UNNEST puts arrays side by side, maps in two columns, rows in one for each field."
)
@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("SELECT orderid, tag, n FROM orders CROSS JOIN UNNEST(tags) WITH ORDINALITY AS t(tag, n) "
         "ORDER BY 1, 3", [("1", "new", 1), ("1", "red", 2), ("3", "old", 1)]),
        ("SELECT orderid, tag FROM orders LEFT JOIN UNNEST(tags) AS t(tag) ON TRUE "
         "WHERE quantity = 1 ORDER BY 1", [("2", None), ("4", None)]),
        ("SELECT k, v / 2 FROM orders CROSS JOIN UNNEST(sizes) AS t(k, v) ORDER BY 1",
         [("h", 1), ("w", 1)]),
        ("SELECT * FROM UNNEST(ARRAY[1, 2], ARRAY['x']) AS t(n, s)", [(1, "x"), (2, None)]),
        ("SELECT b, a FROM UNNEST(ARRAY[CAST(ROW(1, 'x') AS ROW(p integer, q varchar))]) "
         "AS t(a, b)", [("x", 1)]),
    ],
)  # fmt: skip
def test_unnest(lake: Lake, query: str, expected: list[Any]) -> None:
    assert lake.rows(query) == expected


@pytest.mark.behaviour("athena", "Execution parameters are SQL literals, put for question marks.")
def test_parameters(lake: Lake) -> None:
    query = "SELECT orderid, '?' FROM orders WHERE product_name = ? AND quantity > ? -- why?"
    assert lake.rows(query, parameters=["'Phone'", "1"]) == [("3", "?")]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ([], "Incorrect number of parameters: expected 1 but found 0"),
        (["1", "2"], "Incorrect number of parameters: expected 1 but found 2"),
        (["1 OR TRUE"], "not a literal"),
        (["(SELECT 1)"], "not a literal"),
    ],
)
def test_wrong_parameters(lake: Lake, parameters: list[str], message: str) -> None:
    with pytest.raises(QueryFailed, match=message):
        lake.rows("SELECT * FROM orders WHERE quantity = ?", parameters=parameters)


@pytest.mark.behaviour("athena", "A query that makes no sense fails with Athena's code and place.")
@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nothing", "TABLE_NOT_FOUND: line 1:15: Table 'awsdatacatalog.sales.nothing'"
         " does not exist"),
        ("SELECT * FROM other.orders", "SCHEMA_NOT_FOUND: line 1:15: Schema 'other' does not"),
        ("SELECT * FROM x.y.orders", "CATALOG_NOT_FOUND: line 1:15: Catalog 'x' not found"),
        ("SELECT\n  color FROM orders", "COLUMN_NOT_FOUND: line 2:3: Column 'color' cannot be "
         "resolved"),
        ("/* a\n */ SELECT color FROM orders", "COLUMN_NOT_FOUND: line 2:12: Column 'color'"),
        ("SELECT o.color FROM orders o", "COLUMN_NOT_FOUND: line 1:8: Column 'o.color'"),
        ("SELECT quantity AS q FROM orders WHERE q > 1", "COLUMN_NOT_FOUND: line 1:40: Column 'q'"),
        ("SELECT orderid FROM orders a, orders b", "AMBIGUOUS_NAME: line 1:8: Column 'orderid' is"),
        ("SELECT * FROM orders WHERE orderid = 5",
         "TYPE_MISMATCH: line 1:28: Cannot apply operator: varchar = integer"),
        ("SELECT * FROM orders WHERE price IN ('1')", "TYPE_MISMATCH: "),
        ("SELECT lower(orderid) = quantity FROM orders", "TYPE_MISMATCH: "),
        ("SELECT CASE WHEN quantity > 1 THEN 'many' ELSE 1 END FROM orders", "TYPE_MISMATCH: "),
        ("SELECT DISTINCT ON (orderid) * FROM orders", "mismatched input 'ON'"),
        ("SELECT orderid || quantity FROM orders", r"TYPE_MISMATCH: .*varchar \|\| integer"),
        ("SELECT orderid FROM orders UNION SELECT price FROM orders", "TYPE_MISMATCH: column 1 in "
         "UNION query has incompatible types"),
        ("SELECT orderid, count(*) FROM orders", "EXPRESSION_NOT_AGGREGATE: 'orderid' must be an"),
        ("SELEC 1", "line 1:7: mismatched input"),
        ("SELECT 1; SELECT 2", "Only one sql statement is allowed"),
        ("SELECT * FROM orders TABLESAMPLE BERNOULLI (10)", "NOT_SUPPORTED: "),
        ("SELECT * FROM information_schema.tables", "NOT_SUPPORTED: information_schema"),
        ("WITH RECURSIVE r(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM r) SELECT n FROM r",
         "NOT_SUPPORTED: WITH RECURSIVE"),
        ("DROP TABLE orders", "NOT_SUPPORTED: "),
    ],
)  # fmt: skip
def test_failures(lake: Lake, query: str, message: str) -> None:
    with pytest.raises(QueryFailed, match=message):
        lake.rows(query)


@pytest.mark.behaviour("athena", "Views are expanded, in views too; one that needs itself fails.")
def test_views(lake: Lake) -> None:
    lake.view("phones", "SELECT * FROM Orders WHERE product_name = 'Phone'", ORDERS)
    lake.view(
        "totals", "WITH orders AS (SELECT * FROM phones) SELECT sum(quantity) FROM orders", {}
    )
    lake.view("endless", "SELECT * FROM endless", {})
    assert lake.rows("SELECT count(*) FROM phones p WHERE p.price > 0.1") == [(1,)]
    assert lake.rows("WITH phones AS (SELECT 1) SELECT * FROM totals") == [(4,)]
    with pytest.raises(QueryFailed, match=r"View 'awsdatacatalog.sales.endless' is recursive"):
        lake.rows("SELECT * FROM endless")


def test_the_shape_of_a_query_costs_nothing(lake: Lake) -> None:
    lake.put("orders/b.json", "no JSON")
    result = lake.engine.describe(
        "SELECT sum(price) AS Total, orderid FROM orders GROUP BY 2", "sales"
    )
    assert [(c.name, c.type, c.precision, c.scale) for c in result.columns] == [
        ("Total", "decimal", 38, 4),
        ("orderid", "varchar", 2147483647, 0),
    ]
    assert result.reader.read_all().num_rows == 0


@pytest.mark.behaviour("athena", "A query over its scan limit fails before anything is read.")
def test_scan_limit(lake: Lake) -> None:
    with pytest.raises(ScanLimitExceeded, match="Bytes scanned limit was exceeded"):
        lake.rows("SELECT * FROM orders", scan_limit=100)
    assert len(lake.rows("SELECT * FROM orders", scan_limit=10_000)) == 4


@pytest.mark.behaviour("athena", "A query that is cancelled stops while it works.")
def test_cancelling(lake: Lake) -> None:
    cancelled = threading.Event()
    endless = (
        "SELECT count(*) FROM UNNEST(sequence(1, 100000)) a(x), UNNEST(sequence(1, 100000)) b(y) "
        "WHERE x * y % 7 = 3"
    )
    timer = threading.Timer(0.2, cancelled.set)
    timer.start()
    with pytest.raises(QueryCancelled):
        lake.rows(endless, cancelled=cancelled)
    timer.join()


def test_queries_run_side_by_side(lake: Lake) -> None:
    query = "SELECT count(*), sum(quantity) FROM orders"
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: rows(lake.engine, query), range(12)))
    assert found == [[(4, 7)]] * 12


def test_local_copies_are_bounded_and_queries_leave_nothing(
    local_aws: LocalAws, tmp_path: Path
) -> None:
    lake = Lake(local_aws, tmp_path, capacity=1_000)
    lake.table("orders", {"orderid": "string"})
    for number in range(10):
        lake.put_json(f"orders/{number}.json", {"orderid": "x" * 300})
    assert lake.rows("SELECT count(*) FROM orders") == [(10,)]
    assert lake.rows("SELECT max(length(orderid)) FROM orders") == [(300,)]
    assert len(list((tmp_path / "objects").iterdir())) == 3
    assert list((tmp_path / "queries").iterdir()) == []


def test_a_result_that_is_dropped_leaves_nothing(lake: Lake, tmp_path: Path) -> None:
    result = lake.engine.select("SELECT * FROM orders", "sales")
    assert len(list((tmp_path / "queries").iterdir())) == 1
    result.reader.close()
    del result
    assert list((tmp_path / "queries").iterdir()) == []


@pytest.mark.behaviour("athena", "EXPLAIN says which objects a query reads, and how it works.")
def test_explain(lake: Lake) -> None:
    plan = lake.engine.explain("SELECT max(price) FROM orders", "sales")
    assert "Scan of sales.orders: 1 objects" in plan
    assert "s3://lake/orders/a.json" in plan
    assert "AGGREGATE" in plan.upper()
