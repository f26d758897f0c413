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
_FAILED: Final = {
    "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
}


def progress(events: Mapping[Scope, list[Any]]) -> str:
    """Differs whenever an operation has come further."""
    return ",".join(f"{scope[2]}:{len(found)}" for scope, found in events.items())


def interrupt(
    stacks: Mapping[Scope, dict[str, Any]], events: Mapping[Scope, list[Any]], now: str
) -> bool:
    """End the operations that were under way: nobody is there to finish them.

    A stack whose creation or deletion failed can be deleted, one whose update failed can be
    updated (https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/stack-failure-options.html).

    Returns:
        whether there were any.
    """
    found = False
    for (account, region, _), stack in stacks.items():
        status = stack["StackStatus"]
        if not status.endswith(_UNDER_WAY) or status == _WAITING:
            continue
        found = True
        stack["StackStatus"] = _FAILED.get(status, status.removesuffix(_UNDER_WAY) + "_FAILED")
        stack["StackStatusReason"] = REASON
        stack_id = stack["StackId"]
        told = events.get((account, region, stack_id))
        if told is not None:
            told.append(
                {
                    "StackId": stack_id,
                    "StackName": stack["StackName"],
                    "EventId": str(uuid4()),
                    "LogicalResourceId": stack["StackName"],
                    "PhysicalResourceId": stack_id,
                    "ResourceType": "AWS::CloudFormation::Stack",
                    "ResourceStatus": stack["StackStatus"],
                    "ResourceStatusReason": REASON,
                    "Timestamp": now,
                }
            )
    return found
