"""Functions, held to the examples of Trino's documentation.

https://trino.io/docs/current/functions.html
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from athena_engine_lake import columns, engine_without_tables, rows
from localaws.athena.engine import Engine, QueryFailed


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Engine:
    scratch: Path = tmp_path_factory.mktemp("athena")
    return engine_without_tables(scratch)


def check(engine: Engine, expressions: dict[str, Any]) -> None:
    (found,) = rows(engine, f"SELECT {', '.join(expressions)}")
    assert dict(zip(expressions, found, strict=True)) == expressions


def local(text: str) -> datetime:
    """A timestamp without a zone."""
    return datetime.fromisoformat(text)


@pytest.mark.behaviour(
    "athena", "Texts: concat and || give NULL with NULL; split_part beyond, too."
)
def test_texts(engine: Engine) -> None:
    check(
        engine,
        {
            "'a' || 'b'": "ab",
            "'a' || CAST(NULL AS varchar)": None,
            "concat('a', CAST(NULL AS varchar))": None,
            "concat_ws(',', 'a', CAST(NULL AS varchar), 'b')": "a,b",
            "split('a,b', ',')": ["a", "b"],
            "split_part('a,b', ',', 2)": "b",
            "split_part('a,b', ',', 3)": None,
            "strpos('high', 'ig')": 2,
            "strpos('high', 'x')": 0,
            "position('l' IN 'hello')": 3,
            "substr('hello', 2, 2)": "el",
            "substr('hello', -3)": "llo",
            "substr('hello', 0)": "",
            "substring('hello' FROM 2 FOR 3)": "ell",
            "replace('abcabc', 'b')": "acac",
            "lpad('42', 5, '0')": "00042",
            "rpad('x', 3, '-')": "x--",
            "trim(' x ')": "x",
            "trim(LEADING '0' FROM '007')": "7",
            "reverse('abc')": "cba",
            "length('äb')": 2,
            "upper('a')": "A",
            "starts_with('abc', 'ab')": True,
            "chr(65)": "A",
            "codepoint('A')": 65,
            "translate('abcd', 'a', 'z')": "zbcd",
            "levenshtein_distance('apple', 'epplea')": 2,
            "to_hex(md5(to_utf8('a')))": "0CC175B9C0F1B6A831C399E269772661",
            "'a' LIKE 'A'": False,
            "'a_b' LIKE 'a!_b' ESCAPE '!'": True,
            "greatest('a', 'b')": "b",
            "greatest(1, CAST(NULL AS integer))": None,
        },
    )


def test_regular_expressions(engine: Engine) -> None:
    check(
        engine,
        {
            r"regexp_extract('1a 2b 14m', '\d+')": "1",
            r"regexp_extract('1a 2b 14m', '(\d+)([a-z]+)', 2)": "a",
            r"regexp_extract('none', '\d+')": None,
            r"regexp_extract_all('1a 2b 14m', '\d+')": ["1", "2", "14"],
            r"regexp_like('1a 2b 14m', '\d+b')": True,
            r"regexp_replace('1a 2b 14m', '\d+[ab] ')": "14m",
            r"regexp_replace('1a 2b 14m', '(\d+)([ab]) ', '3c$2 ')": "3ca 3cb 14m",
            r"regexp_split('1a 2b 14m', '\s*[a-z]+\s*')": ["1", "2", "14", ""],
            r"regexp_count('1a 2b 14m', '\s*[a-z]+\s*')": 3,
        },
    )


@pytest.mark.behaviour("athena", "date_diff counts the units that have passed, not the boundaries.")
def test_dates(engine: Engine) -> None:
    check(
        engine,
        {
            "DATE '2020-01-31' + INTERVAL '1' MONTH": date(2020, 2, 29),
            "date_add('month', 1, DATE '2020-01-31')": date(2020, 2, 29),
            "date_add('second', 86, TIMESTAMP '2020-03-01 00:00')": local("2020-03-01T00:01:26"),
            "date_add('quarter', 1, DATE '2020-01-01')": date(2020, 4, 1),
            "date_diff('day', TIMESTAMP '2020-01-01 23:00', TIMESTAMP '2020-01-02 01:00')": 0,
            "date_diff('second', TIMESTAMP '2020-03-01 00:00', DATE '2020-03-02')": 86400,
            "date_diff('day', DATE '2020-03-01', DATE '2020-02-28')": -2,
            "date_trunc('month', DATE '2020-03-05')": date(2020, 3, 1),
            "date_trunc('hour', TIMESTAMP '2001-08-22 03:04:05.321')": local("2001-08-22T03:00"),
            "DATE '2020-01-03' - DATE '2020-01-01' = INTERVAL '2' DAY": True,
            "day_of_week(DATE '2020-05-03')": 7,
            "EXTRACT(DOW FROM DATE '2020-05-03')": 7,
            "week(DATE '2020-12-31')": 53,
            "year_of_week(DATE '2021-01-01')": 2020,
            "millisecond(TIMESTAMP '2020-01-01 00:00:01.234')": 234,
            "last_day_of_month(DATE '2020-02-05')": date(2020, 2, 29),
            "to_unixtime(TIMESTAMP '1970-01-01 00:01:00')": 60.0,
            "from_unixtime(1752161982)": datetime(2025, 7, 10, 15, 39, 42, tzinfo=UTC),
            "from_iso8601_timestamp('2020-05-11T11:15:05.055+01:00')": datetime(
                2020, 5, 11, 10, 15, 5, 55_000, tzinfo=UTC
            ),
            "from_iso8601_timestamp_nanos('2020-05-11T11:15:05.055123+01:00')": datetime(
                2020, 5, 11, 10, 15, 5, 55_123, tzinfo=UTC
            ),
            "try(from_iso8601_timestamp_nanos('2020-05-11'))": None,
            "from_iso8601_date('2020-05-11')": date(2020, 5, 11),
            "to_iso8601(DATE '2020-05-11')": "2020-05-11",
            "date('2020-05-11')": date(2020, 5, 11),
            "CAST(TIMESTAMP '2020-05-11 10:00:00' AS varchar)": "2020-05-11 10:00:00.000",
            "CAST('2020-05-11' AS date) > DATE '2020-05-10'": True,
            "sequence(DATE '2020-01-01', DATE '2020-01-03')": [date(2020, 1, d) for d in (1, 2, 3)],
        },
    )  # fmt: skip


@pytest.mark.behaviour("athena", "date_format and date_parse take MySQL's formats.")
def test_formats_of_mysql(engine: Engine) -> None:
    moment = "TIMESTAMP '2022-10-20 05:10:00'"
    check(
        engine,
        {
            f"date_format({moment}, '%m-%d-%Y %H')": "10-20-2022 05",
            f"date_format({moment}, '%Y-%c-%e %h:%i:%s %p')": "2022-10-20 05:10:00 AM",
            f"date_format({moment}, '%W %M %j')": "Thursday October 293",
            "date_parse('2022/10/20/05', '%Y/%m/%d/%H')": local("2022-10-20T05:00"),
        },
    )
    with pytest.raises(QueryFailed, match="%D not supported in date format string"):
        rows(engine, f"SELECT date_format({moment}, '%D')")


def test_formats_of_joda(engine: Engine) -> None:
    moment = "TIMESTAMP '2022-10-20 05:10:00'"
    check(
        engine,
        {
            f"format_datetime({moment}, 'yyyy-MM-dd''T''HH:mm:ss.SSS Z')": (
                "2022-10-20T05:10:00.000 +0000"
            ),
            "parse_datetime('20.10.2022 07', 'dd.MM.yyyy HH')": datetime(
                2022, 10, 20, 7, tzinfo=UTC
            ),
        },
    )


@pytest.mark.behaviour("athena", "current_timestamp and its like are the same throughout a query.")
def test_the_clock_stands_still_in_a_query(engine: Engine) -> None:
    check(
        engine,
        {
            "current_date": date(2025, 7, 11),
            "now()": datetime(2025, 7, 11, 8, 30, 15, 250_000, tzinfo=UTC),
            "current_timestamp = now()": True,
            "localtimestamp": local("2025-07-11T08:30:15.250"),
            "current_timestamp AT TIME ZONE 'UTC' = now()": True,
            "hour(current_timestamp AT TIME ZONE 'Europe/Berlin')": 10,
        },
    )


@pytest.mark.behaviour(
    "athena", "CAST takes no ISO 8601 text for a timestamp; from_iso8601_timestamp does."
)
def test_iso_texts_are_no_timestamps(engine: Engine) -> None:
    message = "INVALID_CAST_ARGUMENT: Value cannot be cast to timestamp: 2025-07-10T14:05:24Z"
    with pytest.raises(QueryFailed, match=message):
        rows(engine, "SELECT CAST('2025-07-10T14:05:24Z' AS timestamp)")


@pytest.mark.behaviour("athena", "A subscript beyond an array fails; element_at gives NULL.")
def test_arrays(engine: Engine) -> None:
    check(
        engine,
        {
            "element_at(ARRAY[1, 2], 5)": None,
            "element_at(ARRAY[1, 2], -1)": 2,
            "ARRAY[1, 2][2]": 2,
            "cardinality(ARRAY[1, 2])": 2,
            "contains(ARRAY[1, 2], 2)": True,
            "contains(ARRAY[1, NULL], 2)": None,
            "array_distinct(ARRAY[1, 2, 1, NULL, NULL])": [1, 2, None],
            "array_join(ARRAY[1, NULL, 3], '-')": "1-3",
            "array_join(ARRAY[1, NULL, 3], '-', '?')": "1-?-3",
            "array_sort(ARRAY[3, NULL, 1])": [1, 3, None],
            "array_max(ARRAY[1, 3])": 3,
            "array_max(ARRAY[1, NULL])": None,
            "array_position(ARRAY[5, 6], 6)": 2,
            "array_remove(ARRAY[1, 2, 1], 1)": [2],
            "array_union(ARRAY[1], ARRAY[2, 1])": [1, 2],
            "array_intersect(ARRAY[1, 2, 2], ARRAY[2])": [2],
            "array_except(ARRAY[1, 2], ARRAY[2])": [1],
            "slice(ARRAY[1, 2, 3, 4], 2, 2)": [2, 3],
            "slice(ARRAY[1, 2, 3, 4], -2, 2)": [3, 4],
            "sequence(1, 5, 2)": [1, 3, 5],
            "flatten(ARRAY[ARRAY[1], ARRAY[2]])": [1, 2],
            "repeat('x', 2)": ["x", "x"],
            "ARRAY[1] || ARRAY[2]": [1, 2],
            "filter(ARRAY[5, NULL, 7], x -> x IS NOT NULL)": [5, 7],
            "reduce(ARRAY[5, 20, 50], 0, (s, x) -> s + x, s -> s / 2)": 37,
            "any_match(ARRAY[1, 2], x -> x > 1)": True,
            "all_match(ARRAY[1, 2], x -> x > 1)": False,
            "none_match(ARRAY[1, 2], x -> x > 2)": True,
            "transform(ARRAY[ARRAY[1], ARRAY[2, 3]], a -> transform(a, x -> x * 2))": [[2], [4, 6]],
        },
    )
    with pytest.raises(QueryFailed, match="Array subscript must be less than or equal to"):
        rows(engine, "SELECT ARRAY[1, 2][3]")


def test_maps_and_rows(engine: Engine) -> None:
    check(
        engine,
        {
            "MAP(ARRAY['a'], ARRAY[1])['a']": 1,
            "element_at(MAP(ARRAY['a'], ARRAY[1]), 'b')": None,
            "map_keys(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))": ["a", "b"],
            "cardinality(MAP(ARRAY['a', 'b'], ARRAY[1, 2]))": 2,
            "CAST(ROW(1, 'x') AS ROW(a integer, b varchar)).b": "x",
        },
    )
    with pytest.raises(QueryFailed, match="Key not present in map: b"):
        rows(engine, "SELECT MAP(ARRAY['a'], ARRAY[1])['b']")


@pytest.mark.behaviour(
    "athena", "json_extract_scalar gives scalars as they are written, and NULL for all else."
)
def test_json(engine: Engine) -> None:
    text = '\'{"a": {"b": "x"}, "n": 1.10, "big": 12345678901234567.1234, "t": true, "z": null}\''
    check(
        engine,
        {
            f"json_extract_scalar({text}, '$.a.b')": "x",
            f"json_extract_scalar({text}, '$.a')": None,
            f"json_extract_scalar({text}, '$.n')": "1.10",
            f"json_extract_scalar({text}, '$.big')": "12345678901234567.1234",
            f"json_extract_scalar({text}, '$.t')": "true",
            f"json_extract_scalar({text}, '$.z')": None,
            f"json_extract_scalar({text}, '$.none')": None,
            f"""json_extract_scalar({text}, '$["a"]["b"]')""": "x",
            "json_extract_scalar('no JSON', '$.a')": None,
            "json_extract_scalar('[1, 2]', '$[1]')": "2",
            f"json_format(json_extract({text}, '$.a'))": '{"b":"x"}',
            "CAST(json_extract('{\"a\": 5}', '$.a') AS integer)": 5,
            "CAST(json_parse('[1, 2]') AS array(integer))": [1, 2],
            "json_array_length('[1, 2]')": 2,
            "json_array_contains('[1, 2]', 2)": True,
            f"json_size({text}, '$.a')": 1,
            "json_format(CAST(ARRAY[1, 2] AS json))": "[1,2]",
        },
    )


def test_aggregates(engine: Engine) -> None:
    (found,) = rows(
        engine,
        """SELECT max_by(name, n), min_by(name, n), array_agg(name ORDER BY n DESC),
                  listagg(name, '+') WITHIN GROUP (ORDER BY n), approx_distinct(name),
                  approx_percentile(n, 0.5), bool_or(n > 2), arbitrary(1), max(n, 2), histogram(n)
           FROM (VALUES ('a', 1), ('b', 2), ('c', 3)) AS v(name, n)""",
    )
    assert found == (
        "c", "a", ["c", "b", "a"], "a+b+c", 3, 2, True, 1, [3, 2], [(1, 1), (2, 1), (3, 1)]
    )  # fmt: skip


@pytest.mark.behaviour("athena", "A function that isn't emulated is refused by its name.")
@pytest.mark.parametrize(
    "call", ["st_point(1, 2)", "url_extract_host('x')", "map_agg(1, 2)", "strftime(now(), '%Y')"]
)
def test_unknown_functions(engine: Engine, call: str) -> None:
    name = call.partition("(")[0]
    with pytest.raises(QueryFailed, match=name):
        rows(engine, f"SELECT {call}")


def test_types_of_results(engine: Engine) -> None:
    query = """SELECT 'x', 1, 3000000000, 1.5, 1e0, true, DATE '2020-01-01', ARRAY[1],
                      TIMESTAMP '2020-01-01 00:00', now(), MAP(ARRAY[1], ARRAY[2]), ROW(1),
                      CAST(1 AS real), X'65', CAST(1 AS tinyint), json_parse('1')"""
    assert [column.type for column in columns(engine, query)] == [
        "varchar", "integer", "bigint", "decimal", "double", "boolean", "date", "array",
        "timestamp", "timestamp with time zone", "map", "row", "float", "varbinary", "tinyint",
        "json",
    ]  # fmt: skip


@pytest.mark.behaviour(
    "athena",
    "checksum() tells whether two sets of rows are the same, in whatever order; its value is "
    "another one than Trino's.",
)
def test_checksums_do_not_depend_on_the_order(engine: Engine) -> None:
    def checksum(*values: str, of: str = "checksum(x)") -> Any:
        listed = ", ".join(f"({value})" for value in values)
        ((found,),) = rows(engine, f"SELECT {of} FROM (VALUES {listed}) AS t (x)")
        return found

    assert checksum("1", "2", "NULL") == checksum("NULL", "2", "1")
    different = {
        checksum("1", "2"),
        checksum("1", "2", "2"),
        checksum("1", "2", "NULL"),
        checksum("1", "3"),
        checksum("NULL"),
    }
    assert len(different) == 5
    assert all(isinstance(value, bytes) and len(value) == 8 for value in different)
    assert checksum("1", "2", "2", of="checksum(DISTINCT x)") == checksum("1", "2")
    assert checksum("1", "2", of="checksum(x) FILTER (WHERE x < 2)") == checksum("1")
    assert checksum("1", of="checksum(x) FILTER (WHERE x > 5)") is None
    row = "checksum(ROW(x, ARRAY[x], CAST(x AS decimal(18,4)), TIMESTAMP '2026-01-01 00:00:00'))"
    assert checksum("1", "2", of=row) == checksum("2", "1", of=row)
