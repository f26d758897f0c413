"""The values of an order in one form, from an item and from a row of silver."""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from salesflow.changes import Refused
from salesflow.reconciliation.fingerprints import (
    FIELDS,
    Values,
    amount,
    fingerprint,
    item_values,
    row_values,
)

NOW = datetime(2026, 1, 3, tzinfo=UTC)
ITEM: dict[str, Any] = {
    "orderid": {"S": "A-1"},
    "product_name": {"S": "Laptop"},
    "quantity": {"N": "2"},
    "price": {"N": "100"},
}
ROW = {"product_name": "Laptop", "quantity": "2", "price": "100.0000"}


def of_item(**attributes: Any) -> Values:
    return item_values(ITEM | attributes, NOW)


def of_row(**cells: str | None) -> Values:
    row = ROW | cells
    return row_values([row.get(name) for name in FIELDS])


def test_an_item_and_its_row_have_the_same_values_and_fingerprint() -> None:
    assert of_item() == of_row()
    assert fingerprint(of_item()) == fingerprint(of_row())
    assert len(fingerprint(of_item())) == 16


@pytest.mark.parametrize(
    ("in_dynamodb", "in_athena"),
    [
        ("100", "100.0000"),
        ("1E+2", "100.0000"),
        ("100.00", "100.0000"),
        ("0.1", "0.1000"),
        ("1E-4", "0.0001"),
        ("99999999999999.9999", "99999999999999.9999"),
    ],
)
def test_a_price_is_its_value_and_not_its_digits(in_dynamodb: str, in_athena: str) -> None:
    assert of_item(price={"N": in_dynamodb}) == of_row(price=in_athena)


@pytest.mark.parametrize(
    ("in_dynamodb", "in_athena"),
    [
        ("2026-01-01T12:00:00Z", "2026-01-01 12:00:00.000000"),
        ("2026-01-01T12:00:00", "2026-01-01 12:00:00.000000"),
        ("2026-01-01T12:00:00.5Z", "2026-01-01 12:00:00.500000"),
        ("2026-01-01T12:00:00.123456Z", "2026-01-01 12:00:00.123456"),
        ("2026-01-01T23:30:00-05:00", "2026-01-02 04:30:00.000000"),
        ("2026-01-01T00:30:00+02:00", "2025-12-31 22:30:00.000000"),
        ("2026-01-01", "2026-01-01 00:00:00.000000"),
    ],
)
def test_a_time_is_the_moment_in_utc(in_dynamodb: str, in_athena: str) -> None:
    item = of_item(order_ts={"S": in_dynamodb})
    assert item == of_row(order_ts=in_athena, order_date=in_athena[:10])


def test_a_text_that_is_no_time_is_none_in_silver() -> None:
    assert of_item(order_ts={"S": "yesterday"}) == of_row()


def test_an_order_is_in_the_partition_of_its_day() -> None:
    item = of_item(order_ts={"S": "2026-01-01T12:00:00Z"})
    assert item != of_row(order_ts="2026-01-01 12:00:00.000000", order_date="2026-01-02")


def test_an_order_without_time_may_be_dated_by_its_first_change() -> None:
    assert of_item() == of_row(order_date="2026-01-01")


@pytest.mark.parametrize(
    ("value", "json"),
    [
        ({"S": "a"}, '"a"'),
        ({"S": 'quo"te\n\u00e4\u2028'}, '"quo\\"te\\n\u00e4\u2028"'),
        ({"N": "1E+2"}, "100"),
        ({"N": "1.50"}, "1.5"),
        ({"N": "12345678901234567890123456789012345678"}, "12345678901234567890123456789012345678"),
        ({"BOOL": True}, "true"),
        ({"NULL": True}, "null"),
        ({"B": "AAH/"}, '"AAH/"'),
        ({"SS": ["b", "a"]}, '["a","b"]'),
        ({"NS": ["2", "1.0"]}, "[1,2]"),
        ({"L": [{"N": "1"}, {"S": "1"}]}, '[1,"1"]'),
        ({"M": {"b": {"N": "1"}, "a": {"M": {}}}}, '{"b":1,"a":{}}'),
    ],
)
def test_what_the_schema_does_not_know_is_compared_as_json(value: Any, json: str) -> None:
    assert of_item(gift=value) == of_row(attributes=f'{{"gift": {json}}}')


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ('{"gift":1}', '{"gift":"1"}'),
        ('{"gift":[1,2]}', '{"gift":[2,1]}'),
        ('{"gift":true}', '{"gift":"true"}'),
        ('{"gift":null}', "{}"),
        (
            '{"gift":12345678901234567890123456789012345678}',
            '{"gift":12345678901234567890123456789012345679}',
        ),
        ("{", "{}"),
        (None, "{}"),
    ],
)
def test_different_attributes_differ(one: str | None, other: str) -> None:
    assert of_row(attributes=one) != of_row(attributes=other)


def test_an_empty_text_is_not_nothing() -> None:
    assert of_item(brand_name={"S": ""}) == of_row(brand_name="")
    assert of_item(brand_name={"S": ""}) != of_row()
    assert of_item(brand_name={"NULL": True}) == of_row()


def test_values_do_not_run_into_their_neighbours() -> None:
    assert fingerprint(of_row(category="a", brand_name="b")) != fingerprint(
        of_row(category="a', 'b")
    )


@pytest.mark.parametrize(
    ("attribute", "value", "reason"),
    [
        ("price", {"N": "0"}, "price"),
        ("price", {"S": "10"}, "type 'S', not N"),
        ("quantity", {"N": "1.5"}, "whole number"),
        ("status", {"S": "lost"}, "status"),
        ("order_ts", {"S": "2026-01-04T00:00:00Z"}, "future"),
    ],
)
def test_an_item_that_breaks_a_rule_is_refused_with_the_reason(
    attribute: str, value: Any, reason: str
) -> None:
    with pytest.raises(Refused, match=reason):
        of_item(**{attribute: value})


def test_the_amount_loses_no_digit() -> None:
    values = of_item(quantity={"N": "2147483647"}, price={"N": "99999999999999.9999"})
    assert amount(values) == Decimal("214748364699999999785251.6353")


def test_a_row_that_is_older_than_a_column_has_its_value_in_attributes() -> None:
    item = of_item(channel={"S": "web"}, gift={"BOOL": True})
    assert of_row(attributes='{"channel":"web","gift":true}') == item
    assert of_row(channel="web", attributes='{"channel":"web","gift":true}') == item
    assert of_row(attributes='{"channel":"web"}') == of_item(channel={"S": "web"})
    assert of_row(channel="store", attributes='{"channel":"web","gift":true}') != item


def test_a_nested_name_is_no_column() -> None:
    nested = {"M": {"channel": {"S": "web"}}}
    assert of_row(attributes='{"gift":{"channel":"web"}}') == of_item(gift=nested)
    assert of_row(attributes='["channel"]') != of_item()
