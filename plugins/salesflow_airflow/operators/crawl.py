"""Crawls the lake."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from airflow.providers.amazon.aws.hooks.glue_crawler import GlueCrawlerHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.providers.amazon.aws.utils.mixins import aws_template_fields
from airflow.sdk import Context

from salesflow.deployment import crawler_is_idle, crawler_name
from salesflow_airflow.triggers.crawl import CrawlTrigger, IdleCrawlerTrigger
from salesflow_airflow.triggers.polling import event_or_defer, seen


class CrawlOperator(AwsBaseOperator[GlueCrawlerHook]):
    """Makes sure that a crawl has succeeded that began after the newest object; waits deferred.

    A crawl that somebody else has started is joined. If one has seen the newest object already,
    none is started. A failed crawl fails the task with Glue's message.

    Args:
        newest: when the newest object came, ISO 8601.
    """

    aws_hook_class = GlueCrawlerHook
    template_fields: Sequence[str] = aws_template_fields("crawler", "newest")

    def __init__(
        self, *, crawler: str, newest: str | None, timeout_seconds: float = 1800, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.crawler = crawler
        self.newest = newest
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> dict[str, Any]:
        """Have it crawl, and wait."""
        trigger = CrawlTrigger(
            crawler=self.crawler,
            newest=self.newest,
            deadline=time.time() + self.timeout_seconds,
            aws_conn_id=self.aws_conn_id,
        )
        return self.finish(context, event_or_defer(trigger, "finish"))

    def finish(self, context: Context, event: dict[str, Any]) -> dict[str, Any]:
        """Say which crawl it was."""
        result = seen(event)
        self.log.info("crawled by %s, beginning at %s", self.crawler, result["crawl_began"])
        return {"crawl_began": result["crawl_began"]}


class AwaitIdleCrawlerOperator(AwsBaseOperator[GlueCrawlerHook]):
    """Waits, deferred, until the deployment's crawler runs no longer, if there is one.

    A stack update fails while the crawler runs.
    https://github.com/aws-cloudformation/cloudformation-coverage-roadmap/issues/817
    """

    aws_hook_class = GlueCrawlerHook
    template_fields: Sequence[str] = aws_template_fields("prefix")

    def __init__(self, *, prefix: str, timeout_seconds: float = 1800, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.prefix = prefix
        self.timeout_seconds = timeout_seconds

    def execute(self, context: Context) -> None:
        """Look, and wait if it runs."""
        crawler = crawler_name(self.prefix)
        if crawler_is_idle(self.hook.conn, crawler):
            return
        self.log.info("%s is running: waiting for its end", crawler)
        trigger = IdleCrawlerTrigger(
            crawler=crawler,
            deadline=time.time() + self.timeout_seconds,
            aws_conn_id=self.aws_conn_id,
        )
        self.finish(context, event_or_defer(trigger, "finish"))

    def finish(self, context: Context, event: dict[str, Any]) -> None:
        """The crawler is idle, or the wait was in vain."""
        seen(event)
