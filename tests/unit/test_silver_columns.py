"""The columns of silver follow the schema, and a table that doesn't is found out."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from salesflow.schema import CHANGELOG_COLUMNS, ORDER_ATTRIBUTES
from salesflow.silver import ATTRIBUTES, ORDERS_COLUMNS, TableAltered, missing_columns, typed


def in_glue(**altered: str) -> list[dict[str, Any]]:
    """The table's columns as Glue has them."""
    return [
        {
            "Name": column.name,
            "Type": altered.get(column.name, column.glue_type),
            "Parameters": {"iceberg.field.current": "true"},
        }
        for column in ORDERS_COLUMNS
    ]


def test_silver_has_every_attribute_and_no_name_twice() -> None:
    names = [column.name for column in ORDERS_COLUMNS]
    assert names[: len(ORDER_ATTRIBUTES)] == [a.name for a in ORDER_ATTRIBUTES]
    assert len(set(names)) == len(names)


def test_numbers_and_times_have_their_types() -> None:
    types = {column.name: column.glue_type for column in ORDERS_COLUMNS}
    assert (types["quantity"], types["price"]) == ("int", "decimal(18,4)")
    assert (types["order_ts"], types["order_date"]) == ("timestamp", "date")


def test_every_attribute_can_be_made_of_its_changelog_column() -> None:
    for attribute in ATTRIBUTES:
        assert attribute.name in typed(attribute)


def test_a_type_that_nobody_knows_how_to_make_is_refused() -> None:
    attribute = replace(ATTRIBUTES[0], silver_type="date")
    with pytest.raises(ValueError, match="orderid: no rule makes date of string"):
        typed(attribute)


def test_a_table_as_declared_lacks_nothing() -> None:
    assert missing_columns(in_glue()) == []


def test_columns_of_others_are_left_alone() -> None:
    note = {"Name": "note", "Type": "string", "Parameters": {}}
    assert missing_columns([*in_glue(), note]) == []


def test_a_column_that_was_declared_since_is_to_be_added() -> None:
    older = [column for column in in_glue() if column["Name"] not in ("channel", "country")]
    assert [column.name for column in missing_columns(older)] == ["channel", "country"]


def test_a_column_that_was_dropped_by_hand_is_named() -> None:
    columns = in_glue()
    columns[6]["Parameters"] = {"iceberg.field.current": "false"}
    with pytest.raises(TableAltered, match=r"altered by hand: column price was dropped$"):
        missing_columns(columns)


def test_columns_that_were_retyped_by_hand_are_named_with_both_types() -> None:
    with pytest.raises(
        TableAltered,
        match=r"column quantity is bigint, not int; column price is double, not decimal\(18,4\)$",
    ):
        missing_columns(in_glue(price="double", quantity="bigint"))


def test_bronze_and_silver_call_the_same_things_alike() -> None:
    bronze = {column.name for column in CHANGELOG_COLUMNS}
    silver = {column.name for column in ORDERS_COLUMNS}
    assert bronze - silver == {"event_type", "event_id", "sequence_number", "creation_time"}
