"""What CloudFormation says about a stack: its state, its history, and what went wrong."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from salesflow.patience import Patience

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef


@dataclass(frozen=True)
class Event:
    """One line of a stack's history."""

    logical_id: str
    resource_type: str
    status: str
    reason: str

    @property
    def failed(self) -> bool:
        """Whether it is a cause: what was cancelled because of another failure is not."""
        return self.status.endswith("FAILED") and "cancelled" not in self.reason

    def __str__(self) -> str:
        line = f"{self.logical_id} ({self.resource_type}) {self.status}"
        return f"{line}: {self.reason}" if self.reason else line


class StackFailed(Exception):
    """A stack didn't reach the state that was asked for.

    Attributes:
        stack_name: which stack.
        status: the state it is in, if it exists.
        events: what happened, the failures first.
    """

    def __init__(
        self, stack_name: str, status: str | None, reason: str, events: Iterable[Event] = ()
    ) -> None:
        self.stack_name = stack_name
        self.status = status
        self.events = tuple(sorted(events, key=lambda event: not event.failed))
        lines = [f"{stack_name}: {reason}", *(f"  {event}" for event in self.events)]
        super().__init__("\n".join(lines))


@dataclass(frozen=True)
class StackState:
    """State of a stack at a moment."""

    stack_id: str
    status: str
    reason: str = ""

    @property
    def settled(self) -> bool:
        """Whether no operation is under way."""
        return is_settled(self.status)


def is_settled(status: str) -> bool:
    """Whether no operation is under way in a stack of this status."""
    # A stack under review has change sets only: nothing happens until somebody executes one.
    return status == "REVIEW_IN_PROGRESS" or not status.endswith("_IN_PROGRESS")


def find_stack(client: CloudFormationClient, name_or_id: str) -> StackTypeDef | None:
    """The stack, or None if there is none. By name, a deleted stack counts as none."""
    try:
        return client.describe_stacks(StackName=name_or_id)["Stacks"][0]
    except ClientError as error:
        if "does not exist" in error.response["Error"]["Message"]:
            return None
        raise


def poll(client: CloudFormationClient, stack_id: str) -> StackState:
    """The state of a stack, deleted or not.

    Args:
        stack_id: its ARN; a name no longer finds a stack once it is deleted.

    Raises:
        StackFailed: there never was such a stack.
    """
    stack = find_stack(client, stack_id)
    if stack is None:
        raise StackFailed(stack_id, None, "there is no such stack")
    return StackState(stack["StackId"], stack["StackStatus"], stack.get("StackStatusReason", ""))


def wait_until_settled(
    client: CloudFormationClient, stack_id: str, patience: Patience
) -> StackState:
    """Wait until no operation is under way in a stack.

    Raises:
        TimeoutError: it took longer than the patience lasts.
    """

    def look() -> StackState | None:
        state = poll(client, stack_id)
        return state if state.settled else None

    return patience.wait(f"{stack_id} to settle", look)


def newest_event_id(client: CloudFormationClient, stack_id: str) -> str | None:
    """Id of the newest event of a stack, to tell later what came after it."""
    events = client.describe_stack_events(StackName=stack_id)["StackEvents"]
    return events[0]["EventId"] if events else None


def events_after(
    client: CloudFormationClient, stack_id: str, after_event: str | None
) -> list[Event]:
    """The events of a stack, the oldest first, from after a given one."""
    found: list[Event] = []
    for page in client.get_paginator("describe_stack_events").paginate(StackName=stack_id):
        for event in page["StackEvents"]:
            if event["EventId"] == after_event:
                return found[::-1]
            found.append(
                Event(
                    logical_id=event.get("LogicalResourceId", ""),
                    resource_type=event.get("ResourceType", ""),
                    status=event.get("ResourceStatus", ""),
                    reason=event.get("ResourceStatusReason", ""),
                )
            )
    return found[::-1]
