"""Which statements are questions: those that read, one at a time, whatever they are dressed in."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.questions.guard import MAX_BYTES, MAX_NESTING, Refused, question

READING = [
    "SELECT 1",
    "select\n1",
    "WITH sold AS (SELECT 1) SELECT * FROM sold",
    "VALUES (1, 'a'), (2, 'b')",
    "TABLE orders_current",
    "(SELECT 1) UNION ALL (SELECT 2)",
    "SELECT 1;",
    "SELECT ';' AS separator",
    'SELECT "delete" AS "insert" FROM "drop"',
    "SELECT 'DELETE FROM orders' AS said",
    'SELECT update, merge, call FROM orders WHERE "a;b" = 1',
    "SELECT replace(a, 'x', 'y'), truncate(1.5), if(a, b, c) FROM orders",
    "SELECT transform(a, x -> x + 1) FROM orders CROSS JOIN UNNEST(b) WITH ORDINALITY AS t (c, d)",
    "SELECT sum(a) FILTER (WHERE b) OVER (PARTITION BY c ORDER BY d) FROM orders TABLESAMPLE"
    " BERNOULLI (10)",
    'SELECT * FROM "orders$history" FOR VERSION AS OF 1',
    "SELECT * FROM TABLE(exclude_columns(input => TABLE(db.orders), columns => DESCRIPTOR(a)))",
    "SHOW TABLES",
    "SHOW TABLES IN lake 'it\\'s;'",
    "SHOW CREATE VIEW orders_current",
    "SHOW PARTITIONS orders_changelog",
    "DESCRIBE orders",
    "DESC FORMATTED `orders;`",
    "EXPLAIN SELECT 1",
    "EXPLAIN ANALYZE VERBOSE SELECT 1",
    "EXPLAIN (TYPE IO, FORMAT JSON) SELECT 1",
    "EXPLAIN (SELECT 1)",
    "EXPLAIN SHOW TABLES",
]
REFUSED = {
    # what writes → what it is called, and where it stands
    "DELETE FROM orders": ("DELETE", 1, 1),
    "delete from orders": ("DELETE", 1, 1),
    "UPDATE orders SET price = 0": ("UPDATE", 1, 1),
    "INSERT INTO orders SELECT 1": ("INSERT INTO", 1, 1),
    "INSERT OVERWRITE orders SELECT 1": ("INSERT OVERWRITE", 1, 1),
    "FROM orders INSERT OVERWRITE TABLE x SELECT 1": ("FROM", 1, 1),
    "MERGE INTO orders USING b ON true WHEN MATCHED THEN DELETE": ("MERGE INTO", 1, 1),
    "CREATE TABLE x AS SELECT 1": ("CREATE TABLE AS", 1, 1),
    "CREATE TABLE x (a int)": ("CREATE TABLE", 1, 1),
    "CREATE EXTERNAL TABLE x (a int)": ("CREATE EXTERNAL TABLE", 1, 1),
    "CREATE OR REPLACE VIEW x AS SELECT 1": ("CREATE OR REPLACE VIEW", 1, 1),
    "CREATE DATABASE x": ("CREATE DATABASE", 1, 1),
    "DROP TABLE orders": ("DROP TABLE", 1, 1),
    "DROP VIEW orders_current": ("DROP VIEW", 1, 1),
    "ALTER TABLE orders DROP PARTITION (a = 1)": ("ALTER TABLE", 1, 1),
    "MSCK REPAIR TABLE orders": ("MSCK REPAIR TABLE", 1, 1),
    "OPTIMIZE orders REWRITE DATA USING BIN_PACK": ("OPTIMIZE", 1, 1),
    "VACUUM orders": ("VACUUM", 1, 1),
    "TRUNCATE TABLE orders": ("TRUNCATE TABLE", 1, 1),
    "UNLOAD (SELECT 1) TO 's3://elsewhere/' WITH (format = 'JSON')": ("UNLOAD", 1, 1),
    "CALL system.sync_partition_metadata('a', 'b', 'FULL')": ("CALL", 1, 1),
    "PREPARE x FROM DELETE FROM orders": ("PREPARE", 1, 1),
    "EXECUTE x": ("EXECUTE", 1, 1),
    "EXECUTE IMMEDIATE 'DELETE FROM orders'": ("EXECUTE IMMEDIATE", 1, 1),
    "DEALLOCATE PREPARE x": ("DEALLOCATE PREPARE", 1, 1),
    "GRANT SELECT ON orders TO x": ("GRANT", 1, 1),
    "SET SESSION a = 1": ("SET SESSION", 1, 1),
    "START TRANSACTION": ("START TRANSACTION", 1, 1),
    "REFRESH MATERIALIZED VIEW x": ("REFRESH MATERIALIZED VIEW", 1, 1),
    "USING EXTERNAL FUNCTION f(a int) RETURNS int LAMBDA 'x' SELECT f(1)": (
        "USING EXTERNAL FUNCTION",
        1,
        1,
    ),
    # what hides it
    "-- SELECT 1\nDELETE FROM orders": ("DELETE", 2, 1),
    "/* SELECT */ DELETE FROM orders": ("DELETE", 1, 14),
    "-- a\rDELETE FROM orders": ("DELETE", 1, 6),
    "/* /* */ DELETE FROM orders WHERE a IN ( -- */\n SELECT a FROM b ) -- */": ("DELETE", 1, 10),
    "{# SELECT #} DELETE FROM orders": ("DELETE", 1, 14),
    "EXPLAIN ANALYZE DELETE FROM orders": ("DELETE", 1, 17),
    "EXPLAIN ANALYZE\nINSERT INTO orders SELECT 1": ("INSERT INTO", 2, 1),
    "EXPLAIN (FORMAT JSON) CREATE TABLE x AS SELECT 1": ("CREATE TABLE AS", 1, 23),
    "EXPLAIN EXPLAIN ANALYZE UNLOAD (SELECT 1) TO 's3://a/'": ("not another EXPLAIN", 1, 9),
    "EXPLAIN " * 1000 + "SELECT 1": ("not another EXPLAIN", 1, 9),
    "WITH a AS (DELETE FROM orders RETURNING *) SELECT * FROM a": ("DELETE", 1, 1),
    "WITH a AS (SELECT 1) INSERT INTO orders SELECT * FROM a": ("INSERT", 1, 1),
    "SELECT * INTO x FROM orders": ("SELECT INTO", 1, 1),
    "SELECT * FROM TABLE(system.query(query => 'DELETE FROM orders'))": ("system.query", 1, 15),
    # a second statement
    "SELECT 1; DELETE FROM orders": ("one statement at a time", 1, 9),
    "SELECT 1 -- ;\n; DELETE FROM orders": ("one statement at a time", 2, 1),
    "SHOW TABLES ';' ; DROP TABLE orders": ("one statement at a time", 1, 17),
    "DESCRIBE `a;b` ; DROP TABLE orders": ("one statement at a time", 1, 16),
    "SELECT 1 # ; SELECT 2": ("one statement at a time", 1, 12),
    # what is no statement
    "": ("there is no question", 1, 1),
    " ; ": ("there is no question", 1, 1),
    "-- SELECT 1": ("there is no question", 1, 1),
    "EXPLAIN": ("EXPLAIN needs a statement", 1, 1),
    "SELEC 1": ("not with SELEC", 1, 1),
    '"SELECT" 1': ('not with "SELECT"', 1, 1),
    "SELECT\n 'a": ("a quotation mark isn't closed", 2, 2),
    "SELECT 'it''s' || 'a": ("a quotation mark isn't closed", 1, 19),
    "SELECT '/*'\n /* '": ("a comment isn't closed", 2, 2),
    "SELECT X'zz'": ("can't be read", 1, 1),
    "TABLE": ("no complete query", 1, 1),
    "EXPLAIN (SELECT 1) DELETE": ("no complete query", 1, 9),
    "SELECT '\ud800'": ("isn't text", 1, 1),
    "SELECT " + "(" * 5000 + "1" + ")" * 5000: ("nested too deeply", 1, 8 + MAX_NESTING),
    "SELECT " + "NOT " * 5000 + "a": ("nested too deeply", 1, 1),
    "SELECT '" + "a" * MAX_BYTES + "'": ("32,768", 1, 1),
}


@pytest.mark.parametrize("sql", READING)
def test_what_reads_is_sent_as_it_was_asked(sql: str) -> None:
    assert question(sql) == sql.rstrip(";")


@pytest.mark.parametrize("number", range(len(REFUSED)))
def test_what_does_not_read_is_refused_by_its_name_and_place(number: int) -> None:
    sql, (named, line, column) = list(REFUSED.items())[number]
    with pytest.raises(Refused) as refused:
        question(sql)
    assert named in str(refused.value)
    assert (refused.value.line, refused.value.column) == (line, column)


#: What sqlglot reads again and again, or the guard did, as long as a question may be.
SLOW = {
    "types": "SELECT " + "ROW(" * 20 + "1" + ")" * 20,
    "arrays": "SELECT " + "ARRAY[" * 20 + "1" + "]" * 20,
    "both": "SELECT " + "ROW(ARRAY[" * 15 + "1" + "])" * 15,
    "many": "SELECT " + ", ".join(["DATE(" * 6 + "x" + ")" * 6] * 1500),
    "subscripts": "SELECT " + ", ".join(["ROW[" * 6 + "1" + "]" * 6] * 800),
    "quote": "a " * 16_000 + "'",
    "table": "SELECT " + "TABLE(" * 5_000,
    "long": "a " * 131_000 + "'",
}


@pytest.mark.parametrize("name", SLOW)
def test_no_text_keeps_the_guard_busy(name: str) -> None:
    began = time.process_time()
    with pytest.raises(Refused):
        question(SLOW[name])
    assert time.process_time() - began < 3


def test_what_analysts_nest_is_no_trouble() -> None:
    row = "CAST(ROW(1, ROW(2, MAP(ARRAY['a'], ARRAY[DATE('2026-01-01')]))) AS ROW(a int, b json))"
    wide = ", ".join(
        f"max(CASE WHEN a = {n} THEN CAST(b AS decimal(18, 4)) END)" for n in range(400)
    )
    deep = "(" * 20 + f"SELECT {row}, {wide} FROM t" + ")" * 20
    assert question(deep) == deep


def test_an_editors_byte_order_mark_is_no_part_of_a_question() -> None:
    assert question("\ufeffSELECT 1") == " SELECT 1"


def test_a_comment_is_not_sent_and_moves_nothing() -> None:
    sql = "-- what sells\nSELECT 1 /* one;\n two */ AS a -- DELETE\n"
    assert question(sql) == "             \nSELECT 1        \n        AS a"


@pytest.mark.parametrize("sql", ["SELECT * FROM", "SELECT FROM WHERE 1 1", "WITH a AS SELECT 1"])
def test_a_faulty_query_is_left_to_athena_which_names_the_fault(sql: str) -> None:
    assert question(sql) == sql


WRITES = [
    "DELETE FROM o",
    "INSERT INTO o SELECT 1",
    "DROP TABLE o",
    "UNLOAD (SELECT 1) TO 's3://a'",
]
NOISE = st.lists(
    st.sampled_from(["-- x\n", "/* x */", "/* ' */", '-- "\n', "\n", " ", "\t", "/**/", "--\r"])
)


@given(NOISE, st.sampled_from(WRITES), NOISE)
def test_no_noise_around_it_makes_a_write_a_question(
    before: list[str], write: str, after: list[str]
) -> None:
    with pytest.raises(Refused):
        question("".join(before) + write + "".join(after))


@given(NOISE, st.sampled_from(WRITES), NOISE)
def test_no_noise_hides_a_second_statement(
    before: list[str], write: str, between: list[str]
) -> None:
    with pytest.raises(Refused, match="one statement at a time"):
        question("".join(before) + "SELECT 1" + "".join(between) + ";" + write)


@given(st.text(alphabet=st.sampled_from("SELECT DEL;'\"`/*-\n\r(){}#%\\$1a\x00\u2028")))
def test_any_text_is_a_question_or_refused(text: str) -> None:
    try:
        sent = question(text)
    except Refused:
        return
    assert len(sent) <= len(text)
    assert sent.count("\n") <= text.count("\n")
    assert question(sent) == sent
