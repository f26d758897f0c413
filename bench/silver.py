"""Merging into silver: what a day costs as the history grows, and a large table takes."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random
from types import SimpleNamespace
from typing import Any

import boto3
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from bench.measurement import Measurement
from bench.servers import deploy, local_aws
from salesflow import rules, schema, silver
from salesflow.bronze import declare_columns
from salesflow.local import ROOT
from salesflow.merges import cuts, partition_condition
from salesflow.patience import Patience
from salesflow.queries import Answer, Row, ask

FIRST_DAY = date(2025, 6, 1)
HISTORIES = (1, 10, 100)
ORDERS_A_DAY = 2_000
UPDATED_DAYS = 3
"""A day's changes are its new orders and one in ten of those of so many days before."""

LARGE_DAYS, LARGE_ORDERS, LARGE_CHANGES = 100, 1_000_000, 10_000

Change = dict[str, Any]


@dataclass(frozen=True)
class Merge:
    """What a merge took."""

    seconds: float
    source_bytes: int
    read_bytes: int
    written_bytes: int
    partitions: int


class Lake:
    """A deployed lake with the tables of silver, and the project's own statements on it."""

    def __init__(self) -> None:
        self.outputs = deploy(["storage", "analytics"])
        self.athena: Any = boto3.client("athena")
        self.s3: Any = boto3.client("s3")
        for name in ("create_orders", "create_merges", "create_merged_days"):
            self.run(f"silver/{name}")

    def run(self, name: str, **task: Any) -> list[Row]:
        """Run a statement of dags/sql, rendered as the DAGs render it; its rows."""
        return list(self.ask(self.render(name, **task)).rows)

    def render(self, name: str, **task: Any) -> str:
        """A statement of dags/sql."""
        jinja = Environment(
            loader=FileSystemLoader(ROOT / "dags"),
            undefined=StrictUndefined,
            autoescape=False,  # noqa: S701
        )
        jinja.globals |= {"rules": rules, "schema": schema, "silver": silver}
        task |= {"bucket": self.outputs["LakeBucketName"]}
        return jinja.get_template(f"sql/{name}.sql").render(task=SimpleNamespace(**task))

    def ask(self, sql: str) -> Answer:
        """Run any statement."""
        return ask(
            self.athena,
            sql,
            database=self.outputs["DatabaseName"],
            workgroup=self.outputs["WorkGroupName"],
            patience=Patience(timeout=600, interval=0.02),
        )

    def arrive(self, day: date, changes: Iterable[Change]) -> int:
        """Changes are delivered as one object in a partition of their own; its bytes."""
        body = gzip.compress(b"".join(json.dumps(each).encode() + b"\n" for each in changes))
        key = f"bronze/orders_changelog/dt={day}/hour=12/changes.gz"
        self.s3.put_object(Bucket=self.outputs["LakeBucketName"], Key=key, Body=body)
        return len(body)

    def crawl(self) -> None:
        """The catalogue learns of what has arrived."""
        glue: Any = boto3.client("glue")
        name = self.outputs["CrawlerName"]
        began = datetime.now(UTC)
        glue.start_crawler(Name=name)

        def finished() -> bool | None:
            crawler = glue.get_crawler(Name=name)["Crawler"]
            last = crawler.get("LastCrawl", {}).get("StartTime")
            return True if crawler["State"] == "READY" and last and last >= began else None

        Patience(timeout=120, interval=0.05).wait("the crawl", finished)
        table = self.outputs["ChangelogTableName"]
        declare_columns(glue, self.outputs["DatabaseName"], table)

    def merge(self, days: Iterable[date]) -> Merge:
        """Merge the partitions of some days, as `ingest_orders` does."""
        new = partition_condition([(str(day), "12") for day in days])
        source = self.render("silver/new_changes", new_partitions=new)
        source_bytes = self.ask(f"SELECT count(*) FROM ({source})").scanned_bytes  # noqa: S608 - our own
        begin = time.perf_counter()
        dates = [row[0] for row in self.run("silver/find_order_dates", new_partitions=new)]
        statements = list(cuts([day for day in dates if day]))
        read = 0
        for until in statements:
            sql = self.render("silver/merge_orders", new_partitions=new, until=until)
            read += self.ask(sql).scanned_bytes
        seconds = time.perf_counter() - begin
        commits = self.ask(
            "SELECT element_at(summary, 'added-files-size'),"  # noqa: S608
            " element_at(summary, 'changed-partition-count')"
            f' FROM "orders$snapshots" ORDER BY committed_at DESC LIMIT {len(statements)}'
        ).rows
        written = [(int(size or 0), int(number or 0)) for size, number in commits]
        sizes, partitions = zip(*written, strict=True)
        return Merge(seconds, source_bytes, read, sum(sizes), sum(partitions))


def measure() -> list[Measurement]:
    """A day merged on top of histories, and a small merge into a large table."""
    return [*_growing(), *_large()]


def _growing() -> Iterator[Measurement]:
    merges, arrived = {}, {}
    with local_aws():
        lake = Lake()
        merged = 0
        for history in HISTORIES:
            days = [_day(number) for number in range(merged, history)]
            for number in range(merged, history):
                lake.arrive(_day(number), _changes_of_day(number))
            lake.crawl()
            for start in range(0, len(days), 50):
                lake.merge(days[start : start + 50])
            arrived[history] = lake.arrive(_day(history), _changes_of_day(history))
            lake.crawl()
            merges[history] = lake.merge([_day(history)])
            merged = history + 1
    for history, merge in merges.items():
        name = f"silver: a day's merge after {history} days"
        came = arrived[history]
        yield Measurement(
            f"{name}, source",
            merge.source_bytes / 1000,
            "kB",
            f"{came / 1000:.4g}, what came that day",
            merge.source_bytes == came,
        )
        yield Measurement(f"{name}, read", merge.read_bytes / 1000, "kB")
        yield Measurement(f"{name}, written", merge.written_bytes / 1000, "kB")
        touched = min(history, UPDATED_DAYS) + 1
        yield Measurement(
            f"{name}, partitions rewritten",
            merge.partitions,
            "",
            f"{touched}, those touched",
            merge.partitions == touched,
        )
        yield Measurement(f"{name}, time", merge.seconds, "s")


def _large() -> Iterator[Measurement]:
    with local_aws():
        lake = Lake()
        lake.ask(_LARGE_TABLE)
        day = _day(LARGE_DAYS)
        random = Random(1)  # noqa: S311 - a benchmark's data
        chosen = random.sample(range(LARGE_ORDERS), LARGE_CHANGES)
        lake.arrive(
            day,
            (
                _change(_large_id(number), day, 10**6 + place, _day(number % LARGE_DAYS))
                for place, number in enumerate(chosen)
            ),
        )
        lake.crawl()
        merge = lake.merge([day])
        [[orders]] = lake.ask("SELECT count(*) FROM orders").rows
    name = f"silver: {LARGE_CHANGES:,} changes into {LARGE_ORDERS:,} orders"
    yield Measurement(
        f"{name}, orders after", int(orders or 0), "", "as before", orders == str(LARGE_ORDERS)
    )
    yield Measurement(f"{name}, time", merge.seconds, "s")
    yield Measurement(f"{name}, read", merge.read_bytes / 1e6, "MB")
    yield Measurement(f"{name}, written", merge.written_bytes / 1e6, "MB")
    yield Measurement(f"{name}, partitions rewritten", merge.partitions, "")


def _day(number: int) -> date:
    return FIRST_DAY + timedelta(days=number)


def _changes_of_day(number: int) -> Iterator[Change]:
    """The new orders of a day, and updates of one in ten orders of the days before."""
    day = _day(number)
    for place in range(ORDERS_A_DAY):
        yield _change(f"{number:04}-{place:05}", day, place, day, "INSERT")
    for earlier in range(max(0, number - UPDATED_DAYS), number):
        for place in range(0, ORDERS_A_DAY, 10):
            yield _change(f"{earlier:04}-{place:05}", day, ORDERS_A_DAY + place, _day(earlier))


def _change(
    orderid: str, day: date, place: int, ordered: date, event_type: str = "MODIFY"
) -> Change:
    """A row of the changelog; later ones of a day and those of later days are newer."""
    second = int(datetime(day.year, day.month, day.day, 12, tzinfo=UTC).timestamp())
    number = (day - FIRST_DAY).days * 10**8 + place
    return {
        "orderid": orderid,
        "customer_id": f"C{place % 5000:06}",
        "product_name": f"Product {place % 24}",
        "category": f"category {place % 6}",
        "brand_name": f"brand {place % 9}",
        "quantity": place % 5 + 1,
        "price": 10 + place % 490,
        "channel": "web",
        "country": "DE",
        "status": "placed" if event_type == "INSERT" else "paid",
        "order_ts": f"{ordered}T09:00:00.000Z",
        "event_type": event_type,
        "event_id": f"{number:020}-{orderid}",
        "sequence_number": f"{number + 1}",
        "creation_time": second,
    }


def _large_id(number: int) -> str:
    return f"{number % LARGE_DAYS:04}-{number // LARGE_DAYS:05}"


_LARGE_TABLE = f"""
INSERT INTO orders
SELECT
    {{columns}}
FROM UNNEST(sequence(0, {LARGE_DAYS - 1})) AS days (day)
CROSS JOIN UNNEST(sequence(0, {LARGE_ORDERS // LARGE_DAYS - 1})) AS places (place)
"""  # noqa: S608 - numbers of this file
_VALUES = {
    "orderid": "lpad(CAST(day AS varchar), 4, '0') || '-' || lpad(CAST(place AS varchar), 5, '0')",
    "customer_id": "'C' || lpad(CAST(place % 5000 AS varchar), 6, '0')",
    "product_name": "'Product ' || CAST(place % 24 AS varchar)",
    "category": "'category ' || CAST(place % 6 AS varchar)",
    "brand_name": "'brand ' || CAST(place % 9 AS varchar)",
    "quantity": "CAST(place % 5 + 1 AS integer)",
    "price": "CAST(10 + place % 490 AS decimal(18, 4))",
    "channel": "'web'",
    "country": "'DE'",
    "status": "'placed'",
    "order_ts": "CAST(date_add('day', day, DATE '2025-06-01') AS timestamp(6))",
    "attributes": "CAST(NULL AS varchar)",
    "is_deleted": "false",
    "changed_at": "CAST(date_add('day', day, DATE '2025-06-01') AS timestamp(6))",
    "last_event_id": "CAST(place AS varchar)",
    "last_sequence_number": "lpad(CAST(place AS varchar), 40, '0')",
    "first_changed_at": "CAST(date_add('day', day, DATE '2025-06-01') AS timestamp(6))",
    "merged_at": "CAST(date_add('day', day, DATE '2025-06-01') AS timestamp(6))",
    "order_date": "date_add('day', day, DATE '2025-06-01')",
}
_LARGE_TABLE = _LARGE_TABLE.format(
    columns=",\n    ".join(f"{_VALUES[c.name]} AS {c.name}" for c in silver.ORDERS_COLUMNS)
)
