"""Deploying a stack by change set, answer by answer, as CloudFormation gives them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.stub import ANY, Stubber

from salesflow.patience import Patience
from salesflow.stack_state import StackFailed
from salesflow.stacks import (
    MAX_TEMPLATE_BYTES,
    Busy,
    NoChange,
    Preview,
    Started,
    TemplateTooLarge,
    deploy_stack,
    raise_if_failed,
    start_deploy,
)

NAME = "salesflow-dev-storage"
STACK_ID = f"arn:aws:cloudformation:us-east-1:123456789012:stack/{NAME}/5e3"
CHANGE_SET_ID = "arn:aws:cloudformation:us-east-1:123456789012:changeSet/deploy-1/7a1"
BODY = "Resources: {LakeBucket: {Type: AWS::S3::Bucket}}"
ABSENT = f"Stack with id {NAME} does not exist"
CREATED_AT = "2026-07-10T14:05:24Z"


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with Stubber(boto3.client("cloudformation", region_name="us-east-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


@pytest.fixture
def patience() -> Patience:
    """Ten looks, and no time passes."""
    now = iter(range(1000))
    return Patience(timeout=10, interval=1, sleep=lambda _: None, clock=lambda: float(next(now)))


def finds(stubber: Stubber, status: str | None, name: str = NAME, reason: str = "") -> None:
    if status is None:
        stubber.add_client_error("describe_stacks", "ValidationError", ABSENT)
        return
    stack = {
        "StackName": NAME,
        "StackId": STACK_ID,
        "StackStatus": status,
        "StackStatusReason": reason,
        "CreationTime": CREATED_AT,
    }
    stubber.add_response("describe_stacks", {"Stacks": [stack]}, {"StackName": name})


def creates_change_set(stubber: Stubber, kind: str, **expected: Any) -> None:
    request = {
        "StackName": NAME,
        "ChangeSetName": ANY,
        "ChangeSetType": kind,
        "TemplateBody": BODY,
        "Parameters": [],
        "Capabilities": ["CAPABILITY_IAM"],
        "Tags": [],
    }
    answer = {"Id": CHANGE_SET_ID, "StackId": STACK_ID}
    stubber.add_response("create_change_set", answer, request | expected)


def describes_change_set(
    stubber: Stubber, status: str, reason: str = "", changes: list[Any] | None = None
) -> None:
    answer = {"ChangeSetName": "deploy-1", "Status": status, "Changes": changes or []}
    if reason:
        answer["StatusReason"] = reason
    stubber.add_response("describe_change_set", answer, {"ChangeSetName": CHANGE_SET_ID})


def deletes_change_set(stubber: Stubber) -> None:
    stubber.add_response("delete_change_set", {}, {"ChangeSetName": CHANGE_SET_ID})


def deletes_stack(stubber: Stubber) -> None:
    stubber.add_response("delete_stack", {}, {"StackName": STACK_ID})


def event(event_id: str, logical_id: str, status: str, reason: str = "") -> dict[str, Any]:
    return {
        "StackId": STACK_ID,
        "EventId": event_id,
        "StackName": NAME,
        "LogicalResourceId": logical_id,
        "ResourceType": "AWS::S3::Bucket",
        "Timestamp": CREATED_AT,
        "ResourceStatus": status,
        "ResourceStatusReason": reason,
    }


def tells_events(stubber: Stubber, *events: dict[str, Any]) -> None:
    """The newest first, as CloudFormation has them."""
    answer = {"StackEvents": list(events)}
    stubber.add_response("describe_stack_events", answer, {"StackName": STACK_ID})


def executes_change_set(stubber: Stubber) -> None:
    tells_events(stubber, event("e1", NAME, "REVIEW_IN_PROGRESS"))
    request = {"ChangeSetName": CHANGE_SET_ID, "ClientRequestToken": "deploy-1"}
    stubber.add_response("execute_change_set", {}, request)


ADDED = {
    "Type": "Resource",
    "ResourceChange": {
        "Action": "Add",
        "LogicalResourceId": "LakeBucket",
        "ResourceType": "AWS::S3::Bucket",
    },
}
REPLACED = {
    "Type": "Resource",
    "ResourceChange": {
        "Action": "Modify",
        "LogicalResourceId": "OrdersTable",
        "ResourceType": "AWS::DynamoDB::Table",
        "Replacement": "True",
        "Details": [
            {"Target": {"Attribute": "Properties", "Name": "KeySchema"}},
            {"Target": {"Attribute": "Tags"}},
            {"Target": {"Attribute": "Tags"}},
        ],
    },
}


def test_a_new_stack_is_created(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, None)
    creates_change_set(
        stubber,
        "CREATE",
        Parameters=[{"ParameterKey": "Stage", "ParameterValue": "dev"}],
        Tags=[{"Key": "project", "Value": "salesflow"}],
    )
    describes_change_set(stubber, "CREATE_PENDING")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED])
    executes_change_set(stubber)
    finds(stubber, "CREATE_IN_PROGRESS", STACK_ID)
    finds(stubber, "CREATE_COMPLETE", STACK_ID)
    finds(stubber, "CREATE_COMPLETE", STACK_ID)
    result = deploy_stack(
        stubber.client,
        NAME,
        BODY,
        {"Stage": "dev"},
        tags={"project": "salesflow"},
        patience=patience,
    )
    assert result.outcome == "created"
    assert [str(change) for change in result.changes] == ["Add LakeBucket (AWS::S3::Bucket)"]


def test_a_stack_is_updated(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, "UPDATE_ROLLBACK_COMPLETE")
    creates_change_set(stubber, "UPDATE")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED])
    executes_change_set(stubber)
    started = start_deploy(stubber.client, NAME, BODY, {}, patience=patience)
    assert isinstance(started, Started)
    assert (started.operation, started.stack_id, started.after_event) == ("update", STACK_ID, "e1")


@pytest.mark.parametrize(
    "reason",
    [
        "The submitted information didn't contain changes. "
        "Submit different information to create a change set.",
        "No updates are to be performed.",
    ],
)
def test_no_change_is_a_success_and_leaves_no_change_set(
    stubber: Stubber, patience: Patience, reason: str
) -> None:
    finds(stubber, "UPDATE_COMPLETE")
    creates_change_set(stubber, "UPDATE")
    describes_change_set(stubber, "FAILED", reason)
    deletes_change_set(stubber)
    assert deploy_stack(stubber.client, NAME, BODY, {}, patience=patience).outcome == "unchanged"


def test_no_change_is_told_apart_from_a_start(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, "UPDATE_COMPLETE")
    creates_change_set(stubber, "UPDATE")
    describes_change_set(stubber, "FAILED", "No updates are to be performed.")
    deletes_change_set(stubber)
    assert start_deploy(stubber.client, NAME, BODY, {}, patience=patience) == NoChange(NAME)


def test_a_preview_of_an_update_shows_the_changes_and_makes_none(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, "CREATE_COMPLETE")
    creates_change_set(stubber, "UPDATE")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED, REPLACED])
    deletes_change_set(stubber)
    result = deploy_stack(stubber.client, NAME, BODY, {}, preview=True, patience=patience)
    assert result.outcome == "previewed"
    assert [str(change) for change in result.changes] == [
        "Add LakeBucket (AWS::S3::Bucket)",
        "Modify OrdersTable (AWS::DynamoDB::Table): KeySchema, Tags [REPLACED]",
    ]


def test_a_preview_of_a_new_stack_leaves_no_stack_under_review(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, None)
    creates_change_set(stubber, "CREATE")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED])
    deletes_change_set(stubber)
    finds(stubber, "REVIEW_IN_PROGRESS", STACK_ID)
    deletes_stack(stubber)
    finds(stubber, "DELETE_IN_PROGRESS", STACK_ID)
    finds(stubber, "DELETE_COMPLETE", STACK_ID)
    preview = start_deploy(stubber.client, NAME, BODY, {}, preview=True, patience=patience)
    assert isinstance(preview, Preview)
    assert preview.operation == "create"


def test_a_stack_that_was_left_under_review_is_created(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, "REVIEW_IN_PROGRESS")
    creates_change_set(stubber, "CREATE")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED])
    executes_change_set(stubber)
    started = start_deploy(stubber.client, NAME, BODY, {}, patience=patience)
    assert isinstance(started, Started)
    assert started.operation == "create"


def test_what_a_failed_creation_left_is_deleted_first(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, "ROLLBACK_COMPLETE")
    deletes_stack(stubber)
    step = start_deploy(stubber.client, NAME, BODY, {}, patience=patience)
    assert step == Busy(NAME, STACK_ID, "DELETE_IN_PROGRESS")


def test_after_a_failed_creation_the_stack_is_created_anew(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, "ROLLBACK_COMPLETE")
    deletes_stack(stubber)
    finds(stubber, "DELETE_IN_PROGRESS", STACK_ID)
    finds(stubber, "DELETE_COMPLETE", STACK_ID)
    finds(stubber, None)
    creates_change_set(stubber, "CREATE")
    describes_change_set(stubber, "CREATE_COMPLETE")
    describes_change_set(stubber, "CREATE_COMPLETE", changes=[ADDED])
    executes_change_set(stubber)
    finds(stubber, "CREATE_COMPLETE", STACK_ID)
    finds(stubber, "CREATE_COMPLETE", STACK_ID)
    assert deploy_stack(stubber.client, NAME, BODY, {}, patience=patience).outcome == "created"


@pytest.mark.parametrize(
    ("status", "advice"),
    [
        ("UPDATE_ROLLBACK_FAILED", "continue-update-rollback"),
        ("ROLLBACK_FAILED", "delete the stack first"),
        ("DELETE_FAILED", "delete the stack first"),
    ],
)
def test_a_stack_that_needs_a_person_is_not_touched(
    stubber: Stubber, patience: Patience, status: str, advice: str
) -> None:
    finds(stubber, status)
    tells_events(stubber, event("e9", "LakeBucket", "DELETE_FAILED", "The bucket is not empty"))
    with pytest.raises(StackFailed, match=advice) as failure:
        deploy_stack(stubber.client, NAME, BODY, {}, patience=patience)
    assert "LakeBucket (AWS::S3::Bucket) DELETE_FAILED: The bucket is not empty" in str(
        failure.value
    )


def test_another_operation_is_waited_for(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, "UPDATE_IN_PROGRESS")
    finds(stubber, "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS", STACK_ID)
    finds(stubber, "UPDATE_COMPLETE", STACK_ID)
    finds(stubber, "UPDATE_COMPLETE")
    creates_change_set(stubber, "UPDATE")
    describes_change_set(stubber, "FAILED", "No updates are to be performed.")
    deletes_change_set(stubber)
    assert deploy_stack(stubber.client, NAME, BODY, {}, patience=patience).outcome == "unchanged"


def test_an_operation_that_began_in_between_is_waited_for(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, "UPDATE_COMPLETE")
    refusal = f"Stack:{STACK_ID} is in UPDATE_IN_PROGRESS state and can not be updated."
    stubber.add_client_error("create_change_set", "ValidationError", refusal)
    finds(stubber, "UPDATE_IN_PROGRESS", STACK_ID)
    step = start_deploy(stubber.client, NAME, BODY, {}, patience=patience)
    assert step == Busy(NAME, STACK_ID, "UPDATE_IN_PROGRESS")


def test_an_operation_without_end_is_named_when_patience_ends(stubber: Stubber) -> None:
    seconds = iter([0.0, 5.0, 10.0])
    impatient = Patience(timeout=10, sleep=lambda _: None, clock=lambda: next(seconds))
    finds(stubber, "UPDATE_IN_PROGRESS")
    finds(stubber, "UPDATE_IN_PROGRESS", STACK_ID)
    finds(stubber, "UPDATE_IN_PROGRESS", STACK_ID)
    with pytest.raises(TimeoutError, match=f"waited 10 s for {STACK_ID}"):
        deploy_stack(stubber.client, NAME, BODY, {}, patience=impatient)


def test_a_refused_template_says_why(stubber: Stubber, patience: Patience) -> None:
    finds(stubber, None)
    refusal = "Template format error: Unresolved resource dependencies [Nix]"
    stubber.add_client_error("create_change_set", "ValidationError", refusal)
    with pytest.raises(StackFailed, match=r"Unresolved resource dependencies \[Nix\]"):
        deploy_stack(stubber.client, NAME, BODY, {}, patience=patience)


def test_missing_permission_is_not_taken_for_a_bad_template(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, None)
    stubber.add_client_error("create_change_set", "AccessDenied", "not authorized")
    with pytest.raises(ClientError, match="not authorized"):
        deploy_stack(stubber.client, NAME, BODY, {}, patience=patience)


def test_a_failed_change_set_says_why_and_leaves_nothing(
    stubber: Stubber, patience: Patience
) -> None:
    finds(stubber, None)
    creates_change_set(stubber, "CREATE")
    describes_change_set(stubber, "FAILED", "Parameters: [Nix] must have values")
    deletes_change_set(stubber)
    finds(stubber, "REVIEW_IN_PROGRESS", STACK_ID)
    deletes_stack(stubber)
    finds(stubber, "DELETE_COMPLETE", STACK_ID)
    with pytest.raises(StackFailed, match=r"the change set failed: Parameters: \[Nix\]"):
        deploy_stack(stubber.client, NAME, BODY, {}, patience=patience)


def test_a_failed_update_shows_its_own_events_the_causes_first(stubber: Stubber) -> None:
    finds(stubber, "UPDATE_ROLLBACK_COMPLETE", STACK_ID)
    tells_events(
        stubber,
        event("e6", NAME, "UPDATE_ROLLBACK_COMPLETE"),
        event("e5", "Pipe", "CREATE_FAILED", "Resource creation cancelled"),
        event("e4", "Queue", "CREATE_FAILED", "No permission to create queues"),
        event("e3", "Queue", "CREATE_IN_PROGRESS"),
        event("e2", NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
        event("e1", "Bucket", "CREATE_FAILED", "of an operation before this one"),
    )
    started = Started(NAME, STACK_ID, "update", after_event="e1")
    with pytest.raises(StackFailed) as failure:
        raise_if_failed(stubber.client, started)
    assert str(failure.value).splitlines() == [
        f"{NAME}: update ended in UPDATE_ROLLBACK_COMPLETE; the stack is as it was before",
        "  Queue (AWS::S3::Bucket) CREATE_FAILED: No permission to create queues",
        f"  {NAME} (AWS::S3::Bucket) UPDATE_IN_PROGRESS: User Initiated",
        "  Queue (AWS::S3::Bucket) CREATE_IN_PROGRESS",
        "  Pipe (AWS::S3::Bucket) CREATE_FAILED: Resource creation cancelled",
        f"  {NAME} (AWS::S3::Bucket) UPDATE_ROLLBACK_COMPLETE",
    ]


def test_an_operation_is_not_judged_before_it_ended(stubber: Stubber) -> None:
    finds(stubber, "CREATE_IN_PROGRESS", STACK_ID)
    with pytest.raises(ValueError, match="still CREATE_IN_PROGRESS"):
        raise_if_failed(stubber.client, Started(NAME, STACK_ID, "create"))


def test_a_template_too_large_for_a_request_is_refused_before_asking(stubber: Stubber) -> None:
    body = "#" * (MAX_TEMPLATE_BYTES + 1)
    with pytest.raises(TemplateTooLarge, match=r"has 51,201 bytes.*takes 51,200"):
        deploy_stack(stubber.client, NAME, body, {})
