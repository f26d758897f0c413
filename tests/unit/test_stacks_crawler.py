"""Glue neither updates nor deletes a crawler that runs, so a deployment waits for it."""

from __future__ import annotations

from collections.abc import Iterator

import boto3
import pytest
from botocore.stub import Stubber

from salesflow.deployment import await_idle_crawler
from salesflow.patience import Patience

CRAWLER = "salesflow-dev-orders-changelog"


@pytest.fixture
def glue(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with Stubber(boto3.client("glue", region_name="us-east-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def is_in(glue: Stubber, state: str) -> None:
    glue.add_response("get_crawler", {"Crawler": {"Name": CRAWLER, "State": state}})


def patience(*seconds: float) -> Patience:
    clock = iter(seconds)
    return Patience(timeout=60, sleep=lambda _: None, clock=lambda: next(clock))


def test_a_running_crawler_is_waited_for(glue: Stubber) -> None:
    for state in ("RUNNING", "STOPPING", "READY"):
        is_in(glue, state)
    await_idle_crawler(lambda _: glue.client, CRAWLER, patience(0, 5, 10))


def test_a_crawler_that_is_not_there_runs_not(glue: Stubber) -> None:
    glue.add_client_error("get_crawler", "EntityNotFoundException")
    await_idle_crawler(lambda _: glue.client, CRAWLER, patience(0))


def test_a_crawl_without_end_is_named(glue: Stubber) -> None:
    is_in(glue, "RUNNING")
    is_in(glue, "RUNNING")
    with pytest.raises(TimeoutError, match=f"waited 60 s for the crawler {CRAWLER}"):
        await_idle_crawler(lambda _: glue.client, CRAWLER, patience(0, 5, 61))
