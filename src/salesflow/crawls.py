"""When a crawl has seen an object: not when the crawler is idle, but when it began after it came.

https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-crawler-crawling.html
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal


class CrawlFailed(Exception):
    """A crawl that had to succeed failed or was cancelled; the message is Glue's."""


@dataclass(frozen=True, slots=True)
class Started:
    """A crawl that was started after the newest object had been seen.

    `previous` is the start of the last finished crawl at that time, by which a finished one is told
    from this one: the clocks of S3 and Glue need not agree.
    """

    previous: datetime | None


def last_crawl(crawler: Mapping[str, Any]) -> datetime | None:
    """When the last finished crawl began; None if the crawler never ran."""
    started: datetime | None = crawler.get("LastCrawl", {}).get("StartTime")
    return started


def next_step(
    crawler: Mapping[str, Any], newest: datetime | None, started: Started | None
) -> Literal["start", "wait", "done"]:
    """What to do until a crawl that began after the newest object has succeeded.

    A running crawl is joined; if it began too early, another one is to be started after it.

    Args:
        crawler: GetCrawler's Crawler.
        newest: when the newest object came, in S3's whole seconds; None if there is none.
        started: the crawl that was started by the answer "start", if any.

    Raises:
        CrawlFailed: the crawl that was started ended otherwise than in success.
    """
    if crawler["State"] != "READY":
        return "wait"
    began = last_crawl(crawler)
    if started is not None:
        if began == started.previous:
            return "wait"  # the crawler has not taken notice of its own end yet
        _raise_if_failed(crawler)
        return "done"
    # An object of the second in which the crawl began may have come after that.
    late_enough = began is not None and (newest is None or began >= newest + timedelta(seconds=1))
    return "done" if late_enough and crawler["LastCrawl"]["Status"] == "SUCCEEDED" else "start"


def _raise_if_failed(crawler: Mapping[str, Any]) -> None:
    last = crawler["LastCrawl"]
    if last["Status"] != "SUCCEEDED":
        reason = last.get("ErrorMessage") or "no reason was given"
        where = "/".join(last[key] for key in ("LogGroup", "LogStream") if last.get(key))
        log = f" (log: {where})" if where else ""
        raise CrawlFailed(f"crawl of {crawler['Name']} {last['Status'].lower()}: {reason}{log}")
