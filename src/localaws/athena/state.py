"""What the local Athena knows, and how it answers in pages."""

from __future__ import annotations

import base64
import binascii
import threading
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TypeVar

from localaws.athena.executions import Executions
from localaws.athena.grammar import parse
from localaws.athena.named_queries import NamedQueries, PreparedStatements
from localaws.athena.statements import Statement
from localaws.athena.tokens import MalformedQuery
from localaws.athena.workgroups import INVALID, WorkGroups
from localaws.errors import AwsError
from localaws.service import Aws, Params

Item = TypeVar("Item")


def utcnow() -> datetime:
    """The wall clock, UTC: when a request arrived."""
    return datetime.now(UTC)


def checked_statement(sql: str) -> Statement:
    """Parse a statement that a client sends.

    Raises:
        AwsError: InvalidRequestException for what Athena's parsers turn away.
    """
    try:
        return parse(sql)
    except MalformedQuery as error:
        raise AwsError(INVALID, error.message) from error


class State:
    """All of it. ``lock`` guards every member."""

    def __init__(self, aws: Aws, lock: threading.RLock) -> None:
        self.aws = aws
        self.lock = lock
        self.workgroups = WorkGroups(utcnow())
        self.executions = Executions()
        self.named_queries = NamedQueries()
        self.prepared = PreparedStatements(checked_statement)
        self.tags: dict[str, dict[str, str]] = {}

    def workgroup_arn(self, name: str) -> str:
        """The ARN of a workgroup."""
        return self.aws.arn("athena", f"workgroup/{name}")

    def delete_workgroup(self, name: str, *, recursive: bool) -> None:
        """Delete a workgroup; with queries in it only if that is to be recursive.

        Raises:
            AwsError: it isn't there, or isn't empty.
        """
        with self.lock:
            kept = [*self.named_queries.of(name), *self.prepared.of(name)]
            if not recursive and (kept or self.executions.of(name)):
                self.workgroups.get(name)
                raise AwsError(INVALID, f"WorkGroup {name} is not empty")
            self.workgroups.delete(name)
            for query_id in self.named_queries.of(name):
                self.named_queries.delete(query_id)
            for statement in self.prepared.of(name):
                self.prepared.delete(name, statement["StatementName"])
            for execution in self.executions.of(name):
                if not execution.final:
                    execution.cancelled.set()
            self.executions.forget_workgroup(name)
            self.tags.pop(self.workgroup_arn(name), None)

    def clear(self) -> None:
        """Forget everything; a new account's workgroup is left."""
        self.workgroups.clear(utcnow())
        self.executions.clear()
        self.named_queries.clear()
        self.prepared.clear()
        self.tags.clear()

    def snapshot(self) -> Params:
        """As JSON types."""
        return {
            "workgroups": self.workgroups.snapshot(),
            "executions": self.executions.snapshot(),
            "named_queries": self.named_queries.snapshot(),
            "prepared": self.prepared.snapshot(),
            "tags": self.tags,
        }

    def restore(self, taken: Params) -> None:
        """From what ``snapshot`` gave."""
        self.workgroups.restore(taken["workgroups"])
        self.executions.restore(taken["executions"], utcnow())
        self.named_queries.restore(taken["named_queries"])
        self.prepared.restore(taken["prepared"])
        self.tags = {arn: dict(tags) for arn, tags in taken["tags"].items()}


def page(items: Sequence[Item], params: Params, most: int) -> tuple[list[Item], str | None]:
    """The page of a list that MaxResults and NextToken ask for, and the next one's token.

    Args:
        most: how many items a page has at most, and by default.
    """
    size = params.get("MaxResults") or most
    start = 0
    if token := params.get("NextToken"):
        try:
            start = int(base64.b64decode(token, validate=True))
        except (binascii.Error, ValueError) as error:
            raise AwsError(INVALID, f"The nextPageToken is malformed: {token}") from error
    end = start + size
    following = base64.b64encode(str(end).encode()).decode() if end < len(items) else None
    return list(items[start:end]), following
