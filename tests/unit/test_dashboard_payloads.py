"""What the dashboard is told: as the examples say that its page is built on, exact, and honest."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from salesflow.dashboard.failures import NotDeployed, sentence_of
from salesflow.dashboard.json_values import money_text, time_text
from salesflow.dashboard.lake import Customers, Lake, LastPage, Merged, Projection, lake_data
from salesflow.dashboard.live import live_data
from salesflow.dashboard.pipeline import (
    Alarm,
    HopState,
    Pipeline,
    Quarantine,
    hop_state,
    pipeline_data,
)
from salesflow.live import Figures, LatestChange, LiveView, Period, ProductFigures, Sales
from salesflow.pages.contents import Stock, TopCustomer
from salesflow.projection.rows import ProjectedDay
from salesflow.queries import QueryFailed
from salesflow.status import Hop

EVENTS = Path(__file__).parent / "events"
ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 5, 13, 45, 30, 412000, tzinfo=UTC)
DAY = date(2026, 3, 4)
TODAY = NOW.replace(hour=0, minute=0, second=0, microsecond=0)
SALES = Sales(2, 3, Decimal("2597.90"))
FIGURES = Figures(SALES, Sales(1, 1, Decimal(5)), Sales(), 3, 1, 1, 1)


def example(kind: str) -> Any:
    return json.loads((EVENTS / f"dashboard_{kind}.json").read_text())["data"]


def differences(given: Any, expected: Any, at: str = "data") -> list[str]:
    """Where two JSON values aren't built alike; what may be unknown is None in one of them."""
    if given is None or expected is None:
        return []
    if type(given) is not type(expected) and {type(given), type(expected)} != {int, float}:
        return [f"{at}: {given!r} beside {expected!r}"]
    if isinstance(given, dict):
        odd = [f"{at}.{name}" for name in given.keys() ^ expected.keys()]
        both = given.keys() & expected.keys()
        return odd + [
            text
            for name in both
            for text in differences(given[name], expected[name], f"{at}.{name}")
        ]
    if isinstance(given, list):
        return [
            text
            for number, value in enumerate(given)
            for text in differences(value, expected[0], f"{at}[{number}]")
        ]
    return []


def periods(start: datetime, length: timedelta, count: int) -> tuple[Period, ...]:
    return tuple(Period(start + number * length, FIGURES) for number in range(count))


def live_view(**more: Any) -> LiveView:
    hour, minute = timedelta(hours=1), timedelta(minutes=1)
    change = LatestChange(
        arrived=NOW,
        changed_at=NOW.replace(microsecond=0),
        event_type="INSERT",
        orderid="1",
        product_name="Laptop",
        category="Computers",
        quantity=2,
        price=Decimal("1298.95"),
        status="placed",
        country="DE",
        channel="web",
        order_ts="2026-03-05T14:45:00+01:00",
    )
    values: dict[str, Any] = {
        "now": NOW,
        "counted_at": NOW - timedelta(seconds=1),
        "minutes": periods(NOW.replace(second=0, microsecond=0) - 59 * minute, minute, 60),
        "hours": tuple(periods(TODAY - timedelta(days=days), hour, 24) for days in (0, 1, 7)),
        "so_far": (FIGURES, FIGURES, FIGURES),
        "products": tuple(
            ProductFigures(f"Laptop {number}", "Computers", FIGURES) for number in range(12)
        ),
        "products_complete": True,
        "latest": (change,) * 100,
    }
    return LiveView(**values | more)


def test_the_live_view_is_told_as_its_example_says() -> None:
    data = live_data(live_view())
    assert differences(data, example("live")) == []
    assert differences(example("live"), data) == []
    assert len(data["minutes"]) == 60
    assert [len(data["hours"][day]) for day in ("today", "yesterday", "last_week")] == [14, 24, 24]
    assert (len(data["products"]), len(data["latest"])) == (10, 50)


def test_products_of_which_nothing_stayed_sold_are_not_among_the_best() -> None:
    back = ProductFigures("Cable", None, Figures(returned=SALES))
    told = live_data(live_view(products=(ProductFigures("Laptop", None, FIGURES), back)))
    assert [each["name"] for each in told["products"]] == ["Laptop"]


def test_the_best_categories_are_told_and_no_name_is_no_category() -> None:
    names = ("", None, *map(str, range(20)))
    products = tuple(ProductFigures("Laptop", name, FIGURES) for name in names)
    told = live_data(live_view(products=products))["categories"]
    assert [each["name"] for each in told] == [None, *map(str, range(9))]
    assert told[0]["orders"] == 2 * SALES.orders


def test_money_is_text_with_every_digit_and_counts_what_was_kept() -> None:
    so_far = live_data(live_view())["so_far"]["today"]
    assert so_far == {
        "orders": 2,
        "units": 3,
        "revenue": "2597.90",
        "cancelled": 1,
        "returned": 0,
        "inserted": 3,
        "modified": 1,
        "removed": 1,
        "refused": 1,
    }
    assert money_text(Decimal("1E+3")) == "1000"
    assert money_text(Decimal("0.00000001")) == "0.00000001"


def test_times_are_utc_with_z_and_unreadable_ones_unknown() -> None:
    latest = live_data(live_view())["latest"][0]
    assert latest["order_ts"] == "2026-03-05T13:45:00Z"
    assert latest["arrived"] == "2026-03-05T13:45:30.412Z"
    odd = LatestChange(NOW, NOW, "refused", "1", order_ts="yesterday", reason="order_ts: no time")
    shown = live_data(live_view(latest=(odd,)))["latest"][0]
    assert (shown["order_ts"], shown["quantity"], shown["price"]) == (None, None, None)
    assert time_text(None) is None


def lake(**more: Any) -> Lake:
    projected = ProjectedDay(
        as_of=DAY,
        day=DAY + timedelta(days=1),
        level="total",
        name="total",
        measure="revenue",
        projected=Decimal("31000.1234"),
        low_80=Decimal(29000),
        high_80=Decimal(33000),
        low_95=Decimal(28000),
        high_95=Decimal(34000),
        model="theta",
    )
    stock = Stock("Phone Pro", True, 38, 0, None, Decimal(12), 3, DAY, 20, True, 100)
    values: dict[str, Any] = {
        "merged": Merged(NOW, NOW - timedelta(minutes=2), SALES),
        "report_day": DAY,
        "customers": Customers(4, 5, (TopCustomer("c-1", 2, 3, Decimal("10.5"), DAY),)),
        "stock": (stock,),
        "projection": Projection(DAY, (projected,), ((DAY, Decimal("30999.95")),)),
        "last_page": LastPage(DAY, NOW, "s3://lake/reports/page/dt=2026-03-04/page.html"),
    }
    return Lake(**values | more)


def test_the_lake_is_told_as_its_example_says() -> None:
    data = lake_data(lake())
    assert differences(data, example("lake")) == []
    assert differences(example("lake"), data) == []
    assert data["projection"]["days"][0]["revenue"] == "31000.1234"


def test_what_the_lake_doesnt_have_is_unknown_not_zero() -> None:
    data = lake_data(
        lake(
            merged=Merged(),
            report_day=None,
            customers=None,
            stock=None,
            projection="None was made.",
            last_page=None,
        )
    )
    assert data == {
        "merged_at": None,
        "complete_until": None,
        "today": None,
        "report_day": None,
        "customers": None,
        "inventory": None,
        "projection": {"missing": "None was made."},
        "last_report": None,
    }


def test_a_raised_alarm_is_the_state_of_its_hop() -> None:
    template = (ROOT / "infra" / "cloudformation" / "monitoring.yaml").read_text()
    names = re.findall(r"^  (\w+):\n    Type: AWS::CloudWatch::Alarm$", template, re.MULTILINE)
    assert len(names) > 15
    hops = [hop for hop, _ in HOPS] + [Hop("delivery", "records in Firehose", note="ACTIVE")]
    none = Quarantine(0, None)
    assert {hop_state(hop, none, []) for hop in hops} == {"well"}
    for name in names:
        raised = [Alarm(name, "too many", NOW)]
        failing = [hop.id for hop in hops if hop_state(hop, none, raised) == "failing"]
        assert len(failing) == 1, name
    assert hop_state(HOPS[1][0], none, [Alarm("PipeFailures", "too many", NOW)]) == "failing"


HOPS: list[tuple[Hop, HopState]] = [
    (Hop("orders", "orders", came=3, note="ACTIVE"), "well"),
    (Hop("pipe", "records in the pipe", came=3, failed=0, note="RUNNING"), "well"),
    (Hop("live", "changes counted live", went=3, failed=0, age=1.25, note="Enabled"), "well"),
    (Hop("catalogue", "objects crawled", came=1, went=1, waits=0, note="crawl SUCCEEDED"), "well"),
]


def pipeline(
    *changed: tuple[Hop, HopState], waiting: int | None = 0, alarms: tuple[Alarm, ...] = ()
) -> Pipeline:
    ids = {hop.id for hop, _ in changed}
    hops = [*(each for each in HOPS if each[0].id not in ids), *changed]
    return Pipeline(tuple(hops), Quarantine(waiting, None), alarms)


def test_the_pipeline_is_told_as_its_example_says() -> None:
    alarm = Alarm("DeadLetters", "The pipe gave up changes", NOW)
    told = pipeline_data(pipeline(waiting=1, alarms=(alarm,)))
    assert differences(told, example("pipeline")) == []
    assert differences(example("pipeline"), told) == []
    assert told["hops"][2]["age_seconds"] == 1.2


@pytest.mark.parametrize(
    ("given", "state", "sentence"),
    [
        (pipeline(), "well", "All is well."),
        (pipeline(waiting=None), "well", "All is well."),
        (
            pipeline((Hop("pipe", "records in the pipe", failed=1, note="RUNNING"), "failing")),
            "failing",
            "The pipe gave up 1 batch of changes: run redrive_orders.",
        ),
        (
            pipeline((Hop("pipe", "records in the pipe", failed=0, note="STOPPED"), "failing")),
            "failing",
            "Failing: records in the pipe, STOPPED.",
        ),
        (pipeline(waiting=1), "failing", "1 record waits in quarantine: run redrive_orders."),
        (
            pipeline(alarms=(Alarm("PipeThrottles", "The pipe is throttled", NOW),)),
            "failing",
            "Alarm PipeThrottles: The pipe is throttled.",
        ),
        (
            pipeline((Hop("catalogue", "objects crawled", waits=2), "waiting")),
            "waiting",
            "2 objects wait for the next run of ingest_orders.",
        ),
        (
            pipeline((Hop("reports", "daily reports", note="newest 2026-03-01"), "waiting")),
            "waiting",
            "Waiting: daily reports, newest 2026-03-01.",
        ),
    ],
    ids=["well", "no-view", "dead", "stopped", "quarantine", "alarm", "objects", "late-report"],
)
def test_the_sentence_names_what_is_worst(given: Pipeline, state: str, sentence: str) -> None:
    assert (given.state, given.sentence) == (state, sentence)


def test_errors_are_told_without_addresses_names_or_keys() -> None:
    refusal = ClientError(
        {"Error": {"Code": "AccessDenied", "Message": "arn:aws:iam::123456789012:user/x may not"}},
        "Query",
    )
    told = [
        sentence_of(error)
        for error in (
            refusal,
            ReadTimeoutError(endpoint_url="https://key:secret@aws.test"),
            NoCredentialsError(),
            QueryFailed("TABLE_NOT_FOUND: line 3: s3://bucket"),
            TimeoutError("waited 30 s for query 1"),
            NotDeployed("dev"),
            KeyError("secret"),
        )
    ]
    assert told == [
        "AWS refuses Query: AccessDenied.",
        "AWS can't be reached.",
        "The connection aws_default doesn't work: NoCredentialsError.",
        "Athena couldn't answer; the history of the workgroup says why.",
        "Athena takes too long to answer.",
        "Stage dev isn't deployed: run the DAG deploy_pipeline.",
        None,
    ]
