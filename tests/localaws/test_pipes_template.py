"""AWS::Pipes::Pipe and AWS::KinesisFirehose::DeliveryStream in a stack."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from localaws.server import LocalAws
from localaws_chain import ROLE, Chain, chain


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


def template(**changes: Any) -> dict[str, Any]:
    """A chain as a template; ``changes`` are made to the stream's parameters of its pipe."""
    return {
        "Parameters": {
            "Interval": {"Type": "Number", "Default": 60},
            "Size": {"Type": "Number", "Default": 0.5},
        },
        "Resources": {
            "Table": {
                "Type": "AWS::DynamoDB::Table",
                "Properties": {
                    "KeySchema": [{"AttributeName": "orderid", "KeyType": "HASH"}],
                    "AttributeDefinitions": [{"AttributeName": "orderid", "AttributeType": "S"}],
                    "BillingMode": "PAY_PER_REQUEST",
                    "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
                    "TableName": "orders",
                },
            },
            "Cdc": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "cdc", "ShardCount": 1}},
            "Lake": {"Type": "AWS::S3::Bucket", "Properties": {"BucketName": "lake"}},
            "Delivery": {
                "Type": "AWS::KinesisFirehose::DeliveryStream",
                "Properties": {
                    "DeliveryStreamType": "KinesisStreamAsSource",
                    "KinesisStreamSourceConfiguration": {
                        "KinesisStreamARN": {"Fn::GetAtt": ["Cdc", "Arn"]},
                        "RoleARN": ROLE,
                    },
                    "ExtendedS3DestinationConfiguration": {
                        "BucketARN": {"Fn::GetAtt": ["Lake", "Arn"]},
                        "RoleARN": ROLE,
                        "BufferingHints": {
                            "IntervalInSeconds": {"Ref": "Interval"},
                            "SizeInMBs": 64,
                        },
                        "ProcessingConfiguration": {
                            "Enabled": "true",
                            "Processors": [
                                {
                                    "Type": "Lambda",
                                    "Parameters": [
                                        {"ParameterName": "LambdaArn", "ParameterValue": "none"},
                                        {
                                            "ParameterName": "BufferSizeInMBs",
                                            "ParameterValue": {"Ref": "Size"},
                                        },
                                        {"ParameterName": "NumberOfRetries", "ParameterValue": 0},
                                    ],
                                }
                            ],
                        },
                    },
                    "Tags": [{"Key": "stage", "Value": "dev"}],
                },
            },
            "Pipe": {
                "Type": "AWS::Pipes::Pipe",
                "DependsOn": "Delivery",
                "Properties": {
                    "RoleArn": ROLE,
                    "Source": {"Fn::GetAtt": ["Table", "StreamArn"]},
                    "SourceParameters": {
                        "DynamoDBStreamParameters": {
                            "StartingPosition": "TRIM_HORIZON",
                            "BatchSize": "500",
                            **changes,
                        }
                    },
                    "Target": {"Fn::GetAtt": ["Cdc", "Arn"]},
                    "TargetParameters": {"KinesisStreamParameters": {"PartitionKey": "k"}},
                    "Tags": {"stage": "dev"},
                },
            },
        },
        "Outputs": {
            "Name": {"Value": {"Ref": "Pipe"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Pipe", "Arn"]}},
            "State": {"Value": {"Fn::GetAtt": ["Pipe", "CurrentState"]}},
            "Delivery": {"Value": {"Ref": "Delivery"}},
            "DeliveryArn": {"Value": {"Fn::GetAtt": ["Delivery", "Arn"]}},
        },
    }


def deploy(hops: Chain, action: str, body: dict[str, Any], **parameters: str) -> dict[str, str]:
    cloudformation = hops.client("cloudformation")
    getattr(cloudformation, f"{action}_stack")(
        StackName="chain",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()],
    )
    cloudformation.get_waiter(f"stack_{action}_complete").wait(
        StackName="chain", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    (stack,) = cloudformation.describe_stacks(StackName="chain")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.behaviour("pipes", "A pipe of a stack is running when the stack is complete")
def test_pipe_of_a_stack_runs(hops: Chain) -> None:
    outputs = deploy(hops, "create", template())
    described = hops.client("pipes").describe_pipe(Name=outputs["Name"])
    assert outputs["Name"].startswith("chain-Pipe-")
    assert outputs["Arn"] == described["Arn"]
    assert outputs["State"] == described["CurrentState"] == "RUNNING"
    assert described["Tags"] == {"stage": "dev"}
    hops.put("1")
    hops.step()
    assert hops.keys() == ["1"]


@pytest.mark.behaviour(
    "firehose", "A delivery stream of a stack is active when the stack is complete"
)
def test_delivery_stream_of_a_stack_is_active(hops: Chain) -> None:
    outputs = deploy(hops, "create", template(), Interval="0", Size="0.2")
    firehose = hops.client("firehose")
    described = firehose.describe_delivery_stream(DeliveryStreamName=outputs["Delivery"])
    stream = described["DeliveryStreamDescription"]
    assert stream["DeliveryStreamARN"] == outputs["DeliveryArn"]
    assert stream["DeliveryStreamStatus"] == "ACTIVE"
    (destination,) = stream["Destinations"]
    hints = destination["ExtendedS3DestinationDescription"]["BufferingHints"]
    assert hints == {"IntervalInSeconds": 0, "SizeInMBs": 64}
    tags = firehose.list_tags_for_delivery_stream(DeliveryStreamName=outputs["Delivery"])["Tags"]
    assert tags == [{"Key": "stage", "Value": "dev"}]


@pytest.mark.behaviour(
    "firehose", "What a stack's pipe writes is delivered from its first record on"
)
def test_first_change_after_the_stack_is_delivered(hops: Chain) -> None:
    deploy(hops, "create", template(), Interval="0")
    hops.put("1")
    hops.step()
    hops.later(60)
    (body,) = hops.objects("processing-failed/").values()
    assert json.loads(body)["errorCode"] == "Lambda.ResourceNotFound"


def test_update_in_place_keeps_names_and_positions(hops: Chain) -> None:
    before = deploy(hops, "create", template())
    hops.put("1")
    hops.step()
    after = deploy(hops, "update", template(MaximumRetryAttempts=5), Interval="900")
    assert after == before
    stream = hops.client("pipes").describe_pipe(Name=after["Name"])["SourceParameters"]
    assert stream["DynamoDBStreamParameters"]["MaximumRetryAttempts"] == 5
    described = hops.client("firehose").describe_delivery_stream(
        DeliveryStreamName=after["Delivery"]
    )["DeliveryStreamDescription"]
    assert described["VersionId"] == "2"
    hops.put("2")
    hops.step()
    assert hops.keys() == ["1", "2"]


def test_update_without_a_change_of_the_delivery_stream_keeps_its_version(hops: Chain) -> None:
    deploy(hops, "create", template())
    outputs = deploy(hops, "update", template(MaximumRetryAttempts=5))
    described = hops.client("firehose").describe_delivery_stream(
        DeliveryStreamName=outputs["Delivery"]
    )["DeliveryStreamDescription"]
    assert described["VersionId"] == "1"


def test_deleted_stack_leaves_nothing(hops: Chain) -> None:
    deploy(hops, "create", template())
    cloudformation = hops.client("cloudformation")
    cloudformation.delete_stack(StackName="chain")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName="chain", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    assert hops.client("pipes").list_pipes()["Pipes"] == []
    assert hops.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == []


@pytest.mark.behaviour("pipes", "A pipe that can't be created fails its stack, which says why")
def test_wrong_pipe_fails_the_stack(hops: Chain) -> None:
    with pytest.raises(WaiterError, match="ROLLBACK_COMPLETE"):
        deploy(hops, "create", template(BatchSize="9999"))
    cloudformation = hops.client("cloudformation")
    events = cloudformation.describe_stack_events(StackName="chain")["StackEvents"]
    reasons = [event.get("ResourceStatusReason", "") for event in events]
    assert any("BatchSize 9999 exceeds the 500 records" in reason for reason in reasons)
