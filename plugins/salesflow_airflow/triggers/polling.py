"""A trigger that asks AWS again and again, and says what it waited for when it gives up."""

from __future__ import annotations

import asyncio
import time
from abc import abstractmethod
from collections.abc import AsyncIterator
from typing import Any, ClassVar

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk.exceptions import AirflowException
from airflow.triggers.base import BaseTrigger, TriggerEvent

SUCCESS = "success"
TIMEOUT = "timeout"
FAILURE = "failure"


class WaitedInVain(AirflowException):
    """A deadline passed; the message says what was waited for."""


class PollingTrigger(BaseTrigger):
    """Looks until there is something to see; its event is what was seen.

    Args:
        deadline: epoch seconds at which it gives up. Not a duration, so that a restart of the
            triggerer doesn't begin the wait anew.
        poll_seconds: how often to look.
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
        poll_seconds: float = 2.0,
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
        hook = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type=self.service)
        async with await hook.get_async_conn() as client:
            while True:
                now = time.time()
                try:
                    seen = await self.look(client, now)
                except self.failures as failure:
                    yield TriggerEvent(
                        {"status": FAILURE, "message": str(failure), "kept": self.kept}
                    )
                    return
                if seen is not None:
                    yield TriggerEvent({"status": SUCCESS, **seen, "kept": self.kept})
                    return
                if now >= self.deadline:
                    message = f"waited in vain for {self.waiting_for()}"
                    yield TriggerEvent({"status": TIMEOUT, "message": message, "kept": self.kept})
                    return
                await asyncio.sleep(self.poll_seconds)


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
