"""EventBridge Pipes: the API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.server import LocalAws
from localaws_chain import ROLE, Chain, chain

SOURCE = "arn:aws:dynamodb:us-east-1:000000000000:table/orders/stream/2026-01-01T00:00:00.000"
TARGET = "arn:aws:kinesis:us-east-1:000000000000:stream/cdc"


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


def changed(parameters: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Parameters with one of them changed, by its dotted path."""
    head, _, rest = path.partition(".")
    inner = changed(parameters.get(head, {}), rest, value) if rest else value
    return {**parameters, head: inner}


@pytest.mark.behaviour(
    "pipes", "A pipe goes through CREATING, RUNNING, STOPPING, STOPPED, DELETING"
)
def test_states(hops: Chain) -> None:
    pipes = hops.client("pipes")
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream())

    def state() -> str:
        described: str = pipes.describe_pipe(Name="changes")["CurrentState"]
        return described

    assert pipes.create_pipe(**parameters)["CurrentState"] == "CREATING"
    hops.step()
    assert state() == "RUNNING"
    assert pipes.stop_pipe(Name="changes")["CurrentState"] == "STOPPING"
    with pytest.raises(pipes.exceptions.ConflictException, match="STOPPING"):
        pipes.update_pipe(Name="changes", RoleArn=ROLE)
    hops.step()
    assert state() == "STOPPED"
    assert pipes.start_pipe(Name="changes")["CurrentState"] == "STARTING"
    hops.step()
    assert pipes.update_pipe(Name="changes", RoleArn=ROLE)["CurrentState"] == "UPDATING"
    hops.step()
    assert state() == "RUNNING"
    assert pipes.delete_pipe(Name="changes")["CurrentState"] == "DELETING"
    hops.step()
    with pytest.raises(pipes.exceptions.NotFoundException, match="changes does not exist"):
        state()


def test_pipe_may_be_created_stopped(hops: Chain) -> None:
    pipes = hops.client("pipes")
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream())
    pipes.create_pipe(**parameters, DesiredState="STOPPED")
    hops.put("1")
    hops.step()
    assert pipes.describe_pipe(Name="changes")["CurrentState"] == "STOPPED"
    assert hops.records() == []


@pytest.mark.behaviour("pipes", "DescribePipe shows the defaults of what wasn't given")
def test_description(hops: Chain) -> None:
    pipes = hops.client("pipes")
    parameters = hops.pipe_parameters(SOURCE, TARGET, BatchSize=200)
    pipes.create_pipe(**parameters, Description="d", Tags={"stage": "dev"})
    described = pipes.describe_pipe(Name="changes")
    assert described["Arn"] == "arn:aws:pipes:us-east-1:000000000000:pipe/changes"
    assert described["SourceParameters"]["DynamoDBStreamParameters"] == {
        "StartingPosition": "TRIM_HORIZON",
        "BatchSize": 200,
        "MaximumBatchingWindowInSeconds": 0,
        "MaximumRecordAgeInSeconds": -1,
        "MaximumRetryAttempts": -1,
        "ParallelizationFactor": 1,
    }
    assert described["DesiredState"] == "RUNNING"
    assert described["Description"] == "d"
    assert described["Tags"] == {"stage": "dev"}
    assert described["Target"] == TARGET


@pytest.mark.behaviour("pipes", "An update replaces the stream's parameters as a whole")
def test_update_replaces_source_parameters(hops: Chain) -> None:
    pipes = hops.client("pipes")
    pipes.create_pipe(
        **hops.pipe_parameters(hops.table(), hops.data_stream(), MaximumRetryAttempts=3)
    )
    hops.step()
    pipes.update_pipe(
        Name="changes",
        RoleArn=ROLE,
        SourceParameters={"DynamoDBStreamParameters": {"BatchSize": 7}},
    )
    stream = pipes.describe_pipe(Name="changes")["SourceParameters"]["DynamoDBStreamParameters"]
    assert stream["BatchSize"] == 7
    assert stream["MaximumRetryAttempts"] == -1
    assert stream["StartingPosition"] == "TRIM_HORIZON"


def test_list_is_filtered_and_paged(hops: Chain) -> None:
    pipes = hops.client("pipes")
    parameters = hops.pipe_parameters(SOURCE, TARGET)
    for name in ("b", "a", "other"):
        pipes.create_pipe(**{**parameters, "Name": name})
    first = pipes.list_pipes(Limit=2)
    assert [pipe["Name"] for pipe in first["Pipes"]] == ["a", "b"]
    rest = pipes.list_pipes(NextToken=first["NextToken"])
    assert [pipe["Name"] for pipe in rest["Pipes"]] == ["other"]
    assert "NextToken" not in rest
    assert [pipe["Name"] for pipe in pipes.list_pipes(NamePrefix="o")["Pipes"]] == ["other"]
    assert pipes.list_pipes(CurrentState="STOPPED")["Pipes"] == []
    assert len(pipes.list_pipes(SourcePrefix=SOURCE, TargetPrefix=TARGET)["Pipes"]) == 3


def test_tags(hops: Chain) -> None:
    pipes = hops.client("pipes")
    arn = pipes.create_pipe(**hops.pipe_parameters(SOURCE, TARGET), Tags={"a": "1"})["Arn"]
    pipes.tag_resource(resourceArn=arn, tags={"b": "2", "c": "3"})
    pipes.untag_resource(resourceArn=arn, tagKeys=["a", "c"])
    assert pipes.list_tags_for_resource(resourceArn=arn)["tags"] == {"b": "2"}


def test_name_is_taken_once(hops: Chain) -> None:
    pipes = hops.client("pipes")
    pipes.create_pipe(**hops.pipe_parameters(SOURCE, TARGET))
    with pytest.raises(pipes.exceptions.ConflictException, match="already exists"):
        pipes.create_pipe(**hops.pipe_parameters(SOURCE, TARGET))


@pytest.mark.behaviour(
    "pipes", "What is wrong or not supported is refused with ValidationException"
)
@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("Source", "arn:aws:sqs:us-east-1:000000000000:q", "only DynamoDB streams"),
        ("Target", "arn:aws:sqs:us-east-1:000000000000:q", "only Kinesis data streams"),
        ("Enrichment", "arn:aws:lambda:us-east-1:000000000000:function:f", "Enrichment"),
        ("LogConfiguration", {"Level": "ERROR"}, "LogConfiguration"),
        ("TargetParameters.InputTemplate", "<$.eventID>", "InputTemplate"),
        ("TargetParameters.KinesisStreamParameters.PartitionKey", "$.a..b", "not a JSON path"),
        ("SourceParameters.DynamoDBStreamParameters.BatchSize", 501, "exceeds the 500 records"),
        ("SourceParameters.DynamoDBStreamParameters.ParallelizationFactor", 2, "Parallelization"),
        (
            "SourceParameters.DynamoDBStreamParameters.DeadLetterConfig",
            {"Arn": "arn:aws:sns:us-east-1:000000000000:topic"},
            "only SQS queues",
        ),
        ("SourceParameters", {}, "StartingPosition is required"),
        ("TargetParameters", {}, "KinesisStreamParameters is required"),
        ("SourceParameters.FilterCriteria", {"Filters": [{"Pattern": "{"}]}, "is not JSON"),
    ],
)
def test_bad_parameters_are_refused(hops: Chain, path: str, value: Any, says: str) -> None:
    parameters = changed(hops.pipe_parameters(SOURCE, TARGET), path, value)
    with pytest.raises(ClientError) as refused:
        hops.client("pipes").create_pipe(**parameters)
    assert refused.value.response["Error"]["Code"] == "ValidationException"
    assert says in refused.value.response["Error"]["Message"]
    assert hops.client("pipes").list_pipes()["Pipes"] == []
