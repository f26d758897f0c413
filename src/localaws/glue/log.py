"""What a crawl writes to CloudWatch Logs.

https://docs.aws.amazon.com/glue/latest/dg/monitor-crawler-logs.html
"""

from __future__ import annotations

from datetime import datetime

from botocore.exceptions import ClientError

from localaws.glue.history import LOG_GROUP
from localaws.service import Aws


class CrawlLog:
    """The messages of one crawl, in the crawler's log stream, each with the id of the run."""

    def __init__(self, aws: Aws, crawler: str, run: str) -> None:
        self._aws, self._crawler, self._run = aws, crawler, run
        self._messages: list[str] = []
        self.add(f"Running Start Crawl for Crawler {crawler}", "BENCHMARK")

    def add(self, message: str, level: str = "INFO") -> None:
        """Keep a message until the crawl has ended."""
        self._messages.append(f"[{self._run}] {level} : {message}")

    def send(self, now: datetime, state: str, error: str | None) -> None:
        """Write all messages.

        Args:
            state: how the crawl has ended, see `history.Run`.
        """
        if error:
            self.add(error, "ERROR")
        self.add(f"Crawler has finished running ({state}) and is in state READY", "BENCHMARK")
        logs = self._aws.client("logs")
        place = {"logGroupName": LOG_GROUP, "logStreamName": self._crawler}
        for create, names in (
            (logs.create_log_group, {"logGroupName": LOG_GROUP}),
            (logs.create_log_stream, place),
        ):
            try:
                create(**names)
            except ClientError as refusal:
                if refusal.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                    raise
        time_ms = int(now.timestamp() * 1000)
        logs.put_log_events(
            **place,
            logEvents=[{"timestamp": time_ms, "message": message} for message in self._messages],
        )
