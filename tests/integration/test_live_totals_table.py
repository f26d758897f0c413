"""The live totals in a real table: transactions that are disturbed, and what is read."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from importlib.util import module_from_spec, spec_from_file_location
from itertools import count
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import ClientError

from localaws.server import LocalAws
from salesflow.live import Figures, LiveTotals, Sales
from salesflow.live_table import LANES
from salesflow.live_totals import Change, read_change
from salesflow.live_writer import Contended, TotalsWriter, connect, count_batch

EVENTS = Path(__file__).parents[1] / "unit" / "events"
LAMBDAS = Path(__file__).parents[2] / "lambdas"
NOW = datetime(2026, 3, 1, 13, 45, 30, tzinfo=UTC)
TABLE = "live"
_arrivals = count()

#: Looks at a request's operation and body; returns an answer in place of DynamoDB's, or None.
Fault = Callable[[str, dict[str, Any]], tuple[int, dict[str, Any]] | None]


class _Body:
    def __init__(self, content: bytes) -> None:
        self._content = content

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self._content


class Disturbed:
    """A DynamoDB client whose requests can be answered wrongly, or after they were done."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.waits: list[float] = []
        self.client: Any = connect()
        for operation in ("TransactWriteItems", "BatchGetItem"):
            self.client.meta.events.register(f"before-send.dynamodb.{operation}", self._answer)

    def writer(self) -> TotalsWriter:
        return TotalsWriter(
            client=self.client, table=TABLE, sleep=self.waits.append, random=lambda: 1.0
        )

    def _answer(self, request: Any, **_: Any) -> AWSResponse | None:
        operation = request.headers["X-Amz-Target"].decode().rpartition(".")[2]
        if not self.faults:
            return None
        given = self.faults.pop(0)(operation, json.loads(request.body))
        if given is None:
            return None
        status, answer = given
        return AWSResponse(request.url, status, {}, _Body(json.dumps(answer).encode()))


def cancelled(*codes: str) -> Fault:
    """A transaction that is cancelled for these reasons."""
    kind = "com.amazonaws.dynamodb.v20120810#TransactionCanceledException"
    reasons = [{"Code": code} for code in codes]
    return lambda _operation, _body: (
        400,
        {"__type": kind, "Message": "cancelled", "CancellationReasons": reasons},
    )


def load_handler(function: str) -> ModuleType:
    spec = spec_from_file_location(f"{function}_handler", LAMBDAS / function / "handler.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def nothing(_operation: str, _body: dict[str, Any]) -> None:
    """No fault."""


@pytest.fixture
def dynamodb(local_aws: LocalAws) -> Any:
    client = local_aws.aws.client("dynamodb")
    client.create_table(
        TableName=TABLE,
        AttributeDefinitions=[
            {"AttributeName": "series", "AttributeType": "S"},
            {"AttributeName": "point", "AttributeType": "S"},
        ],
        KeySchema=[
            {"AttributeName": "series", "KeyType": "HASH"},
            {"AttributeName": "point", "KeyType": "RANGE"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    return client


@pytest.fixture
def disturbed(dynamodb: Any) -> Disturbed:
    return Disturbed()


@pytest.fixture
def totals(dynamodb: Any) -> LiveTotals:
    return LiveTotals(dynamodb, TABLE)


def change(
    orderid: str = "1",
    number: int = 1,
    kind: str = "INSERT",
    arrived: datetime = NOW,
    **values: str,
) -> Change:
    ordered = NOW - timedelta(minutes=5)
    image: dict[str, Any] = {
        "orderid": {"S": orderid},
        "product_name": {"S": values.get("product", "Laptop")},
        "quantity": {"N": values.get("quantity", "2")},
        "price": {"N": values.get("price", "10.50")},
        "status": {"S": values.get("status", "placed")},
        "category": {"S": values.get("category", "Computers")},
        "order_ts": {"S": values.get("order_ts", f"{ordered:%Y-%m-%dT%H:%M:%SZ}")},
    }
    record = {
        "eventID": f"e{orderid}-{number}",
        "eventName": kind,
        "dynamodb": {
            "Keys": {"orderid": {"S": orderid}},
            "OldImage" if kind == "REMOVE" else "NewImage": image,
            "SequenceNumber": str(number),
            "ApproximateCreationDateTime": int(arrived.timestamp()),
        },
    }
    arrived_ms = int(arrived.timestamp() * 1000) + next(_arrivals)
    mark = f"{arrived_ms:014}#shardId-000000000000:{number}"
    return read_change(json.dumps(record).encode(), arrived_ms, mark)


def sold_today(totals: LiveTotals) -> Sales:
    return totals.view(NOW).so_far[0].sold


def test_fractions_add_up_exactly(disturbed: Disturbed, totals: LiveTotals) -> None:
    for number in range(30):
        disturbed.writer().count([change(str(number), price="0.0001", quantity="1")], 0, NOW)
    assert sold_today(totals) == Sales(30, 30, Decimal("0.0030"))


def test_what_was_counted_is_not_counted_again(disturbed: Disturbed, totals: LiveTotals) -> None:
    changes = [change(str(number)) for number in range(150)]
    assert disturbed.writer().count(changes, 0, NOW) == 150
    assert disturbed.writer().count(changes, 0, NOW) == 0
    assert disturbed.writer().count([*changes[:3], change("new")], 1, NOW) == 1
    assert sold_today(totals).orders == 151


def test_a_transaction_that_meets_another_is_sent_again(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    disturbed.faults = [
        nothing,
        cancelled("None", "TransactionConflict"),
        cancelled("ThrottlingError"),
        cancelled("None", "None", "ProvisionedThroughputExceeded"),
    ]
    disturbed.writer().count([change()], 0, NOW)
    assert sold_today(totals).orders == 1
    assert disturbed.waits == [0.1, 0.2, 0.4]


def test_a_transaction_whose_answer_is_lost_is_not_counted_twice(
    disturbed: Disturbed, totals: LiveTotals, dynamodb: Any
) -> None:
    def done_but_not_told(operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert operation == "TransactWriteItems"
        assert "ClientRequestToken" not in body
        dynamodb.transact_write_items(**body)
        return 500, {"__type": "InternalServerError", "message": "sorry"}

    disturbed.faults = [nothing, done_but_not_told]
    assert disturbed.writer().count([change(), change("2")], 0, NOW) == 0
    assert sold_today(totals) == Sales(2, 4, Decimal("42.00"))


def test_an_order_that_another_writer_counts_meanwhile_is_counted_once(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    changes = [change(), change("2"), change(number=2, kind="MODIFY", quantity="5")]

    def overtake(operation: str, _body: dict[str, Any]) -> None:
        assert operation == "TransactWriteItems"
        Disturbed().writer().count(changes[:1], 3, NOW)

    disturbed.faults = [nothing, overtake]
    assert disturbed.writer().count(changes, 0, NOW) == 2
    assert sold_today(totals) == Sales(2, 7, Decimal("73.50"))


def test_keys_that_were_not_read_are_read_again(disturbed: Disturbed, totals: LiveTotals) -> None:
    disturbed.writer().count([change()], 0, NOW)

    def unprocessed(operation: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        assert operation == "BatchGetItem"
        return 200, {"Responses": {TABLE: []}, "UnprocessedKeys": body["RequestItems"]}

    disturbed.faults = [unprocessed]
    assert disturbed.writer().count([change()], 0, NOW) == 0
    assert sold_today(totals).orders == 1


def test_what_never_gets_through_is_an_error(disturbed: Disturbed, totals: LiveTotals) -> None:
    disturbed.faults = [nothing, *[cancelled("TransactionConflict")] * 20]
    with pytest.raises(Contended, match="given up after 10 attempts"):
        disturbed.writer().count([change()], 0, NOW)
    disturbed.faults = []
    assert disturbed.writer().count([change()], 0, NOW) == 1
    assert sold_today(totals).orders == 1


def test_a_transaction_that_dynamodb_refuses_is_an_error(disturbed: Disturbed) -> None:
    disturbed.faults = [nothing, cancelled("ValidationError")]
    with pytest.raises(ClientError):
        disturbed.writer().count([change()], 0, NOW)


def test_the_function_counts_all_that_can_be_read_and_names_the_rest(
    dynamodb: Any, totals: LiveTotals, monkeypatch: pytest.MonkeyPatch
) -> None:
    event = json.loads((EVENTS / "lambda_kinesis_batch.json").read_text())
    monkeypatch.setenv("LIVE_TABLE", TABLE)
    handler = load_handler("aggregate_orders")
    bad = event["Records"][1]["kinesis"]["sequenceNumber"]
    for _ in range(2):
        answer = handler.handler(event, None)
        assert answer == {"batchItemFailures": [{"itemIdentifier": bad}]}
    arrived = datetime.fromtimestamp(1752158593.5, UTC)
    counted_at, latest = totals.latest(arrived)
    assert counted_at is not None
    assert [each.orderid for each in latest] == ["922", "921"]
    assert latest[0].arrived == arrived


def test_unreadable_records_are_logged_with_the_reason_and_without_their_data(
    disturbed: Disturbed,
) -> None:
    event = json.loads((EVENTS / "lambda_kinesis_batch.json").read_text())
    lines: list[str] = []
    count_batch(event, disturbed.writer(), NOW, lines.append)
    (line,) = (json.loads(line) for line in lines)
    assert line["record"] == event["Records"][1]["eventID"]
    assert line["reason"] == "the data is no JSON text"
    assert "poison" not in lines[0]


# ---------------------------------------------------------------------- reading


def test_a_view_of_nothing_is_empty(totals: LiveTotals) -> None:
    view = totals.view(NOW)
    assert view.counted_at is None
    assert len(view.minutes) == 60
    assert [len(hours) for hours in view.hours] == [24, 24, 24]
    assert {period.figures for period in view.minutes} == {Figures()}
    assert (view.products, view.products_complete, view.latest) == ((), True, ())


def test_minutes_end_with_the_running_one_and_cross_midnight(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    disturbed.writer().count([change(order_ts="2026-02-28T23:50:00Z")], 0, NOW)
    midnight = datetime(2026, 3, 1, 0, 10, 59, tzinfo=UTC)
    minutes = totals.view(midnight).minutes
    assert minutes[0].start == datetime(2026, 2, 28, 23, 11, tzinfo=UTC)
    assert minutes[-1].start == datetime(2026, 3, 1, 0, 10, tzinfo=UTC)
    (period,) = (period for period in minutes if period.figures.sold.orders)
    assert period.start == datetime(2026, 2, 28, 23, 50, tzinfo=UTC)


def test_today_stands_beside_yesterday_and_the_same_day_last_week(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    times = ["03-01T13:44", "02-28T09:00", "02-28T13:45", "02-28T13:46", "02-22T00:00"]
    orders = [change(str(number), order_ts=f"2026-{time}:59Z") for number, time in enumerate(times)]
    disturbed.writer().count(orders, 0, NOW)
    view = totals.view(NOW)
    sums = [sum(period.figures.sold.orders for period in hours) for hours in view.hours]
    assert sums == [1, 3, 1]
    assert [figures.sold.orders for figures in view.so_far] == [1, 2, 1]
    assert view.hours[1][9].figures.sold == Sales(1, 2, Decimal("21.00"))
    assert view.hours[0][13].figures.inserted == 5


def test_products_and_categories_come_best_first(disturbed: Disturbed, totals: LiveTotals) -> None:
    disturbed.writer().count(
        [
            change("1", product="Mouse", price="5"),
            change("2", product="Laptop", price="900"),
            change("3", product="Phone", category="Mobile", price="700", quantity="3"),
            change("4", product="Cable", price="1", status="returned"),
            change("5", product="Gone"),
            change("5", number=2, kind="REMOVE", product="Gone"),
        ],
        0,
        NOW,
    )
    view = totals.view(NOW)
    assert [product.name for product in view.products] == ["Phone", "Laptop", "Mouse", "Cable"]
    assert view.products[3].figures.returned == Sales(1, 2, Decimal(2))
    assert list(view.categories) == ["Mobile", "Computers"]
    assert view.categories["Computers"].sold.revenue == 1810
    assert view.products_complete


def test_lanes_are_summed(disturbed: Disturbed, totals: LiveTotals) -> None:
    for lane in range(LANES):
        disturbed.writer().count([change(str(lane))], lane, NOW)
    view = totals.view(NOW)
    assert view.so_far[0].sold.orders == view.so_far[0].inserted == LANES
    assert [product.figures.sold.orders for product in view.products] == [LANES]


def test_what_is_among_the_latest_is_counted_in_the_same_view(disturbed: Disturbed) -> None:
    # GIVEN a change that is counted before each request of a view
    client, numbers = connect(), count()

    def count_another(**_: Any) -> None:
        disturbed.writer().count([change(str(next(numbers)))], 0, NOW)

    client.meta.events.register("before-call.dynamodb.Query", count_another)
    # WHEN it is read
    view = LiveTotals(client, TABLE).view(NOW)
    # THEN nothing is shown that isn't counted
    shown = len(view.latest)
    assert 0 < shown <= view.so_far[0].inserted
    assert shown <= sum(product.figures.sold.orders for product in view.products)


def test_the_latest_changes_are_those_that_arrived_last(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    for start in range(0, 60, 20):
        changes = [change(str(number)) for number in range(start, start + 20)]
        disturbed.writer().count(changes, 0, NOW)
    for number in range(60, 110):
        disturbed.writer().count([change(str(number))], 0, NOW)
    view = totals.view(NOW)
    assert [each.orderid for each in view.latest] == [str(n) for n in range(109, 9, -1)]
    assert view.counted_at == NOW
    newest = view.latest[0]
    assert (newest.event_type, newest.changed_at) == ("INSERT", NOW)
    assert (newest.quantity, newest.price) == (2, Decimal("10.50"))


def test_the_latest_changes_of_a_quiet_shop_are_those_of_a_day(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    hours = (0, 3, 3, 24, 25)
    for number, back in enumerate(hours):
        at = NOW - timedelta(hours=back, seconds=number)
        disturbed.writer().count([change(str(number), arrived=at)], 0, NOW)
    view = totals.view(NOW)
    assert [each.orderid for each in view.latest] == ["0", "1", "2", "3"]
    assert [each.arrived.hour for each in view.latest] == [13, 10, 10, 13]


@pytest.mark.parametrize(
    ("first", "counted"),
    [
        (timedelta(), {0}),
        (timedelta(minutes=40), {0, 40}),
        (timedelta(minutes=46), {0, 40, 46}),
        (timedelta(hours=3), {0, 40, 46, 180}),
        (timedelta(hours=3, minutes=1), {0, 40, 46, 180, 181}),
        # The minutes of then are gone: their hour counts whole.
        (timedelta(days=10, minutes=1), {0, 40, 46, 180, 181, 14_400, 14_402}),
    ],
    ids=str,
)
def test_figures_are_those_of_the_minutes_from_the_first_to_the_last(
    first: timedelta, counted: set[int], disturbed: Disturbed, totals: LiveTotals
) -> None:
    ago = (0, 40, 46, 180, 181, 14_400, 14_402)
    for number, minutes in enumerate(ago):
        ordered = NOW - timedelta(minutes=minutes)
        each = change(str(number), order_ts=ordered.isoformat(), quantity=str(2**number))
        disturbed.writer().count([each], 0, NOW)
    expected = sum(
        2**n for n, m in enumerate((0, 40, 46, 180, 181, 14_400, 14_402)) if m in counted
    )
    assert totals.figures(NOW - first, NOW).sold.units == expected


def test_minutes_and_figures_are_of_a_time_in_whichever_zone(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    zone = timezone(timedelta(hours=5, minutes=30))
    for number, at in enumerate(("12:50", "13:10")):
        disturbed.writer().count([change(str(number), order_ts=f"2026-03-01T{at}:00Z")], 0, NOW)
    first, last = (datetime(2026, 3, 1, 18, minute, tzinfo=zone) for minute in (15, 45))
    assert sum(period.figures.sold.orders for period in totals.minutes(first, last)) == 2
    assert totals.figures(first, last).sold.orders == 2


def test_a_refused_change_is_shown_with_its_reason(
    disturbed: Disturbed, totals: LiveTotals
) -> None:
    disturbed.writer().count([change(quantity="0")], 0, NOW)
    view = totals.view(NOW)
    assert view.so_far[0].refused == view.so_far[0].changes == 1
    (refused,) = view.latest
    assert refused.event_type == "refused"
    assert refused.reason is not None
    assert "quantity" in refused.reason


def test_a_view_takes_as_many_requests_whatever_the_traffic(
    disturbed: Disturbed, dynamodb: Any
) -> None:
    disturbed.writer().count([change(str(number)) for number in range(3000)], 0, NOW)
    requests: list[str] = []
    client: Any = connect()
    client.meta.events.register(
        "before-send.dynamodb",
        lambda request, **_: requests.append(request.headers["X-Amz-Target"]),
    )
    view = LiveTotals(client, TABLE).view(NOW)
    assert view.so_far[0].sold.orders == 3000
    assert len(view.latest) == 100
    assert len(requests) == 7
