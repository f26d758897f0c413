"""CloudFormation stacks by change set: create, update, leave alone, preview, recover, delete.

One stack at a time, and no knowledge of which stacks there are (see ``salesflow.deployment``).
Whatever takes minutes is started here and awaited elsewhere, so that a deferrable Airflow
operator and a blocking command line can share it:

    step = start_deploy(client, name, body, parameters)   # Busy: await it, then start again
    ...                                                   # poll(client, step.stack_id).settled
    raise_if_failed(client, step)

A failed update is rolled back by CloudFormation: the stack stays as it was.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-changesets.html
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import ClientError

from salesflow.change_sets import Change, changes_in, finished_change_set
from salesflow.patience import Patience
from salesflow.stack_state import (
    StackFailed,
    events_after,
    find_stack,
    is_settled,
    newest_event_id,
    poll,
    wait_until_settled,
)

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import StackTypeDef

Operation = Literal["create", "update", "delete"]

MAX_TEMPLATE_BYTES = 51_200
"""Size of a template that a request may carry.
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html"""

_CAPABILITIES: list[Literal["CAPABILITY_IAM"]] = ["CAPABILITY_IAM"]  # roles, none of them named
_UPDATABLE = {
    "CREATE_COMPLETE",
    "UPDATE_COMPLETE",
    "UPDATE_ROLLBACK_COMPLETE",
    "IMPORT_COMPLETE",
    "IMPORT_ROLLBACK_COMPLETE",
}
_SUCCESS = {"create": "CREATE_COMPLETE", "update": "UPDATE_COMPLETE", "delete": "DELETE_COMPLETE"}
_NO_CHANGE = ("didn't contain changes", "No updates are to be performed")
_BY_HAND = {
    "UPDATE_ROLLBACK_FAILED": "continue the rollback first "
    "(aws cloudformation continue-update-rollback), having mended what it stumbled over",
    "ROLLBACK_FAILED": "its creation failed and some resources couldn't be removed: "
    "delete the stack first",
    "DELETE_FAILED": "delete the stack first; what kept it from being deleted is named below",
}


class TemplateTooLarge(ValueError):
    """A template is larger than a request to CloudFormation may be."""


@dataclass(frozen=True)
class Started:
    """An operation under way. After it: ``raise_if_failed``.

    Attributes:
        after_event: id of the newest event before the operation, None if there was none.
    """

    stack_name: str
    stack_id: str
    operation: Operation
    after_event: str | None = None
    changes: tuple[Change, ...] = ()


@dataclass(frozen=True)
class Busy:
    """Another operation is under way; when it is over, start again."""

    stack_name: str
    stack_id: str
    status: str


@dataclass(frozen=True)
class NoChange:
    """The stack is what the template says already."""

    stack_name: str


@dataclass(frozen=True)
class Preview:
    """What a deployment would change. Nothing was changed."""

    stack_name: str
    operation: Operation
    changes: tuple[Change, ...]


@dataclass(frozen=True)
class DeployResult:
    """What a deployment of one stack came to."""

    stack_name: str
    outcome: Literal["created", "updated", "unchanged", "previewed"]
    changes: tuple[Change, ...] = ()


def start_deploy(
    client: CloudFormationClient,
    name: str,
    template_body: str,
    parameters: Mapping[str, str],
    *,
    tags: Mapping[str, str] | None = None,
    preview: bool = False,
    patience: Patience | None = None,
) -> Started | NoChange | Preview | Busy:
    """Make a change set of a template and, unless it is empty or a preview, execute it.

    What a failed creation left behind (ROLLBACK_COMPLETE: a stack that never held anything) is
    deleted first, even for a preview; that too is answered by Busy.

    Args:
        parameters: values of the template's parameters; one that isn't given gets its default.
        preview: show the change set and remove it, with the stack if that was only made for it.
        patience: for the change set alone, which takes seconds.

    Raises:
        TemplateTooLarge: before anything is asked.
        StackFailed: the template is refused, or the stack is in a state that needs a person.
    """
    _check_size(name, template_body)
    patience = patience or Patience()
    stack = find_stack(client, name)
    if stack is not None and (busy := _make_way(client, stack)):
        return busy
    operation: Operation = "create" if stack is None or _is_shell(stack) else "update"
    try:
        created = client.create_change_set(
            StackName=name,
            ChangeSetName=f"deploy-{uuid.uuid4().hex}",
            ChangeSetType="CREATE" if operation == "create" else "UPDATE",
            TemplateBody=template_body,
            Parameters=[
                {"ParameterKey": key, "ParameterValue": value}
                for key, value in sorted(parameters.items())
            ],
            Capabilities=_CAPABILITIES,
            Tags=[{"Key": key, "Value": value} for key, value in sorted((tags or {}).items())],
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        message = error.response["Error"]["Message"]
        if stack is not None and "_IN_PROGRESS state" in message:  # somebody was faster
            return Busy(name, stack["StackId"], poll(client, stack["StackId"]).status)
        status = stack["StackStatus"] if stack else None
        raise StackFailed(name, status, f"the template is refused: {message}") from error
    change_set_id, stack_id = created["Id"], created["StackId"]
    change_set = finished_change_set(client, change_set_id, patience)
    keep = False
    try:
        if change_set["Status"] == "FAILED":
            reason = change_set.get("StatusReason", "")
            if operation == "update" and any(phrase in reason for phrase in _NO_CHANGE):
                return NoChange(name)
            raise StackFailed(name, None, f"the change set failed: {reason}")
        changes = changes_in(client, change_set_id)
        if preview:
            return Preview(name, operation, changes)
        before = newest_event_id(client, stack_id)
        client.execute_change_set(
            ChangeSetName=change_set_id, ClientRequestToken=change_set["ChangeSetName"]
        )
        keep = True
        return Started(name, stack_id, operation, before, changes)
    finally:
        if not keep:
            client.delete_change_set(ChangeSetName=change_set_id)
            if stack is None:
                _delete_shell(client, stack_id, patience)


def start_delete(client: CloudFormationClient, name: str) -> Started | Busy | None:
    """Delete a stack, or join its deletion. None if there is no such stack.

    Buckets must be empty, and stacks that use it gone. A stack whose deletion failed is tried
    again.
    """
    stack = find_stack(client, name)
    if stack is None:
        return None
    stack_id, status = stack["StackId"], stack["StackStatus"]
    if status == "DELETE_IN_PROGRESS":
        return Started(name, stack_id, "delete")
    if not is_settled(status):
        return Busy(name, stack_id, status)
    before = newest_event_id(client, stack_id)
    client.delete_stack(StackName=stack_id)
    return Started(name, stack_id, "delete", before)


def raise_if_failed(client: CloudFormationClient, started: Started) -> None:
    """Judge a finished operation.

    Raises:
        StackFailed: with the events of this operation, the failures first.
        ValueError: the operation isn't finished.
    """
    state = poll(client, started.stack_id)
    if not state.settled:
        raise ValueError(f"{started.stack_name} is still {state.status}")
    if state.status == _SUCCESS[started.operation]:
        return
    reason = f"{started.operation} ended in {state.status}"
    if state.status == "UPDATE_ROLLBACK_COMPLETE":
        reason += "; the stack is as it was before"
    if state.reason:
        reason += f" ({state.reason})"
    events = events_after(client, started.stack_id, started.after_event)
    raise StackFailed(started.stack_name, state.status, reason, events)


def deploy_stack(
    client: CloudFormationClient,
    name: str,
    template_body: str,
    parameters: Mapping[str, str],
    *,
    tags: Mapping[str, str] | None = None,
    preview: bool = False,
    patience: Patience | None = None,
) -> DeployResult:
    """Deploy a stack and wait for it: ``start_deploy`` to ``raise_if_failed``.

    Raises:
        TemplateTooLarge, StackFailed: as those do.
        TimeoutError: names what was waited for.
    """
    patience = patience or Patience()

    start = partial(
        start_deploy,
        client,
        name,
        template_body,
        parameters,
        tags=tags,
        preview=preview,
        patience=patience,
    )
    while isinstance(step := start(), Busy):
        wait_until_settled(client, step.stack_id, patience)
    if isinstance(step, NoChange):
        return DeployResult(name, "unchanged")
    if isinstance(step, Preview):
        return DeployResult(name, "previewed", step.changes)
    wait_until_settled(client, step.stack_id, patience)
    raise_if_failed(client, step)
    outcome: Literal["created", "updated"] = "created" if step.operation == "create" else "updated"
    return DeployResult(name, outcome, step.changes)


def delete_stack(
    client: CloudFormationClient, name: str, *, patience: Patience | None = None
) -> bool:
    """Delete a stack and wait for it. False if there was none.

    Raises:
        StackFailed: something in it couldn't be deleted; the events say what.
        TimeoutError: names what was waited for.
    """
    patience = patience or Patience()

    while isinstance(step := start_delete(client, name), Busy):
        wait_until_settled(client, step.stack_id, patience)
    if step is None:
        return False
    wait_until_settled(client, step.stack_id, patience)
    raise_if_failed(client, step)
    return True


def _is_shell(stack: StackTypeDef) -> bool:
    """Whether it is the empty stack that the change set of a new stack brings with it."""
    return stack["StackStatus"] == "REVIEW_IN_PROGRESS"


def _make_way(client: CloudFormationClient, stack: StackTypeDef) -> Busy | None:
    """None if a change set can be made for this stack now, else what to wait for."""
    name, stack_id, status = stack["StackName"], stack["StackId"], stack["StackStatus"]
    if not is_settled(status):
        return Busy(name, stack_id, status)
    if status == "ROLLBACK_COMPLETE":
        client.delete_stack(StackName=stack_id)
        return Busy(name, stack_id, "DELETE_IN_PROGRESS")
    if _is_shell(stack) or status in _UPDATABLE:
        return None
    advice = _BY_HAND.get(status, "it needs a person")
    reason = f"can't be deployed while it is {status}: {advice}"
    raise StackFailed(name, status, reason, events_after(client, stack_id, None))


def _check_size(name: str, template_body: str) -> None:
    size = len(template_body.encode())
    if size > MAX_TEMPLATE_BYTES:
        raise TemplateTooLarge(
            f"the template of {name} has {size:,} bytes, and CloudFormation takes "
            f"{MAX_TEMPLATE_BYTES:,} in a request: split it into two stacks"
        )


def _delete_shell(client: CloudFormationClient, stack_id: str, patience: Patience) -> None:
    stack = find_stack(client, stack_id)
    if stack is None or not _is_shell(stack):
        return
    client.delete_stack(StackName=stack_id)

    def look() -> bool | None:
        shell = find_stack(client, stack_id)
        return True if shell is None or shell["StackStatus"] == "DELETE_COMPLETE" else None

    patience.wait(f"the empty stack {stack_id} to be deleted", look)
