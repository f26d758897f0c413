"""Which crawl has seen the newest object, and what to do until there is one."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from salesflow.crawls import CrawlFailed, Started, next_step

NEWEST = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)


def crawler(
    state: str = "READY", began: float | None = None, status: str = "SUCCEEDED", **last: str
) -> dict[str, Any]:
    description: dict[str, Any] = {"Name": "orders", "State": state}
    if began is not None:
        start = NEWEST + timedelta(seconds=began)
        description["LastCrawl"] = {"Status": status, "StartTime": start, **last}
    return description


def test_a_crawler_that_never_ran_is_started() -> None:
    assert next_step(crawler(), NEWEST, None) == "start"


def test_a_crawl_that_began_before_the_newest_object_does_not_count() -> None:
    assert next_step(crawler(began=-60), NEWEST, None) == "start"


def test_a_crawl_of_the_same_second_may_have_missed_the_object() -> None:
    assert next_step(crawler(began=0.9), NEWEST, None) == "start"


def test_a_later_crawl_has_seen_it() -> None:
    assert next_step(crawler(began=1), NEWEST, None) == "done"


def test_a_later_crawl_that_failed_is_repeated() -> None:
    assert next_step(crawler(began=1, status="FAILED"), NEWEST, None) == "start"


def test_without_objects_any_crawl_has_seen_them_all() -> None:
    assert next_step(crawler(began=-60), None, None) == "done"
    assert next_step(crawler(), None, None) == "start"


@pytest.mark.parametrize("state", ["RUNNING", "STOPPING"])
def test_a_running_crawl_is_joined(state: str) -> None:
    assert next_step(crawler(state, began=-60), NEWEST, None) == "wait"


def test_a_joined_crawl_that_began_too_early_is_followed_by_another() -> None:
    joined = crawler(began=-5)
    assert next_step(joined, NEWEST, None) == "start"


def test_a_started_crawl_counts_whatever_its_clock_says() -> None:
    started = Started(previous=NEWEST - timedelta(seconds=60))
    assert next_step(crawler(began=-1), NEWEST, started) == "done"


def test_an_idle_crawler_may_not_have_noted_its_end_yet() -> None:
    started = Started(previous=NEWEST - timedelta(seconds=60))
    assert next_step(crawler(began=-60), NEWEST, started) == "wait"


def test_a_started_crawl_that_fails_shows_glues_message_and_log() -> None:
    failed = crawler(
        began=1,
        status="FAILED",
        ErrorMessage="Service Principal is not authorized",
        LogGroup="/aws-glue/crawlers",
        LogStream="orders",
    )
    with pytest.raises(
        CrawlFailed, match="orders failed: Service Principal is not authorized"
    ) as e:
        next_step(failed, NEWEST, Started(previous=None))
    assert "/aws-glue/crawlers/orders" in str(e.value)
