"""A change of an order becomes a row of the changelog, or is refused with the reason."""

import json
from collections.abc import Callable
from copy import deepcopy
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.changes import Refused, changelog_row
from salesflow.schema import (
    CHANGE_COLUMNS,
    CHANGELOG_COLUMNS,
    KNOWN_NAMES,
    ORDER_ATTRIBUTES,
    PARTITION_KEYS,
)

EVENTS = Path(__file__).parent / "events"
Change = dict[str, Any]


def change_from(name: str) -> Change:
    change: Change = json.loads((EVENTS / f"{name}.json").read_text())
    return change


def row_of(change: Change) -> dict[str, Any]:
    """The row, read with exact decimals."""
    line = changelog_row(change)
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    row: dict[str, Any] = json.loads(line, parse_float=Decimal)
    return row


def attributes_of(change: Change) -> Any:
    return json.loads(row_of(change)["attributes"], parse_float=Decimal)


@pytest.fixture
def insert() -> Change:
    return change_from("insert_with_required_attributes_only")


@pytest.fixture
def remove() -> Change:
    return change_from("remove")


def test_an_insert_becomes_a_flat_row(insert: Change) -> None:
    assert changelog_row(insert) == (
        b'{"orderid":"921","product_name":"Laptop","quantity":1,"price":146.37,'
        b'"event_type":"INSERT","event_id":"c1998ee5b1b67c0cb3e5b2d2a6e7d0ab",'
        b'"sequence_number":"149600003405850623541670","creation_time":1752158591}\n'
    )


def test_all_columns_come_in_the_order_of_the_schema() -> None:
    row = row_of(change_from("insert_with_all_attributes"))
    assert list(row) == [column.name for column in CHANGELOG_COLUMNS]


def test_a_modification_has_the_new_values() -> None:
    row = row_of(change_from("modify"))
    assert (row["event_type"], row["status"]) == ("MODIFY", "paid")


def test_a_removal_has_the_values_that_were_removed(remove: Change) -> None:
    row = row_of(remove)
    assert (row["event_type"], row["status"], row["price"]) == (
        "REMOVE",
        "cancelled",
        Decimal("134.1"),
    )


def test_a_removal_by_time_to_live_is_a_removal() -> None:
    assert row_of(change_from("remove_by_time_to_live"))["event_type"] == "REMOVE"


def test_a_removal_without_old_image_still_says_which_order() -> None:
    row = row_of(change_from("remove_in_a_stream_of_keys"))
    assert (row["orderid"], row["event_type"]) == ("921", "REMOVE")
    assert "product_name" not in row


def test_a_removal_is_not_refused_for_what_the_item_held(remove: Change) -> None:
    image = remove["dynamodb"]["OldImage"]
    image["quantity"] = {"S": "three"}
    image["price"] = {"N": "0.00001"}
    image["product_name"] = {"NULL": True}
    row = row_of(remove)
    assert not {"quantity", "price", "product_name"} & set(row)
    attributes = attributes_of(remove)
    assert (attributes["quantity"], attributes["price"]) == ("three", Decimal("0.00001"))


def test_a_key_that_differs_by_case_is_the_order_id() -> None:
    row = row_of(change_from("insert_with_key_orderId"))
    assert row["orderid"] == "921"
    assert "attributes" not in row


def test_a_numeric_key_becomes_text() -> None:
    assert row_of(change_from("insert_with_numeric_key"))["orderid"] == "2044"


def test_a_brand_is_kept() -> None:
    assert row_of(change_from("insert_with_brand"))["brand_name"] == "Novatek"


def test_unknown_attributes_are_kept_as_json_with_sorted_names() -> None:
    row = row_of(change_from("insert_with_all_attributes"))
    assert row["attributes"] == '{"city":"New Zoë","customer_name":"Zoë \\"Zed\\" Müller"}'


def test_every_dynamodb_type_is_unwrapped_with_its_digits() -> None:
    change = change_from("insert_with_every_type")
    assert row_of(change)["attributes"] == (
        '{"address":{"geo":{"lat":52.5200},"zip":"00420"},"gift":true,'
        '"lines":["a",0.10,[]],"note":null,"photo":"aGVsbG8=","sizes":[1.10,2E+3],'
        '"tags":["new","red"],"thumbs":["YQ==","Yg=="],'
        '"weight":12345678901234567890.123456789012345678}'
    )


@pytest.mark.parametrize(
    "name",
    [
        *(column.name for column in CHANGE_COLUMNS + PARTITION_KEYS),
        *(name.upper() for name in sorted(KNOWN_NAMES)),
        "orderId",
    ],
)
def test_an_attribute_that_is_named_as_a_column_of_ours_is_kept(insert: Change, name: str) -> None:
    insert["dynamodb"]["NewImage"][name] = {"S": "theirs"}
    row = row_of(insert)
    assert attributes_of(insert) == {name: "theirs"}
    assert row.get(name) != "theirs"


def test_an_orderid_beside_the_key_orderId_is_kept() -> None:
    change = change_from("insert_with_key_orderId")
    change["dynamodb"]["NewImage"]["orderid"] = {"S": "other"}
    assert row_of(change)["orderid"] == "921"
    assert attributes_of(change) == {"orderid": "other"}


def test_an_optional_null_is_left_out(insert: Change) -> None:
    insert["dynamodb"]["NewImage"]["country"] = {"NULL": True}
    row = row_of(insert)
    assert "country" not in row
    assert "attributes" not in row


def test_a_creation_time_with_a_fraction_is_cut_to_seconds(insert: Change) -> None:
    insert["dynamodb"]["ApproximateCreationDateTime"] = 1752158591.987
    assert row_of(insert)["creation_time"] == 1752158591


def test_text_that_would_break_a_line_is_escaped(insert: Change) -> None:
    text = 'a\nb\r\t"c"\\ \x00 é 中 😀'
    insert["dynamodb"]["NewImage"]["product_name"] = {"S": text}
    assert row_of(insert)["product_name"] == text


def _set(path: str, value: Any) -> Callable[[Change], None]:
    *parents, last = path.split(".")

    def damage(change: Change) -> None:
        for name in parents:
            change = change[name]
        change[last] = value

    return damage


def _drop(path: str) -> Callable[[Change], None]:
    *parents, last = path.split(".")

    def damage(change: Change) -> None:
        for name in parents:
            change = change[name]
        del change[last]

    return damage


IMAGE = "dynamodb.NewImage"


@pytest.mark.parametrize(
    ("damage", "reason"),
    [
        (_drop("eventName"), "unknown eventName None"),
        (_set("eventName", "UPSERT"), "unknown eventName 'UPSERT'"),
        (_set("eventName", []), "unknown eventName"),
        (_drop("eventID"), "eventID is missing"),
        (_set("eventID", 5), "eventID is missing or no text"),
        (_drop("dynamodb"), "'dynamodb' is missing"),
        (_set("dynamodb", "x"), "'dynamodb' is missing or no object"),
        (_drop("dynamodb.Keys"), "'Keys' is missing"),
        (_set("dynamodb.Keys", {"id": {"S": "1"}}), "no attribute orderid"),
        (_set("dynamodb.Keys", {"orderid": {"B": "MQ=="}}), "neither text nor a number"),
        (_set("dynamodb.Keys", {"orderid": "921"}), "neither text nor a number"),
        (_drop(IMAGE), "INSERT without an image"),
        (_set(IMAGE, None), "INSERT without an image"),
        (_drop("dynamodb.SequenceNumber"), "SequenceNumber is missing"),
        (_set("dynamodb.SequenceNumber", "12a"), "not made of digits"),
        (_set("dynamodb.SequenceNumber", "1" * 41), "more than 40 digits"),
        (_drop("dynamodb.ApproximateCreationDateTime"), "ApproximateCreationDateTime is missing"),
        (_set("dynamodb.ApproximateCreationDateTime", True), "no epoch time"),
        (_set("dynamodb.ApproximateCreationDateTime", float("nan")), "no epoch time"),
        (_set("dynamodb.ApproximateCreationDateTime", 1752158591987), "in seconds"),
        (_drop(f"{IMAGE}.product_name"), "required attribute product_name is missing"),
        (_drop(f"{IMAGE}.quantity"), "required attribute quantity is missing"),
        (_set(f"{IMAGE}.price", {"NULL": True}), "required attribute price is null"),
        (_set(f"{IMAGE}.price", {"S": "9.99"}), "attribute price has type 'S', not N"),
        (_set(f"{IMAGE}.country", {"N": "1"}), "attribute country has type 'N', not S"),
        (_set(f"{IMAGE}.price", "9.99"), "attribute price is no typed value"),
        (_set(f"{IMAGE}.price", {"N": "1", "S": "1"}), "attribute price has more than one type"),
        (_set(f"{IMAGE}.price", {"N": 9.99}), "attribute price has type 'N'"),
        (_set(f"{IMAGE}.price", {"N": "ten"}), "attribute price: 'ten' is not a number"),
        (_set(f"{IMAGE}.price", {"N": "0.00001"}), "attribute price: '0.00001' doesn't fit"),
        (_set(f"{IMAGE}.quantity", {"N": "1.5"}), "attribute quantity: '1.5' is not a whole"),
        (_set(f"{IMAGE}.quantity", {"N": "3000000000"}), "doesn't fit int"),
        (_set(f"{IMAGE}.extra", {"Q": "1"}), "attribute 'extra': unknown type 'Q'"),
        (_set(f"{IMAGE}.extra", {"L": {"S": "1"}}), "a value that doesn't suit its type L"),
        (_set(f"{IMAGE}.extra", {"M": ["S"]}), "a value that doesn't suit its type M"),
        (_set(f"{IMAGE}.extra", {"BOOL": "true"}), "a value that doesn't suit its type BOOL"),
        (_set(f"{IMAGE}.extra", {"M": {"a": {"N": "x"}}}), "'extra': attribute 'a': 'x' is not"),
        (_set(f"{IMAGE}.extra", []), "attribute 'extra': no typed value"),
        (_set(f"{IMAGE}.product_name", {"S": "\ud800"}), "half a surrogate pair"),
    ],
)
def test_a_damaged_change_is_refused_with_the_reason(
    insert: Change, damage: Callable[[Change], None], reason: str
) -> None:
    damage(insert)
    with pytest.raises(Refused) as refusal:
        changelog_row(insert)
    assert reason in str(refusal.value)


def test_a_reason_never_quotes_much(insert: Change) -> None:
    insert["dynamodb"]["NewImage"]["price"] = {"N": "x" * 10_000}
    with pytest.raises(Refused) as refusal:
        changelog_row(insert)
    assert len(str(refusal.value)) < 120


@pytest.mark.parametrize("attribute", [a for a in ORDER_ATTRIBUTES if not a.required])
def test_optional_attributes_may_be_missing(attribute: Any) -> None:
    change = change_from("insert_with_all_attributes")
    del change["dynamodb"]["NewImage"][attribute.name]
    assert attribute.name not in row_of(change)


texts = st.text(st.characters(exclude_categories=["Cs"]))
numbers = st.decimals(allow_nan=False, allow_infinity=False).map(str)
typed_values = st.recursive(
    st.one_of(
        st.builds(lambda v: {"S": v}, texts),
        st.builds(lambda v: {"N": v}, numbers),
        st.builds(lambda v: {"BOOL": v}, st.booleans()),
        st.just({"NULL": True}),
        st.builds(lambda v: {"NS": v}, st.lists(numbers, max_size=3)),
    ),
    lambda children: st.one_of(
        st.builds(lambda v: {"L": v}, st.lists(children, max_size=3)),
        st.builds(lambda v: {"M": v}, st.dictionaries(texts, children, max_size=3)),
    ),
    max_leaves=6,
)


def unwrapped(value: dict[str, Any]) -> Any:
    ((descriptor, content),) = value.items()
    match descriptor:
        case "N":
            return Decimal(content)
        case "NS":
            return sorted(Decimal(member) for member in content)
        case "NULL":
            return None
        case "L":
            return [unwrapped(member) for member in content]
        case "M":
            return {name: unwrapped(member) for name, member in content.items()}
    return content


@given(st.dictionaries(texts.filter(lambda name: name not in KNOWN_NAMES), typed_values))
def test_no_unknown_attribute_is_ever_lost(extra: dict[str, Any]) -> None:
    change = deepcopy(change_from("insert_with_required_attributes_only"))
    change["dynamodb"]["NewImage"].update(extra)
    row = row_of(change)
    kept = json.loads(row.get("attributes", "{}"), parse_float=Decimal, parse_int=Decimal)
    assert kept == {name: unwrapped(value) for name, value in extra.items()}
    assert row["orderid"] == "921"


@pytest.mark.parametrize(
    ("descriptor", "members", "written"),
    [
        ("SS", ["b", "a", "ä"], '["a","b","ä"]'),
        ("BS", ["Yg==", "YQ=="], '["YQ==","Yg=="]'),
        ("NS", ["10", "9", "-1"], "[-1,9,10]"),
    ],
)
def test_a_set_is_the_same_text_in_whichever_order_it_was_read(
    descriptor: str, members: list[str], written: str
) -> None:
    for order in (members, members[::-1]):
        change = deepcopy(change_from("insert_with_required_attributes_only"))
        change["dynamodb"]["NewImage"]["set"] = {descriptor: order}
        assert row_of(change)["attributes"] == f'{{"set":{written}}}'
