"""Event source mappings: Lambda's API, and AWS::Lambda::EventSourceMapping in a stack."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError, WaiterError

from localaws.event_sources.service import EventSources
from localaws.server import LocalAws
from localaws.service import Aws
from localaws_chain import Chain, chain

ANSWERS = """
def handler(event, context):
    return {}
"""


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


def parameters(hops: Chain, **changes: Any) -> dict[str, Any]:
    """Parameters of CreateEventSourceMapping, whose stream and function are made too."""
    return {
        "EventSourceArn": hops.data_stream(),
        "FunctionName": hops.function(ANSWERS, "count"),
        "StartingPosition": "TRIM_HORIZON",
        **changes,
    }


def test_a_mapping_is_created_shown_listed_changed_and_deleted(hops: Chain) -> None:
    client = hops.client("lambda")
    given = parameters(hops, BatchSize=500, BisectBatchOnFunctionError=True)
    created = client.create_event_source_mapping(**given)
    assert created["State"] == "Creating"
    hops.step()
    uuid = created["UUID"]
    shown = client.get_event_source_mapping(UUID=uuid)
    assert shown["State"] == "Enabled"
    assert shown["FunctionArn"] == given["FunctionName"]
    assert shown["EventSourceArn"] == given["EventSourceArn"]
    assert shown["EventSourceMappingArn"].endswith(f":event-source-mapping:{uuid}")
    assert shown["LastProcessingResult"] == "No records processed"
    assert (shown["BatchSize"], shown["BisectBatchOnFunctionError"]) == (500, True)
    assert isinstance(shown["LastModified"], datetime)
    listed = client.list_event_source_mappings(FunctionName="count")["EventSourceMappings"]
    assert [mapping["UUID"] for mapping in listed] == [uuid]
    changed = client.update_event_source_mapping(UUID=uuid, BatchSize=7)
    assert (changed["State"], changed["BatchSize"]) == ("Updating", 7)
    hops.step()
    deleted = client.delete_event_source_mapping(UUID=uuid)
    assert deleted["State"] == "Deleting"
    hops.step()
    assert client.list_event_source_mappings()["EventSourceMappings"] == []


@pytest.mark.behaviour("lambda", "A mapping has the defaults of a stream that AWS documents")
def test_defaults(hops: Chain) -> None:
    created = hops.client("lambda").create_event_source_mapping(**parameters(hops))
    assert {
        "BatchSize": 100,
        "MaximumBatchingWindowInSeconds": 0,
        "ParallelizationFactor": 1,
        "MaximumRecordAgeInSeconds": -1,
        "BisectBatchOnFunctionError": False,
        "MaximumRetryAttempts": -1,
        "FunctionResponseTypes": [],
    }.items() <= created.items()


def test_mappings_are_listed_by_page_and_by_source(hops: Chain) -> None:
    client = hops.client("lambda")
    given = parameters(hops)
    other = {**given, "EventSourceArn": hops.data_stream("other")}
    ids = {client.create_event_source_mapping(**p)["UUID"] for p in (given, other)}
    pages = client.get_paginator("list_event_source_mappings").paginate(
        PaginationConfig={"PageSize": 1}
    )
    found = [[m["UUID"] for m in page["EventSourceMappings"]] for page in pages]
    assert [len(page) for page in found] == [1, 1]
    assert {uuid for page in found for uuid in page} == ids
    of_one = client.list_event_source_mappings(EventSourceArn=other["EventSourceArn"])
    assert [m["EventSourceArn"] for m in of_one["EventSourceMappings"]] == [other["EventSourceArn"]]


@pytest.mark.parametrize(
    "name",
    [
        "count",
        "000000000000:function:count",
        "arn:aws:lambda:us-east-1:000000000000:function:count",
    ],
)
def test_a_function_may_be_named_as_lambda_allows(hops: Chain, name: str) -> None:
    created = hops.client("lambda").create_event_source_mapping(
        **parameters(hops, FunctionName=None) | {"FunctionName": name}
    )
    assert created["FunctionArn"] == hops.aws.aws.arn("lambda", "function:count")


@pytest.mark.behaviour("lambda", "What a mapping doesn't support is refused by name")
@pytest.mark.parametrize(
    ("changes", "culprit"),
    [
        ({"ParallelizationFactor": 2}, "ParallelizationFactor"),
        ({"TumblingWindowInSeconds": 30}, "TumblingWindowInSeconds"),
        ({"FilterCriteria": {"Filters": [{"Pattern": "{}"}]}}, "FilterCriteria"),
        ({"Tags": {"stage": "dev"}}, "Tags"),
        (
            {"DestinationConfig": {"OnFailure": {"Destination": "arn:aws:s3:::lake"}}},
            "failure destination",
        ),
        ({"EventSourceArn": "arn:aws:sqs:us-east-1:000000000000:letters"}, "arn:aws:sqs"),
        (
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/cdc/consumer/c:1"},
            "consumer/c:1",
        ),
        ({"MaximumRecordAgeInSeconds": 59}, "MaximumRecordAgeInSeconds 59"),
        ({"BatchSize": 10_001}, "BatchSize"),
        ({"MaximumRetryAttempts": 10_001}, "MaximumRetryAttempts"),
        ({"StartingPosition": "AT_TIMESTAMP"}, "StartingPositionTimestamp"),
        (
            {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/none"},
            "stream/none not found",
        ),
    ],
)
def test_refusals(hops: Chain, changes: dict[str, Any], culprit: str) -> None:
    given = {**parameters(hops), **changes}
    with pytest.raises(ClientError, match=culprit) as refusal:
        hops.client("lambda").create_event_source_mapping(**given)
    assert refusal.value.response["Error"]["Code"] == "InvalidParameterValueException"
    assert hops.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []


def test_a_stream_needs_a_starting_position(hops: Chain) -> None:
    given = parameters(hops)
    del given["StartingPosition"]
    with pytest.raises(ClientError, match="StartingPosition is required"):
        hops.client("lambda").create_event_source_mapping(**given)


@pytest.mark.behaviour("lambda", "A function and a stream have one mapping at most")
def test_a_second_mapping_conflicts(hops: Chain) -> None:
    client = hops.client("lambda")
    given = parameters(hops)
    uuid = client.create_event_source_mapping(**given)["UUID"]
    with pytest.raises(client.exceptions.ResourceConflictException, match=uuid):
        client.create_event_source_mapping(**given)


def test_what_is_not_there_is_not_found(hops: Chain) -> None:
    client = hops.client("lambda")
    missing = client.exceptions.ResourceNotFoundException
    with pytest.raises(missing, match="Function not found"):
        client.create_event_source_mapping(**parameters(hops) | {"FunctionName": "none"})
    for operation in ("get", "update", "delete"):
        with pytest.raises(missing):
            getattr(client, f"{operation}_event_source_mapping")(UUID="0" * 36)


@pytest.mark.behaviour("lambda", "A mapping that is being created or changed is in use")
def test_a_mapping_that_is_moving_is_in_use(hops: Chain) -> None:
    client = hops.client("lambda")
    uuid = client.create_event_source_mapping(**parameters(hops))["UUID"]
    with pytest.raises(client.exceptions.ResourceInUseException, match="Creating"):
        client.delete_event_source_mapping(UUID=uuid)


def test_the_rest_of_lambda_is_ministacks(hops: Chain) -> None:
    hops.function(ANSWERS, "count")
    client = hops.client("lambda")
    assert [f["FunctionName"] for f in client.list_functions()["Functions"]] == ["count"]
    assert client.invoke(FunctionName="count")["Payload"].read() == b"{}"


def test_mappings_survive_as_they_are() -> None:
    aws = Aws("http://127.0.0.1:1")
    start = datetime(2026, 7, 1, tzinfo=UTC)
    before, after = EventSources(aws), EventSources(aws)
    uuid = before.add(
        {
            "EventSourceArn": aws.arn("kinesis", "stream/cdc"),
            "FunctionName": "count",
            "StartingPosition": "AT_TIMESTAMP",
            "StartingPositionTimestamp": start,
        }
    )["UUID"]
    before.settle(uuid)
    after.restore(json.loads(json.dumps(before.snapshot())))
    shown = after.get_event_source_mapping({"UUID": uuid})
    assert shown == before.get_event_source_mapping({"UUID": uuid})
    assert shown["StartingPositionTimestamp"] == start


# ---------------------------------------------------------------------- in a stack


def template(function: str, **properties: Any) -> dict[str, Any]:
    return {
        "Parameters": {"Size": {"Type": "Number", "Default": 10}},
        "Resources": {
            "Cdc": {"Type": "AWS::Kinesis::Stream", "Properties": {"Name": "cdc", "ShardCount": 1}},
            "Counting": {
                "Type": "AWS::Lambda::EventSourceMapping",
                "Properties": {
                    "EventSourceArn": {"Fn::GetAtt": ["Cdc", "Arn"]},
                    "FunctionName": function,
                    "StartingPosition": "TRIM_HORIZON",
                    "BatchSize": {"Ref": "Size"},
                    **properties,
                },
            },
        },
        "Outputs": {
            "Id": {"Value": {"Ref": "Counting"}},
            "Arn": {"Value": {"Fn::GetAtt": ["Counting", "EventSourceMappingArn"]}},
        },
    }


def deploy(hops: Chain, action: str, body: dict[str, Any], **given: str) -> dict[str, str]:
    cloudformation = hops.client("cloudformation")
    getattr(cloudformation, f"{action}_stack")(
        StackName="counting",
        TemplateBody=json.dumps(body),
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in given.items()],
    )
    cloudformation.get_waiter(f"stack_{action}_complete").wait(
        StackName="counting", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    (stack,) = cloudformation.describe_stacks(StackName="counting")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.behaviour("lambda", "A mapping of a stack is enabled when the stack is complete")
def test_mapping_of_a_stack_is_enabled(hops: Chain) -> None:
    function = hops.function(ANSWERS, "count")
    outputs = deploy(hops, "create", template(function), Size="20")
    shown = hops.client("lambda").get_event_source_mapping(UUID=outputs["Id"])
    assert shown["EventSourceMappingArn"] == outputs["Arn"]
    assert (shown["State"], shown["BatchSize"]) == ("Enabled", 20)


@pytest.mark.behaviour(
    "lambda",
    "An update of a stack changes a mapping in place, and takes back what the template no longer "
    "says",
)
def test_update_in_place(hops: Chain) -> None:
    function = hops.function(ANSWERS, "count")
    retrying = template(function, MaximumRetryAttempts=5, Enabled=False)
    before = deploy(hops, "create", retrying)
    client = hops.client("lambda")
    assert client.get_event_source_mapping(UUID=before["Id"])["State"] == "Disabled"
    assert deploy(hops, "update", template(function), Size="30") == before
    shown = client.get_event_source_mapping(UUID=before["Id"])
    assert (shown["State"], shown["BatchSize"]) == ("Enabled", 30)
    assert shown["MaximumRetryAttempts"] == -1


@pytest.mark.behaviour(
    "lambda",
    "Another starting position needs another mapping, which can't be made beside the one there is",
)
def test_update_that_would_replace(hops: Chain) -> None:
    function = hops.function(ANSWERS, "count")
    before = deploy(hops, "create", template(function))
    with pytest.raises(WaiterError, match="UPDATE_ROLLBACK_COMPLETE"):
        deploy(hops, "update", template(function, StartingPosition="LATEST"))
    shown = hops.client("lambda").get_event_source_mapping(UUID=before["Id"])
    assert shown["StartingPosition"] == "TRIM_HORIZON"


def test_deleted_stack_leaves_no_mapping(hops: Chain) -> None:
    deploy(hops, "create", template(hops.function(ANSWERS, "count")))
    cloudformation = hops.client("cloudformation")
    cloudformation.delete_stack(StackName="counting")
    cloudformation.get_waiter("stack_delete_complete").wait(
        StackName="counting", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    assert hops.client("lambda").list_event_source_mappings()["EventSourceMappings"] == []
