"""EventBridge Pipes: event patterns."""

from __future__ import annotations

import json
from typing import Any

import pytest

from localaws.errors import AwsError
from localaws.pipes.patterns import compile_patterns

CHANGE = {
    "eventName": "MODIFY",
    "dynamodb": {
        "Keys": {"orderid": {"S": "A-17"}},
        "NewImage": {
            "country": {"S": "CH"},
            "quantity": {"N": "3"},
            "gift": {"BOOL": True},
            "note": {"NULL": True},
            "tags": {"SS": ["new", "sale"]},
        },
        "SizeBytes": 300,
    },
}


def image(**attributes: Any) -> dict[str, Any]:
    return {"dynamodb": {"NewImage": attributes}}


@pytest.mark.behaviour(
    "pipes", "Filters: exact, prefix, suffix, numeric, exists, anything-but, $or"
)
@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        (image(country={"S": ["CH"]}), True),
        (image(country={"S": ["DE", "CH"]}), True),
        (image(country={"S": ["ch"]}), False),
        (image(country={"S": [{"equals-ignore-case": "ch"}]}), True),
        (image(gift={"BOOL": [True]}), True),
        (image(gift={"BOOL": [1]}), False),
        (image(quantity={"N": ["3"]}), True),
        (image(quantity={"N": [3]}), False),
        (image(tags={"SS": ["sale"]}), True),
        (image(tags={"SS": ["old"]}), False),
        ({"dynamodb": {"Keys": {"orderid": {"S": [{"prefix": "A-"}]}}}}, True),
        ({"dynamodb": {"Keys": {"orderid": {"S": [{"suffix": "18"}]}}}}, False),
        ({"dynamodb": {"SizeBytes": [{"numeric": [">", 100, "<=", 300]}]}}, True),
        ({"dynamodb": {"SizeBytes": [{"numeric": ["<", 300]}]}}, False),
        ({"dynamodb": {"SizeBytes": [300.0]}}, True),
        (image(coupon={"S": [{"exists": False}]}), True),
        (image(country={"S": [{"exists": False}]}), False),
        ({"dynamodb": {"OldImage": {"country": {"S": [{"exists": True}]}}}}, False),
        (image(country={"S": [{"anything-but": ["DE", "FR"]}]}), True),
        (image(country={"S": [{"anything-but": "CH"}]}), False),
        (image(country={"S": [{"anything-but": {"prefix": "C"}}]}), False),
        (image(country={"S": [{"anything-but": {"suffix": ["X", "Y"]}}]}), True),
        (image(coupon={"S": [{"anything-but": "CH"}]}), False),
        ({"eventName": ["INSERT", "MODIFY"]}, True),
        ({"eventName": ["REMOVE"]}, False),
        ({"$or": [{"eventName": ["REMOVE"]}, image(country={"S": ["CH"]})]}, True),
        ({"$or": [{"eventName": ["REMOVE"]}, image(country={"S": ["DE"]})]}, False),
        ({"eventName": ["MODIFY"], "dynamodb": {"NewImage": {"country": {"S": ["DE"]}}}}, False),
    ],
)
def test_pattern(pattern: dict[str, Any], matches: bool) -> None:
    assert compile_patterns([json.dumps(pattern)])(CHANGE) is matches


def test_one_of_several_patterns_is_enough() -> None:
    patterns = [json.dumps({"eventName": [name]}) for name in ("REMOVE", "MODIFY")]
    assert compile_patterns(patterns)(CHANGE)
    assert not compile_patterns(patterns[:1])(CHANGE)


def test_no_pattern_lets_all_through() -> None:
    assert compile_patterns([])(CHANGE)


@pytest.mark.behaviour("pipes", "Filters that AWS refuses, or that aren't supported, are refused")
@pytest.mark.parametrize(
    ("patterns", "says"),
    [
        (['{"eventName": ["INSERT"]}'] * 6, "6 filters, but a pipe may have 5"),
        ([json.dumps({"eventName": ["x" * 4100]})], "more than 4096"),
        (["{"], "is not JSON"),
        (["[]"], "is not a JSON object"),
        (["{}"], "an empty object is no pattern"),
        (['{"awsRegion": ["us-east-1"]}'], "can't be filtered on awsRegion"),
        (['{"eventName": "INSERT"}'], "must have an array of values"),
        (['{"eventName": []}'], "must have an array of values"),
        (['{"eventName": [{"wildcard": "IN*"}]}'], "does not support"),
        (['{"eventName": [{"anything-but": {"wildcard": "IN*"}}]}'], "does not support"),
        (['{"eventName": [{"prefix": "A", "suffix": "B"}]}'], "exactly one operator"),
        (['{"dynamodb": {"SizeBytes": [{"numeric": ["!", 3]}]}}'], "no numeric comparison"),
    ],
)
def test_bad_pattern_is_refused(patterns: list[str], says: str) -> None:
    with pytest.raises(AwsError, match="ValidationException") as refused:
        compile_patterns(patterns)
    assert says in refused.value.message
