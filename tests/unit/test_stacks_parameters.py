"""What one stack hands to the next, and what a person may override."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from botocore.stub import Stubber

from salesflow.deployment import (
    ParameterError,
    StackMissing,
    code_parameters,
    overrides_by_stack,
    parameters_for,
    stack_outputs,
    template_parameters,
)
from salesflow.packaging import LambdaPackage

STREAMING = """
Parameters:
  Stage: {Type: String, Default: dev}
  LakeBucketArn: {Type: String}
  ShardCount: {Type: Number, Default: 1}
Resources:
  CdcStream:
    Type: AWS::Kinesis::Stream
    Properties:
      ShardCount: !If [Provisioned, !Ref ShardCount, !Ref AWS::NoValue]
"""
ANALYTICS = "Parameters: {Stage: {Type: String, Default: dev}, Cutoff: {Type: Number}}"
OUTPUTS = {"LakeBucketArn": "arn:aws:s3:::lake", "LakeBucketName": "lake"}


@pytest.fixture
def stubber(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with Stubber(boto3.client("cloudformation", region_name="us-east-1")) as stubber:
        yield stubber
        stubber.assert_no_pending_responses()


def finds(stubber: Stubber, stack: str, status: str, outputs: dict[str, str]) -> None:
    description = {
        "StackName": stack,
        "StackId": f"arn:aws:cloudformation:us-east-1:123456789012:stack/{stack}/1",
        "StackStatus": status,
        "CreationTime": "2026-07-10T14:05:24Z",
        "Outputs": [{"OutputKey": key, "OutputValue": value} for key, value in outputs.items()],
    }
    stubber.add_response("describe_stacks", {"Stacks": [description]}, {"StackName": stack})


def test_a_template_tells_its_parameters_and_their_defaults() -> None:
    assert template_parameters(STREAMING) == {
        "Stage": "dev",
        "LakeBucketArn": None,
        "ShardCount": "1",
    }


def test_a_template_without_parameters_has_none() -> None:
    assert template_parameters("Resources: {Q: {Type: AWS::SQS::Queue}}") == {}


def test_a_parameter_gets_the_output_of_its_name() -> None:
    assert parameters_for(STREAMING, OUTPUTS, {}) == {"LakeBucketArn": "arn:aws:s3:::lake"}


def test_an_override_comes_before_an_output() -> None:
    overrides = {"LakeBucketArn": "arn:aws:s3:::other", "ShardCount": "4"}
    assert parameters_for(STREAMING, OUTPUTS, overrides) == overrides


def test_an_unknown_override_is_named() -> None:
    with pytest.raises(ParameterError, match="no such parameter: Shards "):
        parameters_for(STREAMING, OUTPUTS, {"Shards": "4"})


def test_a_parameter_without_a_value_is_named() -> None:
    with pytest.raises(ParameterError, match="no value for the parameter LakeBucketArn"):
        parameters_for(STREAMING, {}, {})


def test_overrides_of_a_deployment_go_to_the_stacks_that_declare_them() -> None:
    templates = {"streaming": STREAMING, "analytics": ANALYTICS}
    overrides = {"Stage": "prod", "ShardCount": "2", "Cutoff": "10000000"}
    assert overrides_by_stack(templates, overrides) == {
        "streaming": {"Stage": "prod", "ShardCount": "2"},
        "analytics": {"Stage": "prod", "Cutoff": "10000000"},
    }


def test_an_override_that_no_stack_declares_is_named() -> None:
    with pytest.raises(ParameterError, match="no such parameter: Shards "):
        overrides_by_stack({"streaming": STREAMING}, {"Shards": "2"})


def test_outputs_of_all_stacks_are_merged(stubber: Stubber) -> None:
    finds(stubber, "salesflow-dev-storage", "CREATE_COMPLETE", {"LakeBucketName": "lake"})
    finds(stubber, "salesflow-dev-streaming", "UPDATE_ROLLBACK_COMPLETE", {"PipeName": "pipe"})
    finds(stubber, "salesflow-dev-analytics", "UPDATE_COMPLETE", {"DatabaseName": "salesflow_dev"})
    assert stack_outputs(stubber.client, "salesflow-dev") == {
        "LakeBucketName": "lake",
        "PipeName": "pipe",
        "DatabaseName": "salesflow_dev",
    }


def test_a_missing_stack_is_named(stubber: Stubber) -> None:
    finds(stubber, "salesflow-dev-storage", "CREATE_COMPLETE", {"LakeBucketName": "lake"})
    absent = "Stack with id salesflow-dev-streaming does not exist"
    stubber.add_client_error("describe_stacks", "ValidationError", absent)
    with pytest.raises(StackMissing, match="there is no stack salesflow-dev-streaming"):
        stack_outputs(stubber.client, "salesflow-dev")


@pytest.mark.parametrize("status", ["REVIEW_IN_PROGRESS", "CREATE_IN_PROGRESS", "DELETE_FAILED"])
def test_a_stack_that_is_not_whole_is_named(stubber: Stubber, status: str) -> None:
    finds(stubber, "salesflow-dev-storage", status, {})
    with pytest.raises(StackMissing, match=f"salesflow-dev-storage is {status}"):
        stack_outputs(stubber.client, "salesflow-dev", ["storage"])


def test_a_package_goes_to_the_parameter_of_its_function() -> None:
    package = LambdaPackage("transform_orders", Path("t.zip"), "ab" * 32, 1)
    assert code_parameters([package]) == {
        "TransformCodeKey": f"lambdas/transform_orders/{'ab' * 32}.zip"
    }


def test_a_template_that_is_no_yaml_is_named() -> None:
    with pytest.raises(ParameterError, match=r"storage\.yaml is not YAML"):
        overrides_by_stack({"storage": "a: [b\nc: }"}, {})
