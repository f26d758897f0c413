"""Triggers see what AWS shows, survive a restart of the triggerer, and give up with a sentence."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, TaskDeferred

from localaws.server import LocalAws
from salesflow_airflow.triggers.crawl import CrawlTrigger, IdleCrawlerTrigger
from salesflow_airflow.triggers.delivery import DeliveryTrigger
from salesflow_airflow.triggers.polling import (
    FAILURE,
    SUCCESS,
    TIMEOUT,
    WaitedInVain,
    event_or_defer,
    seen,
)
from salesflow_airflow.triggers.stack import StackSettledTrigger
from task_runs import as_in_the_triggerer, first_event

FAR = 4_000_000_000.0
NEWEST = "2026-03-04T12:00:00+00:00"


class CrawlerRunning(Exception):
    """What the client's exceptions call CrawlerRunningException."""


class Glue:
    """A crawler that shows one state after the other; aiobotocore clients can't be stubbed."""

    class exceptions:
        CrawlerRunningException = CrawlerRunning

    def __init__(self, *states: dict[str, Any], refuses: bool = False) -> None:
        self.states = iter(states)
        self.refuses = refuses
        self.starts = 0

    async def get_crawler(self, Name: str) -> dict[str, Any]:
        return {"Crawler": {"Name": Name, "State": "READY"} | next(self.states)}

    async def start_crawler(self, Name: str) -> None:
        if self.refuses:
            self.refuses = False
            raise CrawlerRunning(Name)
        self.starts += 1


def crawled(seconds: float, status: str = "SUCCEEDED", **more: str) -> dict[str, Any]:
    began = datetime.fromisoformat(NEWEST) + timedelta(seconds=seconds)
    return {"LastCrawl": {"Status": status, "StartTime": began, **more}}


def looks(trigger: Any, client: Any, times: int) -> list[dict[str, Any] | None]:
    async def look() -> list[dict[str, Any] | None]:
        return [await trigger.look(client, 0.0) for _ in range(times)]

    return asyncio.run(look())


def crawl_trigger() -> CrawlTrigger:
    return CrawlTrigger(crawler="orders", newest=NEWEST, deadline=FAR)


@pytest.mark.parametrize(
    "trigger",
    [
        StackSettledTrigger(stack_id="arn:1", deadline=FAR),
        crawl_trigger(),
        IdleCrawlerTrigger(crawler="orders", deadline=FAR),
        DeliveryTrigger(
            bucket="lake",
            written_until=NEWEST,
            announced=True,
            since=None,
            intervals=60.0,
            margin=15.0,
            deadline=FAR,
            poll_seconds=3.0,
            aws_conn_id="other",
            kept={"changes": 7},
        ),
    ],
    ids=lambda trigger: type(trigger).__name__,
)
def test_a_trigger_is_made_again_from_what_is_stored_of_it(trigger: Any) -> None:
    made = as_in_the_triggerer(trigger)
    made.poll_seconds = trigger.poll_seconds
    assert made.serialize() == trigger.serialize()


def test_a_crawl_is_started_and_awaited() -> None:
    glue = Glue(crawled(-60), {"State": "RUNNING"}, {"State": "STOPPING"}, crawled(5))
    seen_by_look = looks(crawl_trigger(), glue, 4)
    assert seen_by_look == [None, None, None, {"crawl_began": "2026-03-04T12:00:05+00:00"}]
    assert glue.starts == 1


def test_a_crawl_that_began_too_early_is_joined_and_followed_by_another() -> None:
    running = {"State": "RUNNING"}
    glue = Glue(running, crawled(-2), running, crawled(9))
    assert looks(crawl_trigger(), glue, 4)[-1] == {"crawl_began": "2026-03-04T12:00:09+00:00"}
    assert glue.starts == 1


def test_a_crawl_that_somebody_else_starts_at_the_same_time_is_joined() -> None:
    glue = Glue(crawled(-60), {"State": "RUNNING"}, crawled(4), refuses=True)
    assert looks(crawl_trigger(), glue, 3)[-1] == {"crawl_began": "2026-03-04T12:00:04+00:00"}
    assert glue.starts == 0


def test_a_crawl_that_has_seen_all_is_not_repeated() -> None:
    glue = Glue(crawled(3))
    assert looks(crawl_trigger(), glue, 1) == [{"crawl_began": "2026-03-04T12:00:03+00:00"}]
    assert glue.starts == 0


def test_a_failed_crawl_ends_the_wait_with_glues_message() -> None:
    trigger = crawl_trigger()
    glue = Glue(crawled(-60), crawled(5, "FAILED", ErrorMessage="no access to s3://lake"))
    with pytest.raises(trigger.failures, match="no access to s3://lake"):
        looks(trigger, glue, 2)


def test_a_running_crawler_is_not_idle() -> None:
    trigger = IdleCrawlerTrigger(crawler="orders", deadline=FAR)
    assert looks(trigger, Glue({"State": "STOPPING"}, {"State": "READY"}), 2) == [None, {}]


@pytest.fixture
def lake(aws_default: LocalAws) -> Any:
    s3 = aws_default.aws.client("s3")
    s3.create_bucket(Bucket="lake")
    return s3


def delivery(*, deadline: float = FAR, **arguments: Any) -> DeliveryTrigger:
    now = datetime.now(UTC).isoformat()
    defaults = {"written_until": now, "announced": True, "since": now}
    return DeliveryTrigger(
        bucket="lake", intervals=0.0, margin=0.0, deadline=deadline, **{**defaults, **arguments}
    )


def put(lake: Any, prefix: str) -> None:
    hour = datetime.now(UTC).strftime("dt=%Y-%m-%d/hour=%H")
    lake.put_object(Bucket="lake", Key=f"{prefix}/orders_changelog/{hour}/a.gz", Body=b"")


def test_objects_of_rows_and_of_failed_records_are_seen(lake: Any) -> None:
    trigger = delivery()
    put(lake, "bronze")
    hour = datetime.now(UTC).strftime("dt=%Y-%m-%d/hour=%H")
    failed = f"errors/orders_changelog/processing-failed/{hour}/b"
    newest = lake.put_object(Bucket="lake", Key=failed, Body=b"")["ResponseMetadata"]
    assert newest["HTTPStatusCode"] == 200
    event = first_event(trigger)
    assert event["status"] == SUCCESS
    assert (event["row_objects"], event["error_objects"]) == (1, 1)
    assert datetime.fromisoformat(event["newest"]).tzinfo is not None


def test_earlier_hours_are_not_listed(lake: Any) -> None:
    lake.put_object(
        Bucket="lake", Key="bronze/orders_changelog/dt=2020-01-01/hour=00/a.gz", Body=b""
    )
    event = first_event(delivery(announced=False))
    assert seen(event) == {"row_objects": 0, "error_objects": 0, "newest": None, "kept": {}}


def test_a_wait_in_vain_says_for_what_and_what_there_is(lake: Any) -> None:
    later = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    event = first_event(delivery(deadline=0.0, written_until=later))
    assert event["status"] == TIMEOUT
    assert f"what was written until {later} to lake" in event["message"]
    assert "an object that came after" in event["message"]
    assert "0 objects of rows, 0 of errors, newest none" in event["message"]
    with pytest.raises(WaitedInVain, match="in vain"):
        seen(event)


def test_what_is_there_at_once_needs_no_deferral(lake: Any) -> None:
    assert event_or_defer(delivery(announced=False), "finish")["status"] == SUCCESS


def test_what_takes_long_is_left_to_the_triggerer_which_gives_up_first(lake: Any) -> None:
    later = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    trigger = delivery(written_until=later, deadline=time.time() + 1800)
    with pytest.raises(TaskDeferred) as deferred:
        event_or_defer(trigger, "finish")
    assert deferred.value.method_name == "finish"
    assert deferred.value.trigger.serialize() == trigger.serialize()
    assert 1800 < deferred.value.timeout.total_seconds() < 1900


def test_what_a_failure_says_reaches_the_task() -> None:
    with pytest.raises(AirflowException, match="no access"):
        seen({"status": FAILURE, "message": "no access"})
