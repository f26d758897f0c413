"""What a question may be: one statement that reads.

sqlglot's own Trino and Hive lexers split the text, so a comment or a string hides nothing, and only
what they found is sent: where the text has a comment, Athena gets blanks. In Athena's grammar the
first word of a statement decides whether it is a query (Trino's ``SqlBase.g4``: a statement that
begins with SELECT, WITH, VALUES, TABLE or a parenthesis is one), so words that aren't known to read
are refused. What sqlglot can parse is then searched for writes once more; what it can't parse is
left to Athena, whose own error names the place.
https://docs.aws.amazon.com/athena/latest/ug/ddl-sql-reference.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Sequence
from typing import ClassVar, Final

from sqlglot import exp
from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import SqlglotError, TokenError
from sqlglot.parsers.trino import TrinoParser
from sqlglot.tokenizer_core import Token, TokenType

MAX_BYTES: Final = 32_768
"""Of a question. Athena takes 262,144 (its user guide, "Service Quotas": query string length)."""

MAX_NESTING: Final = 32
"""Brackets within one another; the deepest of the project's own statements has six."""

MAX_STEPS: Final = 30_000
"""Tokens that sqlglot may pass while it reads a question: a second's worth at most.

It passes most of them once or twice. What may be a type or a function, such as ROW and ARRAY, it
tries as both, so that each level of them doubles the steps.
"""

_QUERIES: Final = frozenset({"SELECT", "WITH", "VALUES", "TABLE", "("})
_HIVE: Final = frozenset({"SHOW", "DESCRIBE", "DESC"})
_NAMED: Final = frozenset({TokenType.IDENTIFIER, TokenType.STRING})
_OBJECTS: Final = frozenset(
    {"TABLE", "VIEW", "DATABASE", "SCHEMA", "FUNCTION", "MATERIALIZED", "PREPARE", "CATALOG"}
)
_FILLERS: Final = frozenset({"EXTERNAL", "OR", "REPLACE", "PROTECTED", "MULTI", "DIALECT"})
_BYTE_ORDER_MARK: Final = "\ufeff"
_OPENING: Final = frozenset({TokenType.L_PAREN, TokenType.L_BRACKET, TokenType.L_BRACE})
_CLOSING: Final = frozenset({TokenType.R_PAREN, TokenType.R_BRACKET, TokenType.R_BRACE})
_AFTER_NAME: Final = frozenset({TokenType.L_PAREN, TokenType.R_PAREN, TokenType.COMMA})
_WRITES: Final = (exp.DML, exp.DDL, exp.Into, exp.Command, exp.Drop, exp.Alter, exp.TruncateTable)
_BEGIN: Final = "begin with SELECT, WITH, VALUES, TABLE, SHOW, DESCRIBE or EXPLAIN"

#: sqlglot warns where it takes a statement as it is; here such a statement is refused.
logging.getLogger("sqlglot").setLevel(logging.ERROR)


class Refused(ValueError):
    """A text isn't a question; the message says what it is instead.

    Attributes:
        line: of the culprit, counted from 1.
        column: of its first character, counted from 1.
    """

    def __init__(self, message: str, *, line: int = 1, column: int = 1) -> None:
        super().__init__(message)
        self.line = line
        self.column = column


def _single_words(keywords: dict[str, TokenType]) -> dict[str, TokenType]:
    """sqlglot reads some pairs of words, and all that follows some words, as one token."""
    return {word: kind for word, kind in keywords.items() if " " not in word}


class _TooManySteps(Exception):
    """sqlglot goes back and forth too often."""


class _TrinoParser(TrinoParser):
    """Gives up after `MAX_STEPS`: each attempt goes through this method, and so does each retreat.

    Raises:
        _TooManySteps: there was no end to it.
    """

    _steps = 0

    def _advance(self, times: int = 1) -> None:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooManySteps
        super()._advance(times)


class _TrinoTokenizer(Trino.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()
    KEYWORDS: ClassVar[dict[str, TokenType]] = _single_words(Trino.Tokenizer.KEYWORDS)


class _HiveTokenizer(Hive.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()
    KEYWORDS: ClassVar[dict[str, TokenType]] = _single_words(Hive.Tokenizer.KEYWORDS)


def question(text: str) -> str:
    """The statement that may be sent: every character in its place, comments as blanks.

    Raises:
        Refused: names the kind of the statement, or what else the text is.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        raise Refused("the question has half of a character, which isn't text") from error
    if size > MAX_BYTES:
        raise Refused(f"the question has {size:,} bytes, and may have {MAX_BYTES:,}")
    if text.startswith(_BYTE_ORDER_MARK):
        text = text.replace(_BYTE_ORDER_MARK, " ", 1)
    tokens = _tokens(text)
    while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
        tokens.pop()
    if not tokens:
        raise Refused("there is no question")
    for token in tokens:
        if token.token_type == TokenType.SEMICOLON:
            raise _refused(text, token, "one statement at a time: there is another one after the ;")
    sent = _without_comments(text, tokens)
    _check(sent, tokens)
    return sent


def _check(sent: str, tokens: Sequence[Token]) -> None:
    """Hold a statement, or the one that it explains, to its first word."""
    if _word(tokens[0]) == "EXPLAIN":
        tokens = tokens[_explained(tokens) :]
        if not tokens:
            raise Refused("EXPLAIN needs a statement to explain")
        if _word(tokens[0]) == "EXPLAIN":
            raise _refused(sent, tokens[0], "EXPLAIN explains a query, not another EXPLAIN")
    word = _word(tokens[0])
    if word in _HIVE:
        return
    if word not in _QUERIES:
        kind = _kind(tokens)
        if kind is None:
            found = sent[tokens[0].start : tokens[0].end + 1]
            raise _refused(sent, tokens[0], f"questions {_BEGIN}, not with {found}")
        raise _refused(sent, tokens[0], f"{kind} isn't allowed: questions only read, and {_BEGIN}")
    _check_nesting(sent, tokens)
    _check_table_functions(sent, tokens)
    _check_tree(sent, tokens)


def _tokens(text: str) -> list[Token]:
    """The words of a statement, as the engine that Athena gives it to reads them."""
    try:
        tokens: list[Token] = _TrinoTokenizer(dialect=Trino()).tokenize(text)
    except TokenError:
        tokens = []
    if not tokens or any(_word(token) in _HIVE for token in tokens[:1]):
        try:
            hive: list[Token] = _HiveTokenizer(dialect=Hive()).tokenize(text)
        except TokenError as error:
            raise _unclosed(text) from error
        if hive and _word(hive[0]) in _HIVE:
            return hive
        if hive and not tokens:  # Hive's strings may be what Trino's are not
            raise _unclosed(text)
    return tokens


_CLOSED_OR_OPEN: Final = re.compile(
    r"""
    '(?:[^']|'')*+' | "(?:[^"]|"")*+" | `[^`]*+` | --[^\r\n]* | /\*.*?\*/ | (?P<open>['"`]|/\*)
    """,
    re.DOTALL | re.VERBOSE,
)


def _unclosed(text: str) -> Refused:
    """What doesn't end, and where it begins: sqlglot names no place for it."""
    for found in _CLOSED_OR_OPEN.finditer(text):
        if found["open"]:
            line, column = place(text, found.start())
            what = "a comment" if found["open"] == "/*" else "a quotation mark"
            return Refused(f"{what} isn't closed", line=line, column=column)
    return Refused("the question can't be read: its quotation marks or comments don't fit")


def _word(token: Token) -> str:
    """A word in capitals; nothing for a quoted one."""
    return "" if token.token_type in _NAMED else token.text.upper()


def _explained(tokens: Sequence[Token]) -> int:
    """Where the statement begins that an EXPLAIN is about: after ANALYZE, VERBOSE and options."""
    position = 1
    while position < len(tokens) and _word(tokens[position]) in ("ANALYZE", "VERBOSE"):
        position += 1
    following = [_word(token) for token in tokens[position : position + 2]]
    if following[:1] == ["("] and following[1:] in (["FORMAT"], ["TYPE"]):
        while position < len(tokens) and _word(tokens[position]) != ")":
            position += 1
        position += 1
    return position


def _kind(tokens: Sequence[Token]) -> str | None:
    """What a statement is called; None if its first word begins none that Athena or Hive knows."""
    first = tokens[0]
    if first.token_type in _NAMED or first.text.upper() not in _STATEMENTS:
        return None
    words = [first.text.upper()]
    for token in tokens[1:5]:
        word = _word(token)
        if word not in _OBJECTS and word not in _FILLERS and (words[0], word) not in _PAIRS:
            break
        words.append(word)
    if words == ["CREATE", "TABLE"] and any(_word(token) == "AS" for token in tokens):
        words.append("AS")
    return " ".join(words)


_FIRST_WORDS: Final = """
    ALTER ANALYZE BEGIN CALL COMMENT COMMIT COPY CREATE DEALLOCATE DELETE DENY DROP EXECUTE EXPORT
    FROM GRANT IMPORT INSERT KILL LOAD LOCK MERGE MSCK OPTIMIZE PREPARE REFRESH RELOAD RENAME
    REPLACE RESET REVOKE ROLLBACK SET START TRUNCATE UNLOAD UNLOCK UPDATE UPSERT USE USING VACUUM
"""
_STATEMENTS: Final = frozenset(_FIRST_WORDS.split())
_PAIRS: Final = frozenset(
    {
        ("INSERT", "INTO"),
        ("INSERT", "OVERWRITE"),
        ("MERGE", "INTO"),
        ("MSCK", "REPAIR"),
        ("SET", "SESSION"),
        ("START", "TRANSACTION"),
        ("USING", "EXTERNAL"),
        ("EXECUTE", "IMMEDIATE"),
    }
)


def _check_nesting(sent: str, tokens: Sequence[Token]) -> None:
    """Nobody writes, and sqlglot can't read, brackets within brackets without end."""
    depth = 0
    for token in tokens:
        if token.token_type in _OPENING:
            depth += 1
        elif token.token_type in _CLOSING:
            depth -= 1
        if depth > MAX_NESTING:
            said = f"the question is nested too deeply: brackets may have {MAX_NESTING} levels"
            raise _refused(sent, token, said)


def _check_table_functions(sent: str, tokens: Sequence[Token]) -> None:
    """A function of a catalogue, such as TABLE(system.query(…)), hands text on to a database.

    https://docs.aws.amazon.com/athena/latest/ug/federated-query-passthrough.html
    """
    for position in range(len(tokens) - 1):
        if [_word(token) for token in tokens[position : position + 2]] != ["TABLE", "("]:
            continue
        called = position + 2
        while called < len(tokens) and tokens[called].token_type not in _AFTER_NAME:
            called += 1
        name = tokens[position + 2 : called]
        if (
            any(token.token_type == TokenType.DOT for token in name)
            and called < len(tokens)
            and tokens[called].token_type == TokenType.L_PAREN
        ):
            full = "".join(token.text for token in name)
            raise _refused(
                sent,
                tokens[position],
                f"the table function {full} isn't allowed: what it hands on to a database can't"
                " be seen to only read",
            )


def _check_tree(sent: str, tokens: Sequence[Token]) -> None:
    """Search what sqlglot makes of a query for anything that writes."""
    dialect = Trino()
    dialect.INDEX_OFFSET = 0  # as they are written: shifting nested ones takes seconds
    try:
        trees = _TrinoParser(dialect=dialect).parse(list(tokens), sent)
    except SqlglotError:
        return  # Athena says what is wrong with it
    except _TooManySteps as error:
        raise Refused(
            "the question takes too long to check: nest ROW, ARRAY, MAP and types less deeply"
        ) from error
    except RecursionError as error:
        raise Refused("the question is nested too deeply") from error
    for tree in trees:
        if tree is None:
            continue
        for node in tree.walk():
            if isinstance(node, _WRITES):
                what = "SELECT INTO" if isinstance(node, exp.Into) else node.key.upper()
                raise _refused(sent, tokens[0], f"{what} isn't allowed: questions only read")
        if not isinstance(tree, exp.Query | exp.Values):
            raise _refused(sent, tokens[0], "this is no complete query, such as SELECT 1")


def _without_comments(text: str, tokens: Sequence[Token]) -> str:
    """The text with blanks where no token is; its lines and columns stay."""
    kept = ["\n" if character == "\n" else " " for character in text]
    for token in tokens:
        kept[token.start : token.end + 1] = text[token.start : token.end + 1]
    return "".join(kept).rstrip()


def _refused(text: str, token: Token, message: str) -> Refused:
    line, column = place(text, token.start)
    return Refused(message, line=line, column=column)


def place(text: str, offset: int) -> tuple[int, int]:
    """Line and column of a position in a text, both counted from 1."""
    before = text[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
