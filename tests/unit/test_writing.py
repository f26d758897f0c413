"""Writes reach the table, all of them, in order per order, whatever DynamoDB answers."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError

from salesflow.generator import history
from salesflow.orders import Delete, Order, Put, Write
from salesflow.seeds import seeded
from salesflow.writer import OrderRefused, TableWriter, WriteCounts, WriteTimeout
from unit.orders_table import Table

NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Clock:
    """Time that passes only by sleeping."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept.append(seconds)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def writer(table: Table, clock: Clock) -> Callable[..., TableWriter]:
    def make(**options: Any) -> TableWriter:
        return TableWriter(
            client=table.client(),
            table="orders",
            clock=lambda: clock.now,
            sleep=clock.sleep,
            **{"random": lambda: 1.0, **options},
        )

    return make


def put(orderid: str, status: str = "placed", *, is_new: bool = True) -> Put:
    order = Order(
        orderid=orderid, product_name="Phone", quantity=1, price=Decimal("9.90"), status=status
    )
    return Put(NOW, order, is_new)


def puts(count: int) -> list[Write]:
    return [put(f"{number:03d}") for number in range(count)]


def status_of(write: Write) -> str | None:
    return write.order.status if isinstance(write, Put) else None


def lives(log: list[tuple[str, str | None]]) -> dict[str, list[str | None]]:
    seen: dict[str, list[str | None]] = {}
    for orderid, status in log:
        seen.setdefault(orderid, []).append(status)
    return seen


def test_a_history_arrives_whole_and_in_order_per_order(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    writes = list(history(orders=200, days=40, until=NOW, seed=5))
    counts = writer().write(writes)
    assert lives(table.log) == lives([(w.orderid, status_of(w)) for w in writes])
    removed = sum(isinstance(write, Delete) for write in writes)
    assert counts == WriteCounts(
        inserted=200,
        changed=len(writes) - 200 - removed,
        removed=removed,
        batches=len(table.batches),
    )
    assert counts.writes == len(writes)
    assert len(table.items) == 200 - removed


def test_batches_are_full_although_orders_change_quickly(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    writer().write(history(orders=300, days=300, until=NOW, seed=5))
    assert sum(table.batches[:-5]) == 25 * len(table.batches[:-5])


def test_unprocessed_items_are_sent_again_until_all_are_acknowledged(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    chance = seeded("unprocessed")
    table.faults = [
        lambda requests: [request for request in requests if chance.random() < 0.4]
    ] * 60
    writes = list(history(orders=150, days=40, until=NOW, seed=5))
    counts = writer().write(writes)
    assert lives(table.log) == lives([(w.orderid, status_of(w)) for w in writes])
    assert counts.writes == len(writes)
    assert counts.retries > 20


@pytest.mark.parametrize(
    "code",
    [
        "ProvisionedThroughputExceededException",
        "ThrottlingException",
        "RequestLimitExceeded",
        "InternalServerError",
    ],
)
def test_throttling_is_met_with_exponential_backoff(
    table: Table, clock: Clock, writer: Callable[..., TableWriter], code: str
) -> None:
    table.faults = [lambda _: code] * 4
    counts = writer().write(puts(3))
    assert (counts.inserted, counts.batches, counts.retries) == (3, 1, 4)
    assert clock.slept == [0.1, 0.2, 0.4, 0.8]


def test_the_backoff_has_full_jitter_and_a_ceiling(
    table: Table, clock: Clock, writer: Callable[..., TableWriter]
) -> None:
    table.faults = [lambda _: "ThrottlingException"] * 12
    writer(random=lambda: 0.5).write(puts(1))
    assert clock.slept[0] == 0.05
    assert clock.slept[-1] == 5.0


def test_backoff_starts_anew_after_a_success(
    table: Table, clock: Clock, writer: Callable[..., TableWriter]
) -> None:
    throttle: Callable[[list[Any]], str] = lambda _: "ThrottlingException"  # noqa: E731
    table.faults = [throttle, throttle, lambda _: [], throttle]
    writer().write(puts(50))
    assert clock.slept == [0.1, 0.2, 0.1]


def test_a_stall_ends_in_an_error_that_says_how_much_is_acknowledged(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    table.faults = [lambda _: [], *[lambda requests: requests] * 1000]
    with pytest.raises(WriteTimeout, match=r"60 s \(25 writes were acknowledged\)") as error:
        writer(stall_limit_seconds=60).write(puts(80))
    assert error.value.counts.inserted == len(table.items) == 25


def test_the_time_limit_ends_in_an_error_that_says_how_much_is_acknowledged(
    table: Table, clock: Clock, writer: Callable[..., TableWriter]
) -> None:
    def slow(_: list[Any]) -> list[Any]:
        clock.now += 4
        return []

    table.faults = [slow] * 10
    with pytest.raises(WriteTimeout, match=r"limit of 10 s .*75 writes"):
        writer(time_limit_seconds=10).write(puts(200))


def test_a_write_that_finishes_late_is_no_error(
    table: Table, clock: Clock, writer: Callable[..., TableWriter]
) -> None:
    def slow(_: list[Any]) -> list[Any]:
        clock.now += 99
        return []

    table.faults = [slow]
    assert writer(time_limit_seconds=10).write(puts(5)).inserted == 5


def test_a_refused_order_is_named_and_all_before_it_is_written(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    table.poison = {"040"}
    writes = puts(60)
    writes.insert(31, put("030", "paid", is_new=False))
    with pytest.raises(OrderRefused, match="order 040 was refused: it is a Validation") as error:
        writer().write(writes)
    assert error.value.orderid == "040"
    assert table.log == [(w.orderid, status_of(w)) for w in writes[:41]]
    assert (error.value.counts.inserted, error.value.counts.changed) == (40, 1)


def test_another_error_is_passed_on_with_the_count(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    table.faults = [lambda _: [], lambda _: "ResourceNotFoundException"]
    with pytest.raises(ClientError, match="ResourceNotFoundException") as error:
        writer().write(puts(30))
    assert error.value.__notes__ == ["25 writes were acknowledged before that"]


def test_a_lookahead_of_one_sends_each_write_as_it_comes(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    def orders() -> Iterator[Write]:
        for number, write in enumerate(puts(3)):
            assert len(table.items) == number
            yield write

    writer(lookahead=1).write(orders())
    assert table.batches == [1, 1, 1]


def test_progress_is_told_after_every_batch(writer: Callable[..., TableWriter]) -> None:
    seen: list[int] = []
    writer(on_progress=lambda counts: seen.append(counts.inserted)).write(puts(60))
    assert seen == [25, 50, 60]


def test_lanes_keep_the_order_of_every_order(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    chance = seeded("lanes")
    table.faults = [
        lambda requests: [request for request in requests if chance.random() < 0.3]
    ] * 30
    writes = list(history(orders=300, days=40, until=NOW, seed=5))
    seen: list[int] = []
    counts = writer(lanes=3, on_progress=lambda counts: seen.append(counts.writes)).write(writes)
    assert lives(table.log) == lives([(w.orderid, status_of(w)) for w in writes])
    assert counts.writes == len(writes) == seen[-1]
    assert seen == sorted(seen)


def test_a_lane_that_fails_leaves_nothing_before_it_unwritten(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    table.poison = {"300"}
    with pytest.raises(OrderRefused, match="order 300 was refused") as error:
        writer(lanes=3).write(puts(5000))
    assert {f"{number:03d}" for number in range(300)} <= set(table.items)
    assert error.value.counts.inserted == len(table.items) < 5000
    assert str(len(table.items)) in str(error.value)


def test_a_source_that_fails_ends_all_lanes(
    table: Table, writer: Callable[..., TableWriter]
) -> None:
    def orders() -> Iterator[Write]:
        yield from puts(60)
        raise ValueError("no more")

    with pytest.raises(ValueError, match="no more"):
        writer(lanes=3).write(orders())
    assert len(table.items) == 60
