"""CloudFormation's stacks: how far their operations are, and which of them a kill interrupted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from uuid import uuid4

from localaws.durable.scoped import Scope

REASON: Final = "The local AWS was stopped during the operation. Repeat it."
#: A change set that waits to be executed isn't under way.
_WAITING: Final = "REVIEW_IN_PROGRESS"
_UNDER_WAY: Final = "_IN_PROGRESS"
#: What an operation that can't go on becomes, where it isn't its own name with FAILED.
_BECOMES: Final = {
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
}
_UPDATING: Final = frozenset({"UPDATE_IN_PROGRESS", "UPDATE_ROLLBACK_IN_PROGRESS"})
_INTERRUPTED_UPDATE: Final = "UPDATE_ROLLBACK_COMPLETE"
_STACK: Final = "AWS::CloudFormation::Stack"


def progress(events: Mapping[Scope, list[Any]]) -> str:
    """Differs whenever an operation has come further."""
    return ",".join(f"{scope[2]}:{len(found)}" for scope, found in events.items())


def being_updated(stacks: Mapping[Scope, dict[str, Any]]) -> list[str]:
    """The names of the stacks that must be found after a kill as they were before their update:
    repeated, it then changes all that it would have changed."""
    return [scope[2] for scope, stack in stacks.items() if stack["StackStatus"] in _UPDATING]


def interrupt(
    stacks: Mapping[Scope, dict[str, Any]], events: Mapping[Scope, list[Any]], now: str
) -> bool:
    """End the operations that were under way: nobody is there to finish them.

    A stack whose creation or deletion failed can be deleted, one whose update was rolled back can
    be updated
    (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html).

    Returns:
        whether there were any.
    """
    found = False
    for (account, region, _), stack in stacks.items():
        told = events.get((account, region, stack["StackId"]), [])
        status = stack["StackStatus"]
        last = next((e["ResourceStatus"] for e in reversed(told) if _is_of(stack, e)), status)
        if status in _UPDATING or (last in _UPDATING and not status.endswith(_UNDER_WAY)):
            becomes = _INTERRUPTED_UPDATE
        elif status.endswith(_UNDER_WAY) and status != _WAITING:
            becomes = _BECOMES.get(status, status.removesuffix(_UNDER_WAY) + "_FAILED")
        else:
            continue
        found = True
        stack |= {"StackStatus": becomes, "StackStatusReason": REASON}
        told.append(
            {
                "StackId": stack["StackId"],
                "StackName": stack["StackName"],
                "EventId": str(uuid4()),
                "LogicalResourceId": stack["StackName"],
                "PhysicalResourceId": stack["StackId"],
                "ResourceType": _STACK,
                "ResourceStatus": becomes,
                "ResourceStatusReason": REASON,
                "Timestamp": now,
            }
        )
    return found


def _is_of(stack: Mapping[str, Any], event: Mapping[str, Any]) -> bool:
    """Whether an event is the stack's own, and not that of a resource."""
    return bool(event["ResourceType"] == _STACK and event["PhysicalResourceId"] == stack["StackId"])
