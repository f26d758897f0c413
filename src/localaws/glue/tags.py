"""The tags of crawlers. MiniStack keeps those of all Glue resources; these get theirs from here."""

from __future__ import annotations

import threading

from localaws.service import Aws


class CrawlerTags:
    """Hands the tags that a crawler is created with on to MiniStack.

    CloudFormation provisions on the event loop, where nothing may wait for another service:
    what is asked for is queued, and carried out by `flush` from any other thread.
    """

    def __init__(self, aws: Aws) -> None:
        self._aws = aws
        self._lock = threading.Lock()
        self._wanted: dict[str, dict[str, str]] = {}

    def set(self, crawler: str, tags: dict[str, str]) -> None:
        """Give a crawler these tags and no others."""
        with self._lock:
            self._wanted[crawler] = tags

    def flush(self) -> None:
        """Carry out what was asked for."""
        with self._lock:
            wanted, self._wanted = self._wanted, {}
        glue = self._aws.client("glue")
        for crawler, tags in wanted.items():
            gone = [key for key in self._of(crawler) if key not in tags]
            if gone:
                glue.untag_resource(ResourceArn=self._arn(crawler), TagsToRemove=gone)
            if tags:
                glue.tag_resource(ResourceArn=self._arn(crawler), TagsToAdd=tags)

    def has(self, crawler: str, tags: dict[str, str]) -> bool:
        """Whether a crawler has all these tags."""
        self.flush()
        return tags.items() <= self._of(crawler).items()

    def _of(self, crawler: str) -> dict[str, str]:
        answer = self._aws.client("glue").get_tags(ResourceArn=self._arn(crawler))
        tags: dict[str, str] = answer.get("Tags", {})
        return tags

    def _arn(self, crawler: str) -> str:
        return self._aws.arn("glue", f"crawler/{crawler}")
