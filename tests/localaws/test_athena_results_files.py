"""Result files, and the pages that GetQueryResults reads from them."""

from __future__ import annotations

import io

import pyarrow as pa
import pytest
from botocore.exceptions import ClientError

from athena_queries import OUTPUT, Athena, values
from localaws.athena.values import printed
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def sequence(last: int) -> str:
    return f"SELECT n FROM UNNEST(sequence(1, {last})) AS t(n) ORDER BY n"


@pytest.mark.behaviour(
    "athena",
    "A SELECT's <id>.csv has a header and lines that end with \\n; every value but NULL is in "
    "double quotes, which are doubled inside; NULL is empty.",
)
def test_a_csv_result_is_quoted_as_athena_quotes_it(athena: Athena) -> None:
    execution = athena.run(
        "SELECT 1 AS i, 'it''s' AS s, 'a\"b' AS q, CAST(NULL AS varchar) AS n, '' AS empty, "
        "'two\nlines' AS l"
    )
    text = athena.text(execution["ResultConfiguration"]["OutputLocation"])
    assert text == '"i","s","q","n","empty","l"\n"1","it\'s","a""b",,"","two\nlines"\n'


def test_a_result_without_rows_has_its_header(athena: Athena) -> None:
    execution = athena.run("SELECT 1 AS i WHERE false")
    assert athena.text(execution["ResultConfiguration"]["OutputLocation"]) == '"i"\n'


@pytest.mark.behaviour(
    "athena",
    "Values are printed as Athena prints them: timestamps with milliseconds, doubles as Java, "
    "decimals with their scale, arrays [a, b], maps {k=v}, rows {a=1}, binaries in hexadecimal.",
)
@pytest.mark.parametrize(
    ("expression", "kind", "text"),
    [
        ("true", "boolean", "true"),
        ("BIGINT '9223372036854775807'", "bigint", "9223372036854775807"),
        ("1E10", "double", "1.0E10"),
        ("0.1E0 + 0.2E0", "double", "0.30000000000000004"),
        ("1E-4", "double", "1.0E-4"),
        ("100E0", "double", "100.0"),
        ("infinity()", "double", "Infinity"),
        ("DECIMAL '1.10'", "decimal", "1.10"),
        ("DECIMAL '0.00000001'", "decimal", "0.00000001"),
        ("DATE '2026-01-01'", "date", "2026-01-01"),
        ("TIMESTAMP '2026-01-01 12:00:00.000'", "timestamp", "2026-01-01 12:00:00.000"),
        ("ARRAY['a', 'b', NULL]", "array", "[a, b, null]"),
        ("MAP(ARRAY['k'], ARRAY[1])", "map", "{k=1}"),
        ("CAST(ROW(1, 'x') AS ROW(a integer, b varchar))", "row", "{a=1, b=x}"),
        ("X'DEAD'", "varbinary", "de ad"),
    ],
)
def test_values_are_printed_as_athena_prints_them(
    athena: Athena, expression: str, kind: str, text: str
) -> None:
    answer = athena.answer(f"SELECT {expression} AS v")
    assert values(answer) == [["v"], [text]]
    assert answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"][0]["Type"] == kind


def test_a_column_of_doubles_is_printed_the_same_with_and_without_exponents() -> None:
    some = [0.001, 1.0, -2.5, 123456.75, 9999999.0, None, 0.0]
    alone = printed(pa.array(some)).to_pylist()
    beside = printed(pa.array([*some, 1e300])).to_pylist()
    assert beside == [*alone, "1.0E300"]
    assert alone == ["0.001", "1.0", "-2.5", "123456.75", "9999999.0", None, "0.0"]


@pytest.mark.behaviour(
    "athena",
    "GetQueryResults gives a SELECT's header as the first row, leaves out VarCharValue for NULL, "
    "and describes the columns.",
)
def test_results_have_a_header_row_and_column_info(athena: Athena) -> None:
    answer = athena.answer("SELECT 'x' AS a, CAST(NULL AS integer) AS b, DECIMAL '1.50' AS c")
    assert answer["ResultSet"]["Rows"][1]["Data"] == [
        {"VarCharValue": "x"},
        {},
        {"VarCharValue": "1.50"},
    ]
    a, b, c = answer["ResultSet"]["ResultSetMetadata"]["ColumnInfo"]
    assert a == {
        "CatalogName": "hive",
        "SchemaName": "",
        "TableName": "",
        "Name": "a",
        "Label": "a",
        "Type": "varchar",
        "Precision": a["Precision"],
        "Scale": 0,
        "Nullable": "UNKNOWN",
        "CaseSensitive": True,
    }
    assert (b["Type"], b["Precision"], b["CaseSensitive"]) == ("integer", 10, False)
    assert (c["Type"], c["Precision"], c["Scale"]) == ("decimal", 3, 2)
    assert answer["UpdateCount"] == 0


@pytest.mark.behaviour(
    "athena",
    "Results come in pages of up to 1,000 rows, the header counted; a bad token is refused.",
)
def test_results_come_in_pages(athena: Athena) -> None:
    query_id = athena.run(sequence(2500))["QueryExecutionId"]
    pages = athena.client.get_paginator("get_query_results").paginate(QueryExecutionId=query_id)
    rows = [values(page) for page in pages]
    assert [len(page) for page in rows] == [1000, 1000, 501]
    assert [row[0] for page in rows for row in page] == ["n", *map(str, range(1, 2501))]
    few = athena.client.get_query_results(QueryExecutionId=query_id, MaxResults=2)
    assert values(few) == [["n"], ["1"]]
    with pytest.raises(ClientError, match="Malformed nextPageToken nonsense"):
        athena.client.get_query_results(QueryExecutionId=query_id, NextToken="nonsense")


def test_a_page_may_end_where_the_result_ends(athena: Athena) -> None:
    query_id = athena.run(sequence(3))["QueryExecutionId"]
    answer = athena.client.get_query_results(QueryExecutionId=query_id, MaxResults=4)
    assert len(values(answer)) == 4
    assert "NextToken" not in answer


def test_another_querys_token_is_refused(athena: Athena) -> None:
    first = athena.run(sequence(3))["QueryExecutionId"]
    token = athena.client.get_query_results(QueryExecutionId=first, MaxResults=1)["NextToken"]
    second = athena.run(sequence(4))["QueryExecutionId"]
    with pytest.raises(ClientError, match="Malformed nextPageToken"):
        athena.client.get_query_results(QueryExecutionId=second, NextToken=token)


@pytest.mark.behaviour("athena", "A large result is written in parts, and is there whole or not.")
def test_a_large_result_is_written_in_parts(athena: Athena) -> None:
    execution = athena.run(
        "SELECT n, lpad('x', 1000, 'x') AS text FROM UNNEST(sequence(1, 10000)) AS t(n)"
    )
    location = execution["ResultConfiguration"]["OutputLocation"]
    text = athena.text(location)
    assert len(text) > 10_000_000
    assert text.count("\n") == 10_001
    pages = athena.client.get_paginator("get_query_results").paginate(
        QueryExecutionId=execution["QueryExecutionId"]
    )
    numbers = [row[0] for page in pages for row in values(page)][1:]
    assert sorted(numbers, key=str) == sorted(map(str, range(1, 10_001)))


def test_a_query_that_fails_while_it_is_read_leaves_no_result(athena: Athena) -> None:
    reason = athena.failure(
        "SELECT 10 / (n - 90000) AS q FROM UNNEST(sequence(1, 100000)) AS t(n) WHERE n > 10"
    )
    assert "DIVISION_BY_ZERO" in reason
    assert athena.keys("results/") == []


@pytest.mark.behaviour(
    "athena",
    "DDL and SHOW leave <id>.txt, without a header, its columns apart by tabs; Hive's failures lie "
    "there too.",
)
def test_a_text_result_has_no_header(athena: Athena) -> None:
    created = athena.run("CREATE DATABASE other")
    assert created["ResultConfiguration"]["OutputLocation"].endswith(
        f"{created['QueryExecutionId']}.txt"
    )
    assert athena.text(created["ResultConfiguration"]["OutputLocation"]) == ""
    shown = athena.run("SHOW DATABASES")
    assert (shown["StatementType"], shown["SubstatementType"]) == ("UTILITY", "SHOW_DATABASES")
    assert athena.text(shown["ResultConfiguration"]["OutputLocation"]) == "other\nsales"

    failed = athena.finished("DROP TABLE missing")
    reason = failed["Status"]["StateChangeReason"]
    assert reason.startswith("FAILED: SemanticException")
    assert athena.text(failed["ResultConfiguration"]["OutputLocation"]) == reason


@pytest.mark.behaviour(
    "athena",
    "EXPLAIN gives the plan as text, with a header in GetQueryResults only; DML, unscanned.",
)
def test_explain_gives_a_plan(athena: Athena) -> None:
    execution = athena.run("EXPLAIN SELECT 1")
    assert (execution["StatementType"], execution["SubstatementType"]) == ("DML", "EXPLAIN")
    assert execution["Statistics"]["DataScannedInBytes"] == 0
    text = athena.text(execution["ResultConfiguration"]["OutputLocation"])
    query_id = execution["QueryExecutionId"]
    rows = values(athena.client.get_query_results(QueryExecutionId=query_id))
    assert rows == [["Query Plan"], *([line] for line in text.split("\n"))]
    pages = athena.client.get_paginator("get_query_results").paginate(
        QueryExecutionId=query_id, PaginationConfig={"PageSize": 1}
    )
    assert [row for page in pages for row in values(page)] == rows


@pytest.mark.behaviour(
    "athena", "Beside a result lies its .metadata: protobuf, with the columns as in ColumnInfo."
)
def test_columns_are_described_beside_the_result(athena: Athena) -> None:
    execution = athena.run("SELECT ARRAY[1] AS ary")
    location = execution["ResultConfiguration"]["OutputLocation"].removeprefix("s3://lake/")
    body = athena.s3.get_object(Bucket="lake", Key=location + ".metadata")["Body"].read()
    described = io.BytesIO(body)
    assert described.read(1) == b"\x0a"
    described.read(described.read(1)[0])
    # What Athena wrote for this query, apart from the engine's query id before it.
    assert described.read() == bytes.fromhex(
        "22190a046869766522036172792a036172793205617272617948 03".replace(" ", "")
    )


def test_an_unknown_bucket_fails_the_query(athena: Athena) -> None:
    elsewhere = {"OutputLocation": "s3://no-such-bucket/"}
    assert "NoSuchBucket" in athena.failure("SELECT 1", ResultConfiguration=elsewhere)


def test_a_result_that_was_deleted_is_not_found(athena: Athena) -> None:
    query_id = athena.run("SELECT 1")["QueryExecutionId"]
    key = OUTPUT.removeprefix("s3://lake/") + f"{query_id}.csv"
    athena.s3.delete_object(Bucket="lake", Key=key)
    with pytest.raises(ClientError, match="Could not find results"):
        athena.client.get_query_results(QueryExecutionId=query_id)
