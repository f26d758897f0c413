"""Wait for a crawler: for a crawl that has seen everything, or just for its end."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from salesflow.crawls import CrawlFailed, Started, last_crawl, next_step
from salesflow_airflow.triggers.polling import PollingTrigger


class CrawlTrigger(PollingTrigger):
    """Sees when the crawl began that found the newest object, and starts one if there is none.

    It is stateless across restarts of the triggerer: then it judges the crawler afresh, at worst
    by one crawl more.

    Args:
        newest: when the newest object came, ISO 8601; None if there is none.
    """

    service = "glue"
    failures = (CrawlFailed,)

    def __init__(self, *, crawler: str, newest: str | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawler = crawler
        self.newest = newest
        self._started: Started | None = None
        self._state = "not looked at yet"

    def arguments(self) -> dict[str, Any]:
        """See `PollingTrigger`."""
        return {"crawler": self.crawler, "newest": self.newest}

    async def look(self, client: Any, now: float) -> dict[str, Any] | None:
        """See `PollingTrigger`."""
        crawler = (await client.get_crawler(Name=self.crawler))["Crawler"]
        self._state = crawler["State"]
        newest = datetime.fromisoformat(self.newest) if self.newest else None
        step = next_step(crawler, newest, self._started)
        began = last_crawl(crawler)
        if step == "done":
            return {"crawl_began": began.isoformat() if began else None}
        if step == "start":
            try:
                await client.start_crawler(Name=self.crawler)
            except client.exceptions.CrawlerRunningException:
                self.log.info("somebody else has just started %s: joining that crawl", self.crawler)
            else:
                self._started = Started(previous=began)
                self.log.info("started %s", self.crawler)
        return None

    def waiting_for(self) -> str:
        """See `PollingTrigger`."""
        return (
            f"a crawl of {self.crawler} that began after the newest object "
            f"({self.newest or 'none'}); the crawler is {self._state}"
        )


class IdleCrawlerTrigger(PollingTrigger):
    """Sees that a crawler runs no longer."""

    service = "glue"

    def __init__(self, *, crawler: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.crawler = crawler

    def arguments(self) -> dict[str, Any]:
        """See `PollingTrigger`."""
        return {"crawler": self.crawler}

    async def look(self, client: Any, now: float) -> dict[str, Any] | None:
        """See `PollingTrigger`."""
        crawler = (await client.get_crawler(Name=self.crawler))["Crawler"]
        return {} if crawler["State"] == "READY" else None

    def waiting_for(self) -> str:
        """See `PollingTrigger`."""
        return f"the crawler {self.crawler} to end its run"
