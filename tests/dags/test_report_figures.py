"""Every report's figures equal what plain Python makes of the generator's own record."""

from __future__ import annotations

import json
from base64 import b64encode
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from hashlib import sha256
from itertools import pairwise
from typing import Any

import pytest

from airflow_home import DAGS
from generated_shop import DAY, UNKNOWN, Delivery, Orders, Shop, Values, day_of, midnight
from localaws.server import LocalAws
from salesflow.catalogue import CATALOGUE
from salesflow.orders import Order
from salesflow.warehouse import Restock

REPORTS = sorted(path.stem for path in (DAGS / "sql" / "reports").glob("*.sql"))
EMPTY_DAY = date(2020, 1, 1)


def total(order: Order) -> Decimal:
    return order.quantity * order.price


def kept(orders: Iterable[Order]) -> Orders:
    return [order for order in orders if order.status not in {"cancelled", "returned"}]


def sales(orders: Orders) -> Values:
    """What every breakdown says of a group of orders."""
    return {
        "orders": len(orders),
        "units": sum(order.quantity for order in orders),
        "total_sales": sum(map(total, orders)),
        "net_orders": len(kept(orders)),
        "net_units": sum(order.quantity for order in kept(orders)),
        "net_sales": sum(map(total, kept(orders))),
    }


def rounded(value: Decimal, digits: str) -> Decimal:
    return value.quantize(Decimal(digits), ROUND_HALF_UP)


def grouped(orders: Orders, key: Callable[[Order], Any]) -> dict[Any, Orders]:
    groups: dict[Any, Orders] = defaultdict(list)
    for order in orders:
        groups[key(order)].append(order)
    return groups


@pytest.fixture(scope="module")
def shop(_served: LocalAws) -> Iterator[Shop]:
    yield Shop(_served)
    _served.reset()


@pytest.mark.parametrize(
    ("report", "column"),
    [
        ("sales_by_category", "category"),
        ("sales_by_brand", "brand_name"),
        ("sales_by_channel", "channel"),
        ("sales_by_country", "country"),
    ],
)
def test_sales_by(shop: Shop, report: str, column: str) -> None:
    groups = grouped(shop.sold(DAY, DAY), lambda order: getattr(order, column) or "")
    expected = [{column: value} | sales(orders) for value, orders in groups.items()]
    assert shop.report(report) == sorted(expected, key=lambda r: (-r["net_sales"], r[column]))


def test_sales_by_product_say_which_the_catalogue_does_not_know(shop: Shop) -> None:
    groups = grouped(shop.sold(DAY, DAY), lambda order: order.product_name)
    expected = [
        {"product_name": name, "in_catalogue": name != UNKNOWN} | sales(orders)
        for name, orders in groups.items()
    ]
    assert UNKNOWN in groups
    assert shop.report("sales_by_product") == sorted(
        expected, key=lambda row: (-row["total_sales"], row["product_name"])
    )


def test_unique_products_name_those_that_the_catalogue_does_not_know(shop: Shop) -> None:
    names = {order.product_name for order in shop.sold(DAY, DAY)}
    assert UNKNOWN in names
    assert shop.report("unique_products") == [
        {
            "unique_products": len(names),
            "product_names": ", ".join(sorted(names)),
            "not_in_catalogue": 1,
            "names_not_in_catalogue": UNKNOWN,
        }
    ]


def test_day_totals(shop: Shop) -> None:
    expected = []
    for days_before, what in ((0, "the day"), (1, "the day before"), (7, "a week before")):
        day = DAY - timedelta(days=days_before)
        orders = shop.sold(day, day)
        figures = sales(orders)
        expected.append(
            {"day": day, "what": what}
            | figures
            | {
                "customers": len({order.customer_id for order in orders} - {None}),
                "products": len({order.product_name for order in orders}),
                "average_basket": rounded(figures["net_sales"] / figures["net_orders"], "0.01"),
                "units_per_order": rounded(
                    Decimal(figures["net_units"]) / figures["net_orders"], "0.01"
                ),
            }
        )
    assert shop.report("day_totals") == expected


def test_hourly_sales_have_every_hour(shop: Shop) -> None:
    groups = grouped(shop.sold(DAY, DAY), lambda order: int((order.order_ts or "")[11:13]))
    assert shop.report("hourly_sales") == [
        {"hour": hour} | sales(groups.get(hour, [])) for hour in range(24)
    ]


def test_top_products_have_a_rank_and_say_how_it_changed(shop: Shop) -> None:
    def ranks(day: date) -> dict[str, tuple[int, Values]]:
        groups = grouped(shop.sold(day, day), lambda order: order.product_name)
        figures = {name: sales(orders) for name, orders in groups.items()}
        best = sorted(figures, key=lambda name: (-figures[name]["net_sales"], name))
        return {name: (rank, figures[name]) for rank, name in enumerate(best, 1)}

    before = ranks(DAY - timedelta(days=1))
    assert shop.report("top_products") == [
        {
            "rank": rank,
            "previous_rank": before[name][0] if name in before else None,
            "places_gained": before[name][0] - rank if name in before else None,
            "product_name": name,
            "net_units": figures["net_units"],
            "net_sales": figures["net_sales"],
        }
        for name, (rank, figures) in ranks(DAY).items()
    ]


def test_price_bands_include_their_lower_price(shop: Shop) -> None:
    limits = [0, 25, 50, 100, 200, 300, 500, None]
    expected = []
    for low, high in pairwise(limits):
        orders = [
            order
            for order in shop.sold(DAY, DAY)
            if order.price >= (low or 0) and (high is None or order.price < high)
        ]
        figures = sales(orders)
        names = ("orders", "units", "total_sales", "net_sales")
        expected.append(
            {"from_price": low, "below_price": high} | {name: figures[name] for name in names}
        )
    assert any(order.price == 25 for order in shop.sold(DAY, DAY))
    assert shop.report("price_bands") == expected


def test_cancellations_and_returns(shop: Shop) -> None:
    # Returns come days after their order.
    day = DAY - timedelta(days=30)
    expected = []
    for name, orders in grouped(shop.sold(day, day), lambda order: order.product_name).items():
        by_status = grouped(orders, lambda order: order.status)
        cancelled, returned = by_status.get("cancelled", []), by_status.get("returned", [])
        if cancelled or returned:
            share = Decimal(100 * len(cancelled + returned)) / len(orders)
            expected.append(
                {
                    "product_name": name,
                    "orders": len(orders),
                    "cancelled": len(cancelled),
                    "cancelled_sales": sum(map(total, cancelled)),
                    "returned": len(returned),
                    "returned_sales": sum(map(total, returned)),
                    "percent_of_orders": rounded(share, "0.01"),
                }
            )
    assert expected
    assert shop.report("cancellations_and_returns", day) == sorted(
        expected,
        key=lambda row: (-row["cancelled_sales"] - row["returned_sales"], row["product_name"]),
    )


def test_new_customers_are_those_who_never_ordered_before(shop: Shop) -> None:
    earlier = {o.customer_id for o in shop.sold(date.min, DAY - timedelta(days=1))}

    def kind(order: Order) -> str:
        if order.customer_id is None:
            return "unknown"
        return "returning" if order.customer_id in earlier else "new"

    groups = grouped(shop.sold(DAY, DAY), kind)
    assert groups["unknown"]
    expected = []
    for name in ("new", "returning", "unknown"):
        figures = sales(groups[name])
        expected.append(
            {
                "customers_are": name,
                "customers": len({order.customer_id for order in groups[name]} - {None}),
            }
            | {key: figures[key] for key in ("orders", "units", "total_sales", "net_sales")}
        )
    assert shop.report("new_and_returning_customers") == expected


def fifths(keys: list[Any]) -> dict[str, int]:
    """SQL's ntile(5): parts of equal size, the first ones larger by one."""
    size, rest = divmod(len(keys), 5)
    ends = [size * (part + 1) + min(part + 1, rest) for part in range(5)]
    return {
        key[-1]: next(part for part, end in enumerate(ends, 1) if place < end)
        for place, key in enumerate(sorted(keys))
    }


def test_customer_segments(shop: Shop) -> None:
    sold = kept(shop.sold(DAY - timedelta(days=364), DAY))
    groups = grouped([o for o in sold if o.customer_id], lambda order: order.customer_id)
    since = {name: (DAY - max(map(day_of, orders))).days for name, orders in groups.items()}
    recency = fifths([(-days, name) for name, days in since.items()])
    frequency = fifths([(len(orders), name) for name, orders in groups.items()])

    def segment(name: str) -> str:
        r, f = recency[name], frequency[name]
        if r >= 4 and f >= 4:
            return "champions"
        if r >= 3 and f >= 3:
            return "loyal"
        if r >= 4:
            return "newcomers"
        if r == 3:
            return "occasional"
        return "at risk" if f >= 4 else "dormant"

    members = defaultdict(list)
    for name in groups:
        members[segment(name)].append(name)
    expected = []
    for title, names in members.items():
        spent = sum((total(order) for name in names for order in groups[name]), Decimal(0))
        days = Decimal(sum(since[name] for name in names))
        expected.append(
            {
                "segment": title,
                "customers": len(names),
                "orders": sum(len(groups[name]) for name in names),
                "net_sales": spent,
                "spent_per_customer": rounded(spent / len(names), "0.01"),
                "days_since_last_order": rounded(days / len(names), "0.1"),
            }
        )
    assert shop.report("customer_segments") == sorted(
        expected, key=lambda row: (-row["net_sales"], row["segment"])
    )


def test_customer_cohorts(shop: Shop) -> None:
    months = defaultdict(set)
    for order in kept(shop.sold(date.min, DAY)):
        if order.customer_id:
            months[order.customer_id].add(day_of(order).replace(day=1))
    counts: Counter[tuple[date, int]] = Counter()
    for active in months.values():
        first = min(active)
        for month in active:
            counts[first, (month.year - first.year) * 12 + month.month - first.month] += 1
    assert shop.report("customer_cohorts") == [
        {
            "cohort": cohort,
            "months_after": after,
            "customers": customers,
            "cohort_size": counts[cohort, 0],
            "retention_percent": rounded(Decimal(100 * customers) / counts[cohort, 0], "0.01"),
        }
        for (cohort, after), customers in sorted(counts.items())
    ]


def test_repeat_intervals(shop: Shop) -> None:
    gaps: list[int] = []
    sold = kept(shop.sold(DAY - timedelta(days=364), DAY))
    for orders in grouped([o for o in sold if o.customer_id], lambda o: o.customer_id).values():
        days = sorted(map(day_of, orders))
        gaps += [(later - day).days for day, later in pairwise(days)]
    spans = [(0, 0), (1, 7), (8, 14), (15, 30), (31, 60), (61, 90), (91, 364)]
    expected = []
    for first, last in spans:
        count = sum(first <= gap <= last for gap in gaps)
        expected.append(
            {
                "from_days": first,
                "to_days": last,
                "repeats": count,
                "percent": rounded(Decimal(100 * count) / len(gaps), "0.01"),
            }
        )
    assert shop.report("repeat_intervals") == expected


def test_top_customers(shop: Shop) -> None:
    sold = kept(shop.sold(DAY - timedelta(days=29), DAY))
    groups = grouped([o for o in sold if o.customer_id], lambda order: order.customer_id)
    expected = [
        {
            "customer_id": name,
            "net_orders": len(orders),
            "net_units": sum(order.quantity for order in orders),
            "net_sales": sum(map(total, orders)),
            "last_order": max(map(day_of, orders)),
        }
        for name, orders in groups.items()
    ]
    best = sorted(expected, key=lambda row: (-row["net_sales"], row["customer_id"]))
    assert shop.report("top_customers") == best[:20]


def arrivals(restocks: Iterable[Restock], product: str) -> tuple[int, int, date | None]:
    """Pieces that have arrived by the day, pieces on their way, and when the next ones come."""
    ours = [r for r in restocks if r.product_name == product and r.ordered_on <= DAY]
    later = [r for r in ours if r.received_on > DAY]
    return (
        sum(r.units for r in ours if r.received_on <= DAY),
        sum(r.units for r in later),
        min((r.received_on for r in later), default=None),
    )


def test_inventory_is_what_was_there_and_came_less_what_was_sold(shop: Shop) -> None:
    recent = DAY - timedelta(days=28)
    rows = {row["product_name"]: row for row in shop.report("inventory")}
    assert set(rows) == {product.name for product in CATALOGUE} | {UNKNOWN}
    for product in CATALOGUE:
        orders = [o for o in kept(shop.sold(date.min, DAY)) if o.product_name == product.name]
        sold = sum(order.quantity for order in orders)
        lately = sum(order.quantity for order in orders if day_of(order) > recent)
        restocked, on_order, next_arrival = arrivals(shop.restocks, product.name)
        stock = product.opening_stock + restocked - sold
        cover = max(0, stock) * 28 // lately if lately else None
        reorder = stock + on_order <= product.reorder_point
        assert rows[product.name] == {
            "product_name": product.name,
            "in_catalogue": True,
            "opening_stock": product.opening_stock,
            "restocked": restocked,
            "sold": sold,
            "stock": stock,
            "on_order": on_order,
            "next_arrival": next_arrival,
            "sold_per_day": rounded(Decimal(lately) / 28, "0.01"),
            "days_of_cover": cover,
            "stock_out_date": DAY + timedelta(days=cover) if cover is not None else None,
            "reorder_point": product.reorder_point,
            "lead_time_days": product.lead_time_days,
            "reorder": reorder,
            "reorder_units": product.opening_stock - stock - on_order if reorder else None,
        }
    assert rows[UNKNOWN]["in_catalogue"] is False
    assert rows[UNKNOWN]["sold"] > 0
    assert rows[UNKNOWN]["stock"] is None


def seconds(moment: datetime) -> str:
    """A time as Athena prints one of whole seconds."""
    return f"{moment:%Y-%m-%d %H:%M:%S}.000"


def quality_of(shop: Shop, until: datetime) -> Values:
    """What is there of the changes of the day, whichever folder they lie in."""
    firsts: dict[str, Delivery] = {}
    copies: Counter[str] = Counter()
    for each in sorted(shop.deliveries, key=lambda each: each.folder):
        if each.at.date() == DAY and each.folder.date() <= DAY + timedelta(days=8):
            firsts.setdefault(each.event_id, each)
            copies[each.event_id] += 1
    changes = list(firsts.values())
    kinds = Counter(each.event_type for each in changes)
    late = datetime(DAY.year, DAY.month, DAY.day, 1, tzinfo=UTC) + timedelta(days=1)
    return {
        "changes": len(changes),
        "inserted": kinds["INSERT"],
        "modified": kinds["MODIFY"],
        "removed": kinds["REMOVE"],
        "orders_changed": len({each.orderid for each in changes}),
        "late_changes": sum(each.folder >= late for each in changes),
        "repeated": copies.total() - len(copies),
        "newest_change": seconds(
            max(at for each in changes if (at := each.at.replace(microsecond=0)) < until)
        ),
    }


def test_data_quality_counts_what_changed_came_late_twice_or_not_at_all(shop: Shop) -> None:
    end = datetime(DAY.year, DAY.month, DAY.day, tzinfo=UTC) + timedelta(days=1)
    expected = quality_of(shop, end)
    assert min(expected[name] for name in ("late_changes", "repeated", "removed")) > 0
    assert any(e.at.date() == DAY and e.folder.date() < DAY for e in shop.deliveries)
    nothing_left_out = {"quarantined": 0, "redriven": 0, "set_aside": 0}
    assert shop.report("data_quality") == [
        {"day": DAY, "complete_until": seconds(end), "is_complete": True}
        | expected
        | nothing_left_out
    ]
    noon = end - timedelta(hours=12)
    [row] = shop.report("data_quality", complete_until=midnight(DAY).replace("00:", "12:", 1))
    assert (row["complete_until"], row["is_complete"]) == (seconds(noon), False)
    assert row["newest_change"] == quality_of(shop, noon)["newest_change"]
    assert row["newest_change"] < expected["newest_change"]


def test_data_quality_where_nothing_has_arrived_is_not_complete(shop: Shop) -> None:
    [row] = shop.report("data_quality", complete_until=None, has_changelog=False)
    assert (row["changes"], row["newest_change"]) == (0, None)
    assert (row["complete_until"], row["is_complete"]) == (None, False)


def test_data_quality_counts_what_was_left_out_by_the_day_on_which_it_arrived(shop: Shop) -> None:
    day = date(2026, 2, 1)
    prefix = "errors/orders_changelog/processing-failed/"
    for folder, records in ((day, ("a", "b", "a")), (day + timedelta(days=1), ("c",))):
        lines = "".join(
            json.dumps({"rawData": b64encode(record.encode()).decode()}) + "\n"
            for record in records
        )
        key = f"{prefix}dt={folder}/hour=05/failed"
        shop.s3.put_object(Bucket="lake", Key=key, Body=lines.encode())
    digest = sha256(b"b").hexdigest()
    shop.run(
        "INSERT INTO redrives (run_id, redriven_at, source, payload_digest, failures) VALUES "
        f"('run', TIMESTAMP '2026-02-03 00:00:00', 'quarantine', '{digest}', CAST(1 AS bigint))"
    )
    aside = [f"s3://lake/bronze/orders_changelog/dt={d}/hour=01/x" for d in (day, day, DAY)]
    for number, path in enumerate(aside):
        shop.run(
            "INSERT INTO rows_set_aside VALUES "
            f"('{number}', 'o', 'quantity is less than 1', '{path}', "
            "TIMESTAMP '2026-02-03 00:00:00', 'run')"
        )
    [row] = shop.report("data_quality", day)
    assert (row["quarantined"], row["redriven"], row["set_aside"]) == (2, 1, 2)


@pytest.mark.parametrize("report", REPORTS)
def test_a_day_without_orders_has_a_report_too(shop: Shop, report: str) -> None:
    for row in shop.report(report, EMPTY_DAY):
        names = ("orders", "units", "net_sales", "repeats", "sold", "changes", "quarantined")
        counts = [row.get(name, 0) for name in names]
        assert not any(counts)
