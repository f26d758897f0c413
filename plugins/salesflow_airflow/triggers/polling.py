"""Asking AWS again and again: in the task while it may be quick, then in the triggerer."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk.exceptions import AirflowException, TaskDeferred
from airflow.triggers.base import BaseTrigger, TriggerEvent

SUCCESS = "success"
TIMEOUT = "timeout"
FAILURE = "failure"

INLINE_SECONDS = 25.0
"""How long a task waits itself before it defers: a deferral costs about as much as a task."""

SETTLING_SECONDS = 10.0
"""How long a trigger waits before its first look.

Airflow notices up to 5 s late that the process of a deferred task has ended. A task that has been
resumed by then is taken for one that was killed ("finished with state success, but the task
instance's state attribute is queued"), and fails.
https://github.com/apache/airflow/issues/72716
"""


class WaitedInVain(AirflowException):
    """A deadline passed; the message says what was waited for."""


class PollingTrigger(BaseTrigger):
    """Looks until there is something to see; its event is what was seen.

    Args:
        deadline: epoch seconds at which it gives up. Not a duration, so that a restart of the
            triggerer doesn't begin the wait anew.
        poll_seconds: how often to look; at first it looks more often.
        kept: JSON values that the event hands back, for the task that goes on afterwards. They
            travel this way because ``dag.test()`` forgets the arguments of a deferral.
    """

    service: ClassVar[str]
    failures: ClassVar[tuple[type[Exception], ...]] = ()
    """What `look` raises when there is nothing more to wait for."""

    def __init__(
        self,
        *,
        deadline: float,
        poll_seconds: float = 5.0,
        aws_conn_id: str | None = "aws_default",
        kept: dict[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.deadline = deadline
        self.poll_seconds = poll_seconds
        self.aws_conn_id = aws_conn_id
        self.kept = kept or {}

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments beyond those of this class."""

    @abstractmethod
    async def look(self, client: Any, now: float) -> dict[str, Any] | None:
        """What there is to see, as JSON values, or None: wait on.

        Args:
            client: an aiobotocore client of `service`.
            now: epoch seconds.
        """

    @abstractmethod
    def waiting_for(self) -> str:
        """What is waited for, and how things stand by the last look."""

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Name and arguments, from which a triggerer makes the trigger again."""
        kind = type(self)
        return f"{kind.__module__}.{kind.__qualname__}", {
            "deadline": self.deadline,
            "poll_seconds": self.poll_seconds,
            "aws_conn_id": self.aws_conn_id,
            "kept": self.kept,
            **self.arguments(),
        }

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Look until something is seen, the deadline passes or all hope is lost."""
        await asyncio.sleep(SETTLING_SECONDS)
        if event := await self.watch():
            yield TriggerEvent(event)

    async def watch(self, until: float | None = None) -> dict[str, Any] | None:
        """The event, or None if there is none by a time (epoch seconds; None: no such limit)."""
        hook = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type=self.service)
        begin = time.time()
        async with await hook.get_async_conn() as client:
            while True:
                now = time.time()
                try:
                    sight = await self.look(client, now)
                except self.failures as failure:
                    return {"status": FAILURE, "message": str(failure), "kept": self.kept}
                if sight is not None:
                    return {"status": SUCCESS, **sight, "kept": self.kept}
                if now >= self.deadline:
                    message = f"waited in vain for {self.waiting_for()}"
                    return {"status": TIMEOUT, "message": message, "kept": self.kept}
                if until is not None and now >= until:
                    return None
                await asyncio.sleep(min(self.poll_seconds, max(0.1, (now - begin) / 4)))


def event_or_defer(trigger: PollingTrigger, method_name: str) -> dict[str, Any]:
    """The trigger's event, if it comes soon.

    Raises:
        TaskDeferred: it doesn't. The method of the task then gets it.
    """
    now = time.time()
    event = asyncio.run(trigger.watch(now + INLINE_SECONDS))
    if event is not None:
        return event
    # The trigger gives up first, and says what it waited for.
    timeout = timedelta(seconds=trigger.deadline - now + 60)
    raise TaskDeferred(trigger=trigger, method_name=method_name, timeout=timeout)


def seen(event: dict[str, Any]) -> dict[str, Any]:
    """What a trigger saw, with what it kept as `kept`.

    Raises:
        WaitedInVain: its deadline passed first.
        AirflowException: there was nothing more to wait for.
    """
    if event["status"] == TIMEOUT:
        raise WaitedInVain(event["message"])
    if event["status"] == FAILURE:
        raise AirflowException(event["message"])
    return {key: value for key, value in event.items() if key != "status"}
