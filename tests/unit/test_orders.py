"""An order, its life, its id, and the catalogue it is taken from."""

from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesflow.catalogue import CATALOGUE
from salesflow.orders import TRANSITIONS, IllegalTransition, Order, iso_utc, order_id
from salesflow.schema import ORDER_ATTRIBUTES, STATUSES


def an_order(status: str | None = "placed") -> Order:
    return Order(
        orderid="921",
        product_name="Laptop",
        quantity=1,
        price=Decimal("146.30"),
        status=status,
        extra={"city": "Ulm"},
    )


def test_an_item_has_dynamodb_types_and_exact_digits() -> None:
    assert an_order().to_item() == {
        "orderid": {"S": "921"},
        "product_name": {"S": "Laptop"},
        "quantity": {"N": "1"},
        "price": {"N": "146.30"},
        "status": {"S": "placed"},
        "city": {"S": "Ulm"},
    }


def test_an_item_agrees_with_the_schema() -> None:
    everything: dict[str, str] = {a.name: "x" for a in ORDER_ATTRIBUTES if a.dynamodb_type == "S"}
    item = Order(quantity=1, price=Decimal(1), **everything).to_item()
    assert {name: next(iter(value)) for name, value in item.items()} == {
        a.name: a.dynamodb_type for a in ORDER_ATTRIBUTES
    }


def test_a_status_follows_only_where_it_may() -> None:
    assert an_order("placed").with_status("paid").status == "paid"
    with pytest.raises(IllegalTransition, match="order 921: delivered can't follow placed"):
        an_order("placed").with_status("delivered")
    with pytest.raises(IllegalTransition):
        an_order(None).with_status("paid")


def test_transitions_are_between_the_known_statuses() -> None:
    assert tuple(TRANSITIONS) == STATUSES
    assert set().union(*TRANSITIONS.values()) <= set(STATUSES)


moments = st.integers(0, 2**48 - 1)
chances = st.integers(0, 2**48 - 1)
ordinals = st.integers(0, 2**32 - 1)


@given(moments, chances, ordinals, moments, chances, ordinals)
def test_order_ids_sort_by_time_and_differ(
    a_ms: int, a_chance: int, a_number: int, b_ms: int, b_chance: int, b_number: int
) -> None:
    a, b = order_id(a_ms, a_chance, a_number), order_id(b_ms, b_chance, b_number)
    assert len(a) == len(b) == 26
    assert (a < b) == ((a_ms, a_chance, a_number) < (b_ms, b_chance, b_number))


def test_an_order_id_is_a_ulid() -> None:
    # The time part of the example in the ULID specification.
    assert order_id(1469918176385, 0, 0) == "01ARYZ6S41" + "0" * 16


@pytest.mark.parametrize("parts", [(-1, 0, 0), (2**48, 0, 0), (0, 2**48, 0), (0, 0, 2**32)])
def test_what_does_not_fit_an_order_id_is_an_error(parts: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="doesn't fit"):
        order_id(*parts)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (datetime(2025, 7, 10, 14, 5, 24, 903000, UTC), "2025-07-10T14:05:24.903Z"),
        (datetime(2025, 7, 10, tzinfo=timezone(timedelta(hours=2))), "2025-07-09T22:00:00.000Z"),
        (datetime.fromisoformat("2025-07-10T01:02:03.000004"), "2025-07-10T01:02:03.000004Z"),
    ],
)
def test_a_time_is_written_in_utc(at: datetime, text: str) -> None:
    assert iso_utc(at) == text


def test_the_catalogue_has_unique_products_at_the_asked_prices() -> None:
    names = [product.name for product in CATALOGUE]
    assert len(set(names)) == len(names)
    assert {"Laptop", "Phone", "Tablet", "Headphones", "Charger"} <= set(names)
    assert all(10 <= product.list_price <= 500 for product in CATALOGUE)
    assert all(product.opening_stock > product.reorder_point > 0 for product in CATALOGUE)
