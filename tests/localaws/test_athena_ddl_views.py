"""Views, as Athena stores them in the catalogue."""

from __future__ import annotations

import base64
import json

import pytest

from athena_queries import Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


@pytest.mark.behaviour(
    "athena",
    "CREATE VIEW stores the query in the catalogue as a VIRTUAL_VIEW: Presto's JSON in base64, and "
    "columns with Hive's types.",
)
def test_a_view_is_stored_as_athena_stores_it(athena: Athena) -> None:
    query = "SELECT 1 AS n, 'x' AS Text, DECIMAL '1.50' AS price, ARRAY[1.5E0] AS list"
    execution = athena.run(f"CREATE OR REPLACE VIEW both AS {query}")
    assert execution["SubstatementType"] == "CREATE_VIEW"

    view = athena.table("both")
    assert view["TableType"] == "VIRTUAL_VIEW"
    assert view["Parameters"] == {"presto_view": "true", "comment": "Presto View"}
    assert view["ViewExpandedText"] == "/* Presto View */"
    assert [(c["Name"], c["Type"]) for c in view["StorageDescriptor"]["Columns"]] == [
        ("n", "int"),
        ("text", "string"),
        ("price", "decimal(3,2)"),
        ("list", "array<double>"),
    ]
    text = view["ViewOriginalText"]
    encoded = text.removeprefix("/* Presto View: ").removesuffix(" */")
    assert json.loads(base64.b64decode(encoded)) == {
        "originalSql": query,
        "catalog": "awsdatacatalog",
        "schema": "sales",
        "columns": [
            {"name": "n", "type": "integer"},
            {"name": "text", "type": "varchar"},
            {"name": "price", "type": "decimal(3,2)"},
            {"name": "list", "type": "array(double)"},
        ],
    }
    assert athena.rows("SELECT n + 1 AS m FROM both") == [["m"], ["2"]]


@pytest.mark.behaviour("athena", "SHOW CREATE VIEW gives the query; DESCRIBE gives Trino's types.")
def test_a_view_is_shown(athena: Athena) -> None:
    athena.run("CREATE VIEW v AS SELECT 1 AS n,\n       'x' AS s")
    assert athena.lines("SHOW CREATE VIEW v") == [
        "CREATE VIEW sales.v AS",
        "SELECT 1 AS n,",
        "       'x' AS s",
    ]
    execution = athena.run("DESCRIBE v")
    assert execution["SubstatementType"] == "DESC_VIEW"
    assert athena.lines("DESCRIBE v") == ["n\tinteger", "s\tvarchar"]


@pytest.mark.behaviour("athena", "A view is replaced only with OR REPLACE, and never a table.")
def test_a_view_is_replaced_on_request_only(athena: Athena) -> None:
    athena.run("CREATE VIEW v AS SELECT 1 AS n")
    reason = athena.failure("CREATE VIEW v AS SELECT 2 AS n")
    assert "View already exists: 'awsdatacatalog.sales.v'" in reason
    athena.run("CREATE OR REPLACE VIEW v AS SELECT 2 AS n, 3 AS m")
    assert athena.rows("SELECT * FROM v") == [["n", "m"], ["2", "3"]]
    athena.run("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://lake/t/'")
    assert "Table already exists" in athena.failure("CREATE OR REPLACE VIEW t AS SELECT 1 AS n")


def test_a_view_of_a_faulty_query_is_not_made(athena: Athena) -> None:
    assert "TABLE_NOT_FOUND" in athena.failure("CREATE VIEW v AS SELECT * FROM missing")
    assert "Column name not specified at position 2" in athena.failure(
        "CREATE VIEW v AS SELECT 1 AS a, 2"
    )
    assert "specified more than once" in athena.failure("CREATE VIEW v AS SELECT 1 AS a, 2 AS A")
    assert athena.lines("SHOW VIEWS") == []


def test_a_view_reads_no_data_when_it_is_made(athena: Athena) -> None:
    athena.put("orders/a.json", '{"n": 1}\n' * 1000)
    athena.run(
        "CREATE EXTERNAL TABLE orders (n int) "
        "ROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe' LOCATION 's3://lake/orders/'"
    )
    made = athena.run("CREATE VIEW total AS SELECT sum(n) AS n FROM orders")
    assert made["Statistics"]["DataScannedInBytes"] == 0
    assert athena.rows("SELECT n FROM total") == [["n"], ["1000"]]


def test_drop_view(athena: Athena) -> None:
    athena.run("CREATE VIEW v AS SELECT 1 AS n")
    assert "Cannot drop a view with DROP TABLE" in athena.failure("DROP TABLE v")
    athena.run("DROP VIEW v")
    assert "does not exist" in athena.failure("DROP VIEW v")
    athena.run("DROP VIEW IF EXISTS v")
    athena.run("CREATE EXTERNAL TABLE t (a int) LOCATION 's3://lake/t/'")
    assert "is a table, not a view" in athena.failure("DROP VIEW t")
