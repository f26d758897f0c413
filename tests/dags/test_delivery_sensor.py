"""What the delivery sensor waits for, and when a run ends there."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, NoReturn

import boto3
import pytest
from airflow.sdk.exceptions import (
    AirflowFailException,
    AirflowSensorTimeout,
    AirflowSkipException,
    TaskDeferred,
)
from botocore.stub import Stubber

from salesflow_airflow.defaults import ORDERS_WRITTEN
from salesflow_airflow.sensors import delivery
from salesflow_airflow.sensors.delivery import DeliverySensor

FOUND = {"status": "success", "row_objects": 2, "error_objects": 0}
NEWEST = "2026-03-04T12:00:00+00:00"
LATER = "2026-03-04T12:30:00+00:00"


def context(written: list[dict[str, Any]] | None = None) -> Any:
    return {
        "triggering_asset_events": {
            ORDERS_WRITTEN: [SimpleNamespace(extra=extra) for extra in written or []]
        }
    }


def written(begin: str, end: str, changes: int, stage: str = "dev") -> dict[str, Any]:
    day = "2026-03-04T"
    return {
        "stage": stage,
        "changes": changes,
        "written_from": f"{day}{begin}:00+00:00",
        "written_until": f"{day}{end}:00+00:00",
    }


@pytest.fixture
def wait(
    monkeypatch: pytest.MonkeyPatch, events: Callable[[str], Any]
) -> Callable[..., dict[str, Any]]:
    """Runs a sensor up to its wait; the arguments of the trigger that it waits with."""
    firehose = boto3.client(
        "firehose", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )

    def defer(trigger: Any, method_name: str) -> NoReturn:
        raise TaskDeferred(trigger=trigger, method_name=method_name)

    def run(of: Any, **arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(delivery, "connect", lambda *_: firehose)
        monkeypatch.setattr(delivery, "event_or_defer", defer)
        with Stubber(firehose) as stubber:
            stubber.add_response(
                "describe_delivery_stream",
                events("delivery_stream"),
                {"DeliveryStreamName": "orders-delivery"},
            )
            with pytest.raises(TaskDeferred) as deferred:
                sensor(**arguments).execute(of)
        return dict(deferred.value.trigger.serialize()[1])

    return run


def sensor(**arguments: Any) -> DeliverySensor:
    return DeliverySensor(
        task_id="wait_for_delivery",
        stream="orders-delivery",
        bucket="lake",
        stage="dev",
        timeout=1800,
        **arguments,
    )


def test_it_waits_for_the_latest_of_all_announced_writes(
    wait: Callable[..., dict[str, Any]],
) -> None:
    arguments = wait(
        context([written("10:05", "10:20", 70), written("10:00", "10:10", 30)]), watermark=NEWEST
    )
    assert arguments["announced"] is True
    assert arguments["written_until"] == "2026-03-04T10:20:00+00:00"
    assert arguments["since"] == "2026-03-04T10:00:00+00:00"
    assert arguments["kept"]["changes"] == 100


def test_redriven_changes_are_waited_for_but_not_counted(
    wait: Callable[..., dict[str, Any]],
) -> None:
    redriven = written("10:05", "10:20", 70) | {"redriven": True}
    arguments = wait(context([redriven, written("10:00", "10:10", 30)]))
    assert arguments["written_until"] == "2026-03-04T10:20:00+00:00"
    assert arguments["kept"]["changes"] is None


def test_the_stream_says_how_long_the_quiet_time_is(wait: Callable[..., dict[str, Any]]) -> None:
    arguments = wait(context())
    assert (arguments["intervals"], arguments["margin"]) == (80, 20)


def test_writes_of_other_stages_are_not_waited_for(wait: Callable[..., dict[str, Any]]) -> None:
    arguments = wait(context([written("10:00", "10:10", 30, stage="prod")]), watermark=NEWEST)
    assert arguments["announced"] is False


def test_without_announcement_it_waits_for_what_was_written_before_it_began(
    wait: Callable[..., dict[str, Any]],
) -> None:
    arguments = wait(context(), watermark=NEWEST)
    began = datetime.fromisoformat(arguments["written_until"])
    assert abs(datetime.now(UTC) - began) < timedelta(seconds=30)
    assert arguments["since"] == NEWEST


def test_the_first_run_of_all_looks_at_everything(wait: Callable[..., dict[str, Any]]) -> None:
    assert wait(context())["since"] is None


def test_a_given_time_stands_for_an_announcement(wait: Callable[..., dict[str, Any]]) -> None:
    arguments = wait(context(), written_until="2026-03-04T13:00:00+01:00")
    assert arguments["written_until"] == NEWEST
    assert arguments["announced"] is True


def test_a_given_time_needs_a_zone() -> None:
    with pytest.raises(AirflowFailException, match="has no time zone"):
        sensor(written_until="2026-03-04T13:00:00")._announcement(context())


ROWS = "bronze/orders_changelog"


@pytest.fixture
def finish(monkeypatch: pytest.MonkeyPatch) -> Callable[..., dict[str, Any]]:
    """Gives a sensor what the trigger saw, in a lake with one object in an hour's folder."""
    s3 = boto3.client(
        "s3", region_name="us-east-1", aws_access_key_id="x", aws_secret_access_key="x"
    )

    def run(newest: str | None, announced: bool = False, **arguments: Any) -> dict[str, Any]:
        monkeypatch.setattr(delivery, "connect", lambda *_: s3)
        event = FOUND | {"newest": newest, "kept": {"announced": announced, "began": 0.0}}
        came = datetime.fromisoformat(newest or NEWEST)
        rows = [{"Key": f"{ROWS}/dt=2026-03-04/hour=12/a.gz", "LastModified": came}]
        with Stubber(s3) as stubber:
            stubber.add_response("list_objects_v2", {"Contents": rows})
            return sensor(**arguments).finish({}, event)

    return run


Finish = Callable[..., dict[str, Any]]


def test_what_was_found_is_returned(finish: Finish) -> None:
    found = finish(LATER, watermark=NEWEST)
    assert (found["newest"], found["row_objects"]) == (LATER, 2)


def test_the_partitions_with_new_rows_are_returned_and_the_watermark_that_follows(
    finish: Finish,
) -> None:
    found = finish(LATER, watermark=NEWEST)
    assert found["partitions"] == [["2026-03-04", "12"]]
    assert found["watermark"] == LATER


def test_more_may_come_in_the_present_second_so_the_watermark_stays_before_it(
    finish: Finish,
) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    found = finish(now.isoformat(), watermark=NEWEST)
    assert found["newest"] == now.isoformat()
    assert datetime.fromisoformat(found["watermark"]) < now


@pytest.mark.parametrize(("newest", "watermark"), [(NEWEST, NEWEST), (None, None), (None, NEWEST)])
def test_a_run_that_finds_nothing_new_ends_there(
    finish: Finish, newest: str | None, watermark: str | None
) -> None:
    with pytest.raises(AirflowSkipException, match="nothing has come since"):
        finish(newest, watermark=watermark)


def test_announced_writes_are_never_skipped(finish: Finish) -> None:
    assert finish(NEWEST, watermark=LATER, announced=True)["newest"] == NEWEST


def test_a_day_from_which_all_is_merged_again_is_never_skipped(finish: Finish) -> None:
    found = finish(NEWEST, watermark=NEWEST, again_from="2026-03-04")
    assert found["partitions"] == [["2026-03-04", "12"]]


def test_a_wait_in_vain_says_what_it_was_for() -> None:
    event = {
        "status": "timeout",
        "message": "waited in vain for the delivery of orders",
        "kept": {},
    }
    with pytest.raises(AirflowSensorTimeout, match=r"delivery of orders \(after 1800 s\)"):
        sensor().finish({}, event)
