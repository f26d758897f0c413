"""Event patterns, by which a pipe lets changes through.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-event-filtering.html
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from typing import Any, Final

from localaws.errors import AwsError, Unsupported
from localaws.service import Params

Matcher = Callable[[Any], bool]

MAX_PATTERNS: Final = 5
MAX_PATTERN_LENGTH: Final = 4096

#: What of a change may be filtered on. AWS's documentation says `dynamodb` only, its own samples
#: filter on `eventName`, too: this line decides.
FILTERABLE: Final = frozenset({"dynamodb", "eventName"})

_MISSING: Final = object()
_COMPARISONS: Final[Mapping[str, Callable[[Any, Any], bool]]] = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def compile_patterns(patterns: list[str]) -> Matcher:
    """A function that says whether a change matches at least one pattern; all do if there is none.

    Raises:
        AwsError: ValidationException naming what is wrong with which pattern.
    """
    if len(patterns) > MAX_PATTERNS:
        raise _invalid(f"{len(patterns)} filters, but a pipe may have {MAX_PATTERNS}")
    matchers = [_compile(pattern) for pattern in patterns]
    return lambda event: not matchers or any(matches(event) for matches in matchers)


def _compile(text: str) -> Matcher:
    if len(text) > MAX_PATTERN_LENGTH:
        raise _invalid(f"the pattern has {len(text)} characters, more than {MAX_PATTERN_LENGTH}")
    try:
        pattern = json.loads(text)
    except ValueError as error:
        raise _invalid(f"the pattern {text!r} is not JSON: {error}") from error
    if not isinstance(pattern, dict):
        raise _invalid(f"the pattern {text!r} is not a JSON object")
    keys = set(pattern) - {"$or"}
    for alternative in pattern.get("$or", []):
        keys |= set(alternative)
    if unknown := keys - FILTERABLE:
        raise _invalid(f"a DynamoDB stream can't be filtered on {', '.join(sorted(unknown))}")
    return _object(pattern)


def _object(pattern: Params) -> Matcher:
    """All keys must match."""
    if not pattern:
        raise _invalid("an empty object is no pattern")
    alternatives = [_object(p) for p in pattern.get("$or", [])]
    members = {
        key: _object(value) if isinstance(value, dict) else _leaf(key, value)
        for key, value in pattern.items()
        if key != "$or"
    }

    def matches(event: Any) -> bool:
        if isinstance(event, list):
            return any(matches(item) for item in event)
        inner = event if isinstance(event, dict) else {}
        return all(match(inner.get(key, _MISSING)) for key, match in members.items()) and (
            not alternatives or any(match(event) for match in alternatives)
        )

    return matches


def _leaf(key: str, values: Any) -> Matcher:
    """One of the values or operators must match."""
    if not isinstance(values, list) or not values:
        raise _invalid(f"{key!r} must have an array of values, as all leaves of a pattern")
    tests = [_operator(v) if isinstance(v, dict) else _equals(v) for v in values]

    def matches(value: Any) -> bool:
        if isinstance(value, list) and value:
            return any(test(item) for item in value for test in tests)
        return any(test(value) for test in tests)

    return matches


def _equals(expected: Any) -> Matcher:
    # In Python True equals 1, in JSON it doesn't.
    return lambda value: (
        (type(value) is type(expected) and value == expected)
        or (_is_number(value) and _is_number(expected) and value == expected)
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _operator(rule: Params) -> Matcher:
    if len(rule) != 1:
        raise _invalid(f"{json.dumps(rule)} must have exactly one operator")
    ((name, operand),) = rule.items()
    match name, operand:
        case "exists", bool():
            return lambda value: (value is not _MISSING) is operand
        case "prefix" | "suffix" | "equals-ignore-case", str():
            return _text(name, operand)
        case "anything-but", _:
            excluded = _anything_but(operand)
            return lambda value: value is not _MISSING and not any(e(value) for e in excluded)
        case "numeric", list() if operand and len(operand) % 2 == 0:
            return _numeric(operand)
    raise Unsupported(f"the pattern {json.dumps(rule)}")


def _text(name: str, operand: str) -> Matcher:
    tests: dict[str, Callable[[str], bool]] = {
        "prefix": lambda value: value.startswith(operand),
        "suffix": lambda value: value.endswith(operand),
        "equals-ignore-case": lambda value: value.casefold() == operand.casefold(),
    }
    test = tests[name]
    return lambda value: isinstance(value, str) and test(value)


def _anything_but(operand: Any) -> list[Matcher]:
    if isinstance(operand, dict):
        name, texts = next(iter(operand.items()), ("", []))
        texts = texts if isinstance(texts, list) else [texts]
        known = name in {"prefix", "suffix", "equals-ignore-case"} and len(operand) == 1
        if not known or not all(isinstance(text, str) for text in texts):
            raise Unsupported(f"the pattern {json.dumps({'anything-but': operand})}")
        return [_text(name, text) for text in texts]
    return [_equals(v) for v in (operand if isinstance(operand, list) else [operand])]


def _numeric(operand: list[Any]) -> Matcher:
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    for sign, bound in pairs:
        if sign not in _COMPARISONS or not _is_number(bound):
            raise _invalid(f"{json.dumps(operand)} is no numeric comparison")
    return lambda value: (
        _is_number(value) and all(_COMPARISONS[sign](value, bound) for sign, bound in pairs)
    )


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", f"Invalid filter: {message}")
