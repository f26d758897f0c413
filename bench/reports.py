"""What a day's reports read as the history grows, beside the same questions to the changelog."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.measurement import Measurement
from bench.servers import local_aws
from bench.silver import FIRST_DAY, Change, Lake
from salesflow import silver
from salesflow.catalogue import CATALOGUE
from salesflow.local import ROOT
from salesflow.schema import CHANGELOG_TABLE

HISTORIES = (10, 90, 365)
ORDERS_A_DAY = 100
"""Few, so that a year is made in a minute: what counts is how the bytes grow."""

ALLOWED_GROWTH = 0.10
LEAST_RATIO = 10

REPORTS = sorted(path.stem for path in (ROOT / "dags" / "sql" / "reports").glob("*.sql"))
NEED_HISTORY = (
    *("customer_cohorts", "customer_segments", "inventory", "new_and_returning_customers"),
    *("repeat_intervals", "top_customers"),
)
"""Reports that are about more than a few days, by what they tell."""

ABOUT_A_DAY = [name for name in REPORTS if name not in NEED_HISTORY]
ASKED_OF_BOTH = [name for name in ABOUT_A_DAY if name != "data_quality"]
"""Those that ask silver: data_quality asks the changelog anyway, its partitions of the day."""

DECLARED = (
    *("orders_current", "reference/products", "reference/restocks", "quarantine/redrives"),
    *("quarantine/quarantined_records", "gate/create_rows_set_aside"),
)
MERGED_AT_ONCE = 50


@dataclass
class Scans:
    """Bytes that each report has read on the last day of a history."""

    ours: dict[str, int] = field(default_factory=dict)
    naive: dict[str, int] = field(default_factory=dict)


def measure() -> list[Measurement]:
    """Bytes of a day's reports at growing histories."""
    scans: dict[int, Scans] = {}
    with local_aws():
        lake = Lake()
        made = 0
        for history in HISTORIES:
            days = [FIRST_DAY + timedelta(days=number) for number in range(made, history)]
            for day in days:
                lake.arrive(day, _changes_of(day))
            lake.crawl()
            for start in range(0, len(days), MERGED_AT_ONCE):
                lake.merge(days[start : start + MERGED_AT_ONCE])
            if not made:
                for name in DECLARED:
                    lake.ask(_render(lake, name, days[-1]))
                lake.ask(_NEWEST_OF_CHANGELOG)
            scans[history] = _scan(lake, days[-1])
            made = history
    return list(_measurements(scans))


def _scan(lake: Lake, day: date) -> Scans:
    scans = Scans()
    for name in REPORTS:
        sql = _render(lake, f"reports/{name}", day)
        answer = lake.ask(sql)
        scans.ours[name] = answer.scanned_bytes
        if name not in ASKED_OF_BOTH:
            continue
        naive = lake.ask(
            sql.replace("FROM orders_current", "FROM newest_of_changelog AS orders_current")
        )
        scans.naive[name] = naive.scanned_bytes
        if list(naive.rows) != list(answer.rows):
            raise AssertionError(f"{name} of {day}: the changelog gives other figures than silver")
    return scans


def _measurements(scans: dict[int, Scans]) -> Iterator[Measurement]:
    first = _sum(scans[HISTORIES[0]].ours, ABOUT_A_DAY)
    for history, each in scans.items():
        about_a_day = _sum(each.ours, ABOUT_A_DAY)
        yield Measurement(
            f"reports: the {len(ABOUT_A_DAY)} about a day, after {history} days, read",
            about_a_day / 1000,
            "kB",
            f"{first / 1000:.4g} ± {ALLOWED_GROWTH:.0%}, whatever the history",
            abs(about_a_day - first) <= ALLOWED_GROWTH * first,
        )
        yield Measurement(
            f"reports: the {len(NEED_HISTORY)} about a history, after {history} days, read",
            _sum(each.ours, NEED_HISTORY) / 1000,
            "kB",
        )
        ours, naive = _sum(each.ours, ASKED_OF_BOTH), _sum(each.naive, ASKED_OF_BOTH)
        yield Measurement(
            f"reports: {len(ASKED_OF_BOTH)} about a day, of the changelog, after {history} days",
            naive / 1000,
            "kB",
        )
        is_longest = history == HISTORIES[-1]
        yield Measurement(
            f"reports: the changelog's by silver's, after {history} days",
            naive / ours,
            "×",
            f"≥ {LEAST_RATIO}" if is_longest else "",
            naive / ours >= LEAST_RATIO if is_longest else None,
        )
    for name in NEED_HISTORY:
        read = " → ".join(f"{scans[history].ours[name] / 1000:.4g}" for history in HISTORIES[:-1])
        yield Measurement(
            f"reports: {name}, {read} →", scans[HISTORIES[-1]].ours[name] / 1000, "kB"
        )


def _sum(scanned: dict[str, int], names: Any) -> int:
    return sum(scanned[name] for name in names)


def _render(lake: Lake, name: str, day: date) -> str:
    """A statement of dags/sql, for a day that is whole."""
    end = day + timedelta(days=1)
    task = SimpleNamespace(
        day=day.isoformat(),
        bucket=lake.outputs["LakeBucketName"],
        complete_until=f"{end} 00:00:00",
        has_changelog=True,
    )
    return _JINJA.get_template(f"sql/{name}.sql").render(task=task)


def _days_later(day: str, days: int) -> str:
    """What Airflow's macro ds_add gives."""
    return (date.fromisoformat(day) + timedelta(days=days)).isoformat()


def _changes_of(day: date) -> Iterator[Change]:
    """A day's orders are placed and paid; those of the day before are shipped."""
    for place in range(ORDERS_A_DAY):
        yield _change(day, place, "INSERT", "placed", day)
        yield _change(day, place, "MODIFY", "paid", day)
        if day > FIRST_DAY:
            yield _change(day - timedelta(days=1), place, "MODIFY", "shipped", day)


def _change(ordered: date, place: int, event_type: str, status: str, at: date) -> Change:
    """A row of the changelog; the same orders every day, so that days differ in nothing else."""
    product = CATALOGUE[place % len(CATALOGUE)]
    number = (ordered - FIRST_DAY).days
    order = f"{number:04}-{place:05}"
    step = ("placed", "paid", "shipped").index(status)
    return {
        "orderid": order,
        "customer_id": f"C{(number * 7 + place) % 1000:06}",
        "product_name": product.name,
        "category": product.category,
        "brand_name": product.brand,
        "quantity": place % 5 + 1,
        "price": str(product.list_price),
        "channel": ("web", "app", "store")[place % 3],
        "country": ("DE", "US", "FR", "IN")[place % 4],
        "status": status,
        "order_ts": f"{ordered}T{place % 23:02}:00:00.000Z",
        "event_type": event_type,
        "event_id": f"{order}-{step}",
        "sequence_number": str(10**20 + (number * 3 + step) * 10**6 + place),
        "creation_time": int(datetime(at.year, at.month, at.day, 23, tzinfo=UTC).timestamp()),
    }


_JINJA = Environment(
    loader=FileSystemLoader(Path(ROOT) / "dags"),
    undefined=StrictUndefined,
    autoescape=False,  # noqa: S701 - SQL
)
_JINJA.globals |= {
    "catalogue": CATALOGUE,
    "silver": silver,
    "macros": SimpleNamespace(ds_add=_days_later),
}
_COLUMNS = ", ".join(f"{silver.typed(each)} AS {each.name}" for each in silver.ATTRIBUTES)
# Changes of an order may lie in any partition, so whoever has nothing but them reads them all.
_NEWEST_OF_CHANGELOG = f"""
CREATE OR REPLACE VIEW newest_of_changelog AS
SELECT {_COLUMNS}, CAST(substr(order_ts, 1, 10) AS date) AS order_date
FROM (
    SELECT
        *,
        row_number() OVER (
            PARTITION BY orderid ORDER BY lpad(sequence_number, 40, '0') DESC
        ) AS age
    FROM {CHANGELOG_TABLE}
) AS changes
WHERE age = 1 AND event_type <> 'REMOVE'
"""  # noqa: S608 - names of our own
