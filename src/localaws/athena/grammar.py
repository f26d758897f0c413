"""Parses what StartQueryExecution is given; queries themselves are checked by sqlglot.

Statements that Athena's own parser turns away are turned away here, when they are submitted:
Athena answers InvalidRequestException and makes no query execution of them.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from functools import lru_cache

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, TokenError

from localaws.athena import hive_grammar
from localaws.athena.iceberg.statements import Optimize
from localaws.athena.statements import (
    ChangeRows,
    CreateTableAs,
    CreateView,
    Deallocate,
    DropView,
    Execute,
    Explain,
    Insert,
    Prepare,
    Select,
    ShowCreateView,
    Statement,
    Unload,
)
from localaws.athena.tokens import MalformedQuery, Tokens, leading_words

UNSUPPORTED = "Queries of this type are not supported"

#: sqlglot warns where it takes a statement as it is; what is unknown here is refused instead.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


# A statement is parsed when it is submitted, and again when it runs.
@lru_cache(maxsize=256)
def parse(sql: str) -> Statement:
    """Parse one statement.

    Raises:
        MalformedQuery: for what isn't one statement that Athena knows, with Athena's words.
    """
    words = leading_words(sql)
    if words[:2] == ("CREATE", "TABLE") and _is_ctas(sql):
        return _create_table_as(Tokens(sql, hive=False))
    for count in (3, 2, 1):
        if reader := _READERS.get(words[:count]):
            return reader(Tokens(sql, hive=False))
        if hive_reader := hive_grammar.READERS.get(words[:count]):
            return hive_reader(Tokens(sql, hive=True))
    tokens = Tokens(sql, hive=False)
    if tokens.peek() == "(":
        return _select(tokens)
    if words and words[0] in _KNOWN:
        raise MalformedQuery(UNSUPPORTED)
    raise tokens.fault(
        "'ALTER', 'CREATE', 'DELETE', 'DESCRIBE', 'DROP', 'EXECUTE', 'EXPLAIN', 'INSERT', "
        "'MERGE', 'MSCK', 'OPTIMIZE', 'PREPARE', 'SHOW', 'UNLOAD', 'UPDATE', 'VACUUM', <query>"
    )


#: First words of statements that Athena's parsers know, and Athena doesn't run.
_KNOWN = (
    *("ANALYZE", "CALL", "COMMENT", "COMMIT", "CREATE", "DENY", "DROP", "GRANT", "LOAD"),
    *("REFRESH", "RESET", "REVOKE", "ROLLBACK", "SET", "SHOW", "START", "TRUNCATE", "USE"),
)


def check_query(query: str) -> str:
    """The query, if it is one.

    Raises:
        MalformedQuery: with the place of the fault.
    """
    if not isinstance(_parsed(query), exp.Query | exp.Values):
        raise MalformedQuery(UNSUPPORTED)
    return query


def _parsed(sql: str) -> exp.Expr:
    try:
        return sqlglot.parse_one(sql, read="athena")
    except ParseError as error:
        fault = error.errors[0]
        found = fault["highlight"] or "<EOF>"
        column = max(int(fault["col"] or 1) - len(found) + 1, 1)
        description = re.sub(r" but got <Token.*", "", str(fault["description"]))
        raise MalformedQuery(
            f"line {fault['line']}:{column}: mismatched input '{found}'. {description}"
        ) from error
    except TokenError as error:
        raise MalformedQuery(f"line 1:1: {error}") from error


def _select(tokens: Tokens) -> Statement:
    return Select(check_query(tokens.placed))


def _explain(tokens: Tokens) -> Statement:
    tokens.expect("EXPLAIN")
    if tokens.peek() == "ANALYZE":
        raise MalformedQuery("NOT_SUPPORTED: EXPLAIN ANALYZE is not supported by the local AWS")
    if tokens.peek() == "(" and tokens.peek(1) in ("FORMAT", "TYPE"):
        options = tokens.bracketed().upper().split()
        if options not in (["FORMAT", "TEXT"], ["TYPE", "LOGICAL"], ["TYPE", "DISTRIBUTED"]):
            what = " ".join(options)
            raise MalformedQuery(f"NOT_SUPPORTED: EXPLAIN ({what}) is not supported locally")
    return Explain(check_query(tokens.rest()))


def _properties(tokens: Tokens) -> dict[str, str | tuple[str, ...]]:
    """WITH (name = literal or ARRAY[…], …)"""
    properties: dict[str, str | tuple[str, ...]] = {}
    tokens.expect("(")
    while True:
        key = tokens.name()
        tokens.expect("=")
        if tokens.accept("ARRAY", "["):
            items = [tokens.string()]
            while tokens.accept(","):
                items.append(tokens.string())
            tokens.expect("]")
            properties[key] = tuple(items)
        else:
            properties[key] = tokens.literal()
        if not tokens.accept(","):
            break
    tokens.expect(")")
    return properties


def _is_ctas(sql: str) -> bool:
    """CREATE TABLE … AS is Trino's; a CREATE TABLE with columns is Hive's."""
    try:
        tokens = Tokens(sql, hive=False)
    except MalformedQuery:
        return False
    tokens.expect("CREATE", "TABLE")
    tokens.accept("IF", "NOT", "EXISTS")
    try:
        tokens.qualified()
        return tokens.peek() in ("WITH", "AS")
    except MalformedQuery:
        return False


def _create_table_as(tokens: Tokens) -> Statement:
    tokens.expect("CREATE", "TABLE")
    if_not_exists = tokens.accept("IF", "NOT", "EXISTS")
    name = tokens.qualified()
    properties = _properties(tokens) if tokens.accept("WITH") else {}
    tokens.expect("AS")
    query = tokens.rest()
    with_data = True
    if ending := re.search(r"\s+WITH\s+(NO\s+)?DATA\s*\Z", query, re.IGNORECASE):
        query, with_data = query[: ending.start()], ending[1] is None
    return CreateTableAs(name, check_query(query), properties, if_not_exists, with_data)


def _insert(tokens: Tokens) -> Statement:
    tokens.expect("INSERT", "INTO")
    name = tokens.qualified()
    columns: list[str] = []
    if tokens.peek() == "(" and tokens.peek(1) not in ("SELECT", "WITH", "VALUES", "("):
        tokens.expect("(")
        columns.append(tokens.name())
        while tokens.accept(","):
            columns.append(tokens.name())
        tokens.expect(")")
    return Insert(name, check_query(tokens.rest()), tuple(columns))


def _unload(tokens: Tokens) -> Statement:
    tokens.expect("UNLOAD")
    query = check_query(tokens.bracketed())
    tokens.expect("TO")
    location = tokens.string()
    properties = _properties(tokens) if tokens.accept("WITH") else {}
    tokens.finish()
    if "format" not in properties:
        raise MalformedQuery("Unload destination format must be specified: WITH (format = …)")
    return Unload(query, location, properties)


def _create_view(tokens: Tokens) -> Statement:
    tokens.expect("CREATE")
    replace = tokens.accept("OR", "REPLACE")
    tokens.expect("VIEW")
    name = tokens.qualified()
    tokens.expect("AS")
    return CreateView(name, check_query(tokens.rest()), replace)


def _drop_view(tokens: Tokens) -> Statement:
    tokens.expect("DROP", "VIEW")
    if_exists = tokens.accept("IF", "EXISTS")
    name = tokens.qualified()
    tokens.finish()
    return DropView(name, if_exists)


def _show_create_view(tokens: Tokens) -> Statement:
    tokens.expect("SHOW", "CREATE", "VIEW")
    name = tokens.qualified()
    tokens.finish()
    return ShowCreateView(name)


def _prepare(tokens: Tokens) -> Statement:
    tokens.expect("PREPARE")
    name = tokens.name()
    tokens.expect("FROM")
    return Prepare(name, tokens.rest())


def _execute(tokens: Tokens) -> Statement:
    tokens.expect("EXECUTE")
    name = tokens.name()
    parameters: list[str] = []
    if tokens.accept("USING"):
        parameters.append(tokens.until(","))
        while tokens.accept(","):
            parameters.append(tokens.until(","))
    tokens.finish()
    return Execute(name, tuple(parameters))


def _deallocate(tokens: Tokens) -> Statement:
    tokens.expect("DEALLOCATE", "PREPARE")
    name = tokens.name()
    tokens.finish()
    return Deallocate(name)


def _change_rows(*words: str) -> Callable[[Tokens], Statement]:
    def read(tokens: Tokens) -> Statement:
        tokens.expect(*words)
        name = tokens.qualified()
        if words[0] == "UPDATE" and tokens.peek() != "SET":
            raise tokens.fault("'SET'")
        if words[0] == "DELETE" and not tokens.ended and tokens.peek() != "WHERE":
            raise tokens.fault("'WHERE', <EOF>")
        if not isinstance(_parsed(tokens.text), exp.Merge | exp.Update | exp.Delete):
            raise MalformedQuery(UNSUPPORTED)
        return ChangeRows(words[0], name, tokens.text)

    return read


def _optimize(tokens: Tokens) -> Statement:
    tokens.expect("OPTIMIZE")
    name = tokens.qualified()
    tokens.expect("REWRITE", "DATA", "USING", "BIN_PACK")
    where = _predicate(tokens.rest()) if tokens.accept("WHERE") else None
    tokens.finish()
    return Optimize(name, where)


def _predicate(text: str) -> str:
    """The condition, if it is one."""
    check_query(f"SELECT 1 WHERE ({text})")
    return text


_READERS: dict[tuple[str, ...], Callable[[Tokens], Statement]] = {
    ("SELECT",): _select,
    ("WITH",): _select,
    ("VALUES",): _select,
    ("TABLE",): _select,
    ("EXPLAIN",): _explain,
    ("INSERT", "INTO"): _insert,
    ("UNLOAD",): _unload,
    ("CREATE", "VIEW"): _create_view,
    ("CREATE", "OR", "REPLACE"): _create_view,
    ("DROP", "VIEW"): _drop_view,
    ("SHOW", "CREATE", "VIEW"): _show_create_view,
    ("PREPARE",): _prepare,
    ("EXECUTE",): _execute,
    ("DEALLOCATE", "PREPARE"): _deallocate,
    ("MERGE", "INTO"): _change_rows("MERGE", "INTO"),
    ("UPDATE",): _change_rows("UPDATE"),
    ("DELETE", "FROM"): _change_rows("DELETE", "FROM"),
    ("OPTIMIZE",): _optimize,
}
