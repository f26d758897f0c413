"""The schema is stated once, in a form that every hop can take."""

from salesflow.schema import (
    CHANGELOG_COLUMNS,
    KNOWN_NAMES,
    ORDER_ATTRIBUTES,
    PARTITION_KEYS,
    REQUIRED_ATTRIBUTES,
)


def test_column_names_are_unique_and_as_glue_folds_them() -> None:
    names = [column.name for column in CHANGELOG_COLUMNS + PARTITION_KEYS]
    assert len(set(names)) == len(names)
    assert all(name == name.lower() for name in names)


def test_only_what_the_first_generators_wrote_is_required() -> None:
    assert REQUIRED_ATTRIBUTES == ("orderid", "product_name", "quantity", "price")


def test_numbers_are_numbers_in_every_layer() -> None:
    numeric = {
        a.name: (a.glue_type, a.silver_type) for a in ORDER_ATTRIBUTES if a.dynamodb_type == "N"
    }
    assert numeric == {
        "quantity": ("int", "int"),
        "price": ("decimal(18,4)", "decimal(18,4)"),
    }


def test_every_column_says_what_it_means() -> None:
    assert all(column.description for column in CHANGELOG_COLUMNS + PARTITION_KEYS)
    assert {a.name for a in ORDER_ATTRIBUTES} == KNOWN_NAMES
