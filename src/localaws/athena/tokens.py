"""A cursor over the tokens of one statement, for the statements that sqlglot has no parser for."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from sqlglot.dialects.hive import Hive
from sqlglot.dialects.trino import Trino
from sqlglot.errors import TokenError
from sqlglot.tokenizer_core import Token, TokenType

CATALOG = "awsdatacatalog"

_BLANK = re.compile(r"(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/)+", re.DOTALL)
_WORD = re.compile(r"[A-Za-z_]+")


class MalformedQuery(Exception):
    """A statement that Athena doesn't take on; StartQueryExecution refuses it."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


def _single_words(keywords: dict[str, TokenType]) -> dict[str, TokenType]:
    return {word: kind for word, kind in keywords.items() if " " not in word}


class _HiveTokenizer(Hive.Tokenizer):
    # sqlglot takes what follows SHOW and the like as one string, and PARTITIONED BY as one
    # word; here they are read word by word.
    COMMANDS: ClassVar[set[TokenType]] = set()
    KEYWORDS: ClassVar[dict[str, TokenType]] = _single_words(Hive.Tokenizer.KEYWORDS)


class _TrinoTokenizer(Trino.Tokenizer):
    COMMANDS: ClassVar[set[TokenType]] = set()
    KEYWORDS: ClassVar[dict[str, TokenType]] = _single_words(Trino.Tokenizer.KEYWORDS)


@dataclass(frozen=True)
class Name:
    """The name of a table or view, in lower case; without a database it is in the context's."""

    table: str
    database: str | None = None

    def within(self, database: str) -> str:
        """The database that the name means in the context of ``database``."""
        return self.database or database


def leading_words(sql: str, count: int = 4) -> tuple[str, ...]:
    """The first words of a statement, in capitals; comments count as blanks, as Athena has it."""
    words: list[str] = []
    position = 0
    while len(words) < count:
        if blank := _BLANK.match(sql, position):
            position = blank.end()
        word = _WORD.match(sql, position)
        if word is None:
            break
        words.append(word.group().upper())
        position = word.end()
    return tuple(words)


class Tokens:
    """Reads a statement word by word.

    Args:
        hive: read strings and quoted names as Hive's DDL has them ("x" and 'x' are strings,
            `x` is a name) instead of as Trino's queries ('x' is a string, "x" a name).

    Raises:
        MalformedQuery: from every method, where the statement isn't as it must be.
    """

    def __init__(self, sql: str, *, hive: bool) -> None:
        self.sql = sql
        self.hive = hive
        tokenizer = _HiveTokenizer(dialect=Hive()) if hive else _TrinoTokenizer(dialect=Trino())
        try:
            tokens: list[Token] = tokenizer.tokenize(sql)
        except TokenError as error:
            raise MalformedQuery(f"line 1:1: {error}") from error
        while tokens and tokens[-1].token_type == TokenType.SEMICOLON:
            tokens.pop()
        if any(token.token_type == TokenType.SEMICOLON for token in tokens):
            raise MalformedQuery(f"Only one sql statement is allowed. Got: {sql}")
        if not tokens:
            line, column = _place(sql, len(sql))
            raise MalformedQuery(f"line {line}:{column}: mismatched input '<EOF>'")
        self._tokens = tokens
        self._next = 0

    @property
    def text(self) -> str:
        """The statement without what surrounds it, such as a last semicolon."""
        return self.sql[self._tokens[0].start : self._tokens[-1].end + 1]

    @property
    def placed(self) -> str:
        """The statement, and blanks before it: places are those in what the client sent."""
        before = self.sql[: self._tokens[0].start]
        return "".join(c if c == "\n" else " " for c in before) + self.text

    @property
    def ended(self) -> bool:
        """Whether everything has been read."""
        return self._next >= len(self._tokens)

    def peek(self, ahead: int = 0) -> str:
        """A coming word in capitals; empty for a quoted one and at the end."""
        if self._next + ahead >= len(self._tokens):
            return ""
        token = self._tokens[self._next + ahead]
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            return ""
        return token.text.upper()

    def accept(self, *words: str) -> bool:
        """Read the words if they come next, all of them."""
        if any(self.peek(ahead) != word for ahead, word in enumerate(words)):
            return False
        self._next += len(words)
        return True

    def expect(self, *words: str) -> None:
        """Read the words, which must come next."""
        for word in words:
            if not self.accept(word):
                raise self.fault(f"'{word}'")

    def name(self) -> str:
        """A name, in lower case as the catalogue keeps it."""
        token = None if self.ended else self._tokens[self._next]
        quoted = token is not None and token.token_type == TokenType.IDENTIFIER
        if token is None or not (quoted or re.fullmatch(r"\w+", token.text)):
            raise self.fault("identifier")
        if token.token_type == TokenType.STRING:
            raise self.fault("identifier")
        self._next += 1
        return token.text.lower()

    def qualified(self) -> Name:
        """[catalogue.][database.]table"""
        parts = [self.name()]
        while self.accept("."):
            parts.append(self.name())
        if len(parts) > 3:
            raise MalformedQuery(f"Invalid table name {'.'.join(parts)}")
        if len(parts) == 3 and parts[0] != CATALOG:
            raise MalformedQuery(f"Catalog '{parts[0]}' does not exist")
        return Name(parts[-1], parts[-2] if len(parts) > 1 else None)

    def string(self) -> str:
        """A string literal's value."""
        if self.ended or self._tokens[self._next].token_type != TokenType.STRING:
            raise self.fault("string")
        self._next += 1
        return self._tokens[self._next - 1].text

    def maybe_string(self) -> str | None:
        """A string literal's value, if one comes next."""
        if self.ended or self._tokens[self._next].token_type != TokenType.STRING:
            return None
        return self.string()

    def literal(self) -> str:
        """A string, number or word, as text."""
        text = self.maybe_string()
        if text is not None:
            return text
        sign = "-" if self.accept("-") else ""
        if self.ended:
            raise self.fault("literal")
        self._next += 1
        return sign + self._tokens[self._next - 1].text

    def operator(self) -> str:
        """A comparison, such as ``<=``."""
        for operator in ("=", "<=", ">=", "<>", "!=", "<", ">"):
            if self.accept(operator):
                return operator
        raise self.fault("comparison")

    def bracketed(self) -> str:
        """The text between a parenthesis, which comes next, and the one that closes it."""
        self.expect("(")
        start, depth = self._next, 1
        while not self.ended:
            depth += {"(": 1, ")": -1}.get(self.peek(), 0)
            self._next += 1
            if depth == 0:
                if self._next - 1 == start:
                    raise self.fault("query")
                return self._slice(start, self._next - 1)
        raise self.fault("')'")

    def until(self, *stops: str) -> str:
        """The text up to a word (or a comma or parenthesis) outside of brackets, not read."""
        start, depth = self._next, 0
        while not self.ended and not (depth == 0 and self.peek() in stops):
            depth += {"(": 1, "<": 1, "[": 1, ")": -1, ">": -1, "]": -1}.get(self.peek(), 0)
            self._next += 1
        if self._next == start:
            raise self.fault("expression")
        return self._slice(start, self._next)

    def rest(self) -> str:
        """Everything that is left."""
        if self.ended:
            raise self.fault("query")
        start, self._next = self._next, len(self._tokens)
        return self._slice(start, self._next)

    def finish(self) -> None:
        """Nothing more may come."""
        if not self.ended:
            raise self.fault("<EOF>")

    def fault(self, expecting: str) -> MalformedQuery:
        """Says what came in place of what had to come."""
        if self.ended:
            line, column = _place(self.sql, self._tokens[-1].end + 1)
            found = "<EOF>"
        else:
            token = self._tokens[self._next]
            line, column = _place(self.sql, token.start)
            found = self.sql[token.start : token.end + 1]
        return MalformedQuery(
            f"line {line}:{column}: mismatched input '{found}'. Expecting: {expecting}"
        )

    def _slice(self, start: int, end: int) -> str:
        return self.sql[self._tokens[start].start : self._tokens[end - 1].end + 1]


def _place(sql: str, offset: int) -> tuple[int, int]:
    """Line and column of a position, both counted from 1."""
    before = sql[:offset]
    return before.count("\n") + 1, offset - (before.rfind("\n") + 1) + 1
