"""The deploy operator: from whatever state, one run makes a stack what its template says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from localaws.server import LocalAws
from salesflow_airflow.operators.deploy_stack import DeployStackOperator
from task_runs import run_task

STORAGE = """
Parameters:
  Stage: {Type: String, Default: dev}
Resources:
  Lake: {Type: AWS::S3::Bucket}
Outputs:
  LakeBucketName: {Value: !Ref Lake}
"""
STREAMING = """
Parameters:
  LakeBucketName: {Type: String}
  QueueName: {Type: String, Default: orders}
Resources:
  Queue:
    Type: AWS::SQS::Queue
    Properties:
      QueueName: !Ref QueueName
      Tags: [{Key: lake, Value: !Ref LakeBucketName}]
"""
# Passes every check of a change set and fails when it is made.
BROKEN = """
  Broken:
    Type: AWS::IAM::Policy
    Properties:
      PolicyName: nobody
      Roles: [a-role-that-is-nowhere]
      PolicyDocument:
        Version: "2012-10-17"
        Statement: [{Effect: Deny, Action: s3:PutObject, Resource: "*"}]
"""


@pytest.fixture
def templates(tmp_path: Path) -> Path:
    (tmp_path / "storage.yaml").write_text(STORAGE)
    (tmp_path / "streaming.yaml").write_text(STREAMING)
    return tmp_path


def deploy(templates: Path, stack: str = "storage", **arguments: Any) -> Any:
    operator = DeployStackOperator(
        task_id=f"deploy_{stack}",
        stack=stack,
        prefix="salesflow-test",
        templates=templates,
        **{"overrides": {}, **arguments},
    )
    return run_task(operator)


def stacks(aws: LocalAws) -> dict[str, str]:
    answer = aws.aws.client("cloudformation").describe_stacks()
    return {stack["StackName"]: stack["StackStatus"] for stack in answer["Stacks"]}


def test_a_missing_stack_is_created_and_then_left_alone(
    aws_default: LocalAws, templates: Path
) -> None:
    created = deploy(templates)
    assert created["outcome"] == "created"
    assert created["changes"] == ["Add Lake (AWS::S3::Bucket)"]
    assert deploy(templates)["outcome"] == "unchanged"


def test_an_earlier_stacks_outputs_are_a_later_ones_parameters(
    aws_default: LocalAws, templates: Path
) -> None:
    deploy(templates)
    deploy(templates, "streaming", overrides={"QueueName": "changes"})
    sqs = aws_default.aws.client("sqs")
    [bucket] = aws_default.aws.client("s3").list_buckets()["Buckets"]
    url = sqs.get_queue_url(QueueName="changes")["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"]["lake"] == bucket["Name"]


def test_a_change_updates_the_stack(aws_default: LocalAws, templates: Path) -> None:
    deploy(templates)
    (templates / "storage.yaml").write_text(
        STORAGE.replace("Outputs:", "  Artefacts: {Type: AWS::S3::Bucket}\nOutputs:")
    )
    updated = deploy(templates)
    assert updated["outcome"] == "updated"
    assert "Add Artefacts (AWS::S3::Bucket)" in updated["changes"]


def test_a_preview_shows_the_changes_and_makes_none(aws_default: LocalAws, templates: Path) -> None:
    preview = deploy(templates, preview=True)
    assert preview["outcome"] == "previewed"
    assert preview["changes"] == ["Add Lake (AWS::S3::Bucket)"]
    assert aws_default.aws.client("s3").list_buckets()["Buckets"] == []


def test_what_needs_outputs_of_a_missing_stack_can_not_be_previewed_and_says_so(
    aws_default: LocalAws, templates: Path
) -> None:
    with pytest.raises(AirflowSkipException, match="outputs of stacks that aren't there yet"):
        deploy(templates, "streaming", preview=True)
    with pytest.raises(AirflowFailException, match="no stack salesflow-test-storage"):
        deploy(templates, "streaming")


def test_an_unknown_parameter_is_named_before_anything_is_asked(
    aws_default: LocalAws, templates: Path
) -> None:
    with pytest.raises(AirflowFailException, match="no such parameter: Shards"):
        deploy(templates, overrides={"Shards": "2"})
    assert stacks(aws_default) == {}


def test_a_failed_update_shows_its_events_and_leaves_the_stack_as_it_was(
    aws_default: LocalAws, templates: Path
) -> None:
    deploy(templates)
    deploy(templates, "streaming")
    (templates / "streaming.yaml").write_text(STREAMING + BROKEN)
    with pytest.raises(AirflowFailException) as failure:
        deploy(templates, "streaming")
    assert "the stack is as it was before" in str(failure.value)
    assert "Broken (AWS::IAM::Policy)" in str(failure.value)
    (templates / "streaming.yaml").write_text(STREAMING)
    assert deploy(templates, "streaming")["outcome"] == "unchanged"


def test_a_failed_creation_does_not_stand_in_the_way_of_the_next(
    aws_default: LocalAws, templates: Path
) -> None:
    (templates / "storage.yaml").write_text(STORAGE.replace("Outputs:", f"{BROKEN}Outputs:"))
    with pytest.raises(AirflowFailException, match=r"Broken .* CREATE_FAILED"):
        deploy(templates)
    (templates / "storage.yaml").write_text(STORAGE)
    assert deploy(templates)["outcome"] == "created"
