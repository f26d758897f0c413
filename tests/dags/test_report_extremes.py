"""Reports of a day with the most expensive orders that there can be, and of the days around it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal, localcontext

import pytest

from generated_shop import DAY, Shop, Values
from localaws.server import LocalAws
from report_sql import REPORTS
from salesflow.numbers import EXACT
from salesflow.schema import INT_MAX

PRICE = Decimal("99999999999999.9999")
ORDERS = 50_000
"""As many as it takes for their pieces to exceed a decimal(18, 4)."""


@pytest.fixture(scope="module")
def shop(_served: LocalAws) -> Iterator[Shop]:
    """Two days with orders of all the money in the world, and one of a cent."""
    shop = Shop(_served)

    def order(number: int, days: int, price: object, quantity: int) -> Values:
        return {
            "orderid": str(number),
            "customer_id": "C1",
            "product_name": "Laptop",
            "quantity": quantity,
            "price": str(price),
            "status": "paid",
            "order_date": (DAY + timedelta(days)).isoformat(),
        }

    rows = [order(number, 0, PRICE, INT_MAX) for number in range(ORDERS)]
    rows.append(order(ORDERS, -1, "0.01", 1))
    body = "".join(json.dumps(row) + "\n" for row in rows).encode()
    shop.s3.put_object(Bucket="lake", Key="orders/rows.json", Body=body)
    yield shop
    _served.reset()


@pytest.mark.parametrize("report", sorted(set(REPORTS) - {"orders"}))
def test_it_has_every_report_and_so_have_the_days_after_it(shop: Shop, report: str) -> None:
    for days in (0, 1, 7):
        shop.report(report, DAY + timedelta(days))


def test_sums_and_averages_are_exact(shop: Shop) -> None:
    [today, *_] = shop.report("day_totals")
    [customers] = shop.report("customer_segments")
    with localcontext(EXACT):
        assert today["net_sales"] == ORDERS * INT_MAX * PRICE
        assert today["average_basket"] == (INT_MAX * PRICE).quantize(Decimal("0.01"))
        assert today["units_per_order"] == INT_MAX
        assert customers["net_sales"] == ORDERS * INT_MAX * PRICE + Decimal("0.01")
