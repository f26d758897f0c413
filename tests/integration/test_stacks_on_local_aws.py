"""Stacks come, change, stay and go on a CloudFormation that really makes the resources."""

from __future__ import annotations

from typing import Any

import pytest

from localaws.server import LocalAws
from salesflow.patience import Patience
from salesflow.stack_state import StackFailed, find_stack
from salesflow.stacks import DeployResult, delete_stack, deploy_stack, start_deploy

NAME = "stacks-under-test"
QUICK = Patience(timeout=30, interval=0.02)
TEMPLATE = """
Parameters:
  Seconds: {Type: Number}
Resources:
  Files:
    Type: AWS::S3::Bucket
  Mail:
    Type: AWS::SQS::Queue
    Properties:
      VisibilityTimeout: !Ref Seconds
Outputs:
  MailUrl: {Value: !Ref Mail}
  FilesName: {Value: !Ref Files}
"""
# Passes every check of a change set and fails when it is made, after the queue was changed.
BROKEN = TEMPLATE.replace(
    "Outputs:",
    """
  Policy:
    Type: AWS::IAM::Policy
    DependsOn: Mail
    Properties:
      PolicyName: nobody
      Roles: [a-role-that-is-nowhere]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Deny, Action: s3:PutObject, Resource: "*"}]
Outputs:
""",
)


@pytest.fixture
def cloudformation(local_aws: LocalAws) -> Any:
    return local_aws.aws.client("cloudformation")


@pytest.fixture
def sqs(local_aws: LocalAws) -> Any:
    return local_aws.aws.client("sqs")


def deploy(client: Any, body: str, seconds: int, *, preview: bool = False) -> DeployResult:
    parameters = {"Seconds": str(seconds)}
    return deploy_stack(client, NAME, body, parameters, preview=preview, patience=QUICK)


def output(client: Any, key: str) -> str:
    stack = find_stack(client, NAME)
    assert stack is not None
    (value,) = (o["OutputValue"] for o in stack["Outputs"] if o["OutputKey"] == key)
    return value


def visibility(client: Any, sqs: Any) -> str:
    answer = sqs.get_queue_attributes(
        QueueUrl=output(client, "MailUrl"), AttributeNames=["VisibilityTimeout"]
    )
    return str(answer["Attributes"]["VisibilityTimeout"])


def open_change_sets(client: Any) -> list[str]:
    """What waits to be executed; an executed change set stays as a record."""
    summaries = client.list_change_sets(StackName=NAME)["Summaries"]
    return [s["ChangeSetName"] for s in summaries if s["ExecutionStatus"] != "EXECUTE_COMPLETE"]


def test_a_stack_is_created_with_its_resources(cloudformation: Any, sqs: Any) -> None:
    result = deploy(cloudformation, TEMPLATE, 30)
    assert result.outcome == "created"
    assert sorted(change.logical_id for change in result.changes) == ["Files", "Mail"]
    assert visibility(cloudformation, sqs) == "30"


def test_deploying_again_changes_nothing(cloudformation: Any) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    bucket = output(cloudformation, "FilesName")
    assert deploy(cloudformation, TEMPLATE, 30).outcome == "unchanged"
    assert output(cloudformation, "FilesName") == bucket
    assert open_change_sets(cloudformation) == []


def test_a_changed_parameter_updates_the_one_resource(cloudformation: Any, sqs: Any) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    result = deploy(cloudformation, TEMPLATE, 60)
    assert result.outcome == "updated"
    assert [str(change) for change in result.changes] == [
        "Modify Mail (AWS::SQS::Queue): VisibilityTimeout"
    ]
    assert visibility(cloudformation, sqs) == "60"


def test_a_preview_of_a_new_stack_makes_none(cloudformation: Any) -> None:
    assert deploy(cloudformation, TEMPLATE, 30, preview=True).outcome == "previewed"
    assert find_stack(cloudformation, NAME) is None


def test_a_preview_of_an_update_changes_nothing(cloudformation: Any, sqs: Any) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    result = deploy(cloudformation, TEMPLATE, 60, preview=True)
    assert [change.logical_id for change in result.changes] == ["Mail"]
    assert visibility(cloudformation, sqs) == "30"
    assert open_change_sets(cloudformation) == []


def test_a_failed_update_says_why_and_leaves_the_stack_as_it_was(
    cloudformation: Any, sqs: Any
) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    with pytest.raises(StackFailed, match="the stack is as it was before") as failure:
        deploy(cloudformation, BROKEN, 60)
    first = str(failure.value).splitlines()[1]
    assert "Policy (AWS::IAM::Policy)" in first
    assert "a-role-that-is-nowhere" in first
    assert visibility(cloudformation, sqs) == "30"


def test_after_a_failed_update_the_stack_can_be_updated(cloudformation: Any, sqs: Any) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    with pytest.raises(StackFailed):
        deploy(cloudformation, BROKEN, 60)
    assert deploy(cloudformation, TEMPLATE, 60).outcome == "updated"
    assert visibility(cloudformation, sqs) == "60"


def test_after_a_failed_creation_the_stack_is_created_anew(cloudformation: Any) -> None:
    with pytest.raises(StackFailed, match="create ended in ROLLBACK_COMPLETE"):
        deploy(cloudformation, BROKEN, 30)
    stack = find_stack(cloudformation, NAME)
    assert stack is not None
    assert stack["StackStatus"] == "ROLLBACK_COMPLETE"
    assert deploy(cloudformation, TEMPLATE, 30).outcome == "created"


def test_a_refused_template_leaves_no_stack(cloudformation: Any) -> None:
    with pytest.raises(StackFailed, match="AWS::Nothing::AtAll"):
        start_deploy(cloudformation, NAME, "Resources: {X: {Type: AWS::Nothing::AtAll}}", {})
    assert find_stack(cloudformation, NAME) is None


def test_a_stack_is_deleted_once(cloudformation: Any) -> None:
    deploy(cloudformation, TEMPLATE, 30)
    assert delete_stack(cloudformation, NAME, patience=QUICK) is True
    assert find_stack(cloudformation, NAME) is None
    assert delete_stack(cloudformation, NAME, patience=QUICK) is False
