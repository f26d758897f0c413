"""Event source mappings: records of a data stream become events of a function."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from localaws_chain import Chain, chain

EVENTS = Path(__file__).parent / "events"

#: Keeps each event in the bucket `lake`.
KEEPS = """
import json, boto3
s3 = boto3.client("s3")
def handler(event, context):
    first = event["Records"][0]["kinesis"]["sequenceNumber"]
    s3.put_object(Bucket="lake", Key=f"{first}-{context.aws_request_id}", Body=json.dumps(event))
"""
#: The same, and fails from the first record on that is `poison`.
REPORTS = (
    KEEPS
    + """
    import base64
    return {"batchItemFailures": [
        {"itemIdentifier": record["kinesis"]["sequenceNumber"]} for record in event["Records"]
        if base64.b64decode(record["kinesis"]["data"]) == b"poison"]}
"""
)
#: The same, and fails as a whole.
FAILS = (
    KEEPS
    + """
    if any(record["kinesis"]["data"] == "cG9pc29u" for record in event["Records"]):
        raise ValueError("poison")
"""
)


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    hops = chain(local_aws)
    hops.bucket()
    return hops


def mapping(hops: Chain, source: str = KEEPS, **parameters: Any) -> dict[str, Any]:
    """An enabled mapping of the data stream `cdc`, which is made too."""
    function = hops.function(source, "count", Timeout=30)
    given = {"StartingPosition": "TRIM_HORIZON", **parameters}
    created: dict[str, Any] = hops.client("lambda").create_event_source_mapping(
        EventSourceArn=hops.data_stream(), FunctionName=function, **given
    )
    hops.step()
    return created


def events(hops: Chain) -> list[dict[str, Any]]:
    """The events that the function has seen, by their first record."""
    return [json.loads(body) for body in hops.objects().values()]


def seen(hops: Chain) -> list[list[str]]:
    """The data that the function has seen, invocation by invocation."""
    return [
        [b64decode(record["kinesis"]["data"]).decode() for record in event["Records"]]
        for event in events(hops)
    ]


@pytest.mark.behaviour("lambda", "A function gets a batch of one shard, in the shape of AWS")
def test_event_has_the_shape_of_aws(hops: Chain) -> None:
    mapping(hops)
    hops.put_data(b"one", b"two", key='k"1')
    hops.step()
    (event,) = events(hops)
    expected = json.loads((EVENTS / "lambda_kinesis_event.json").read_text())
    assert [keys(record) for record in event["Records"]] == [keys(expected["Records"][0])] * 2
    first, put = event["Records"][0], hops.records()[0]
    assert first["kinesis"]["sequenceNumber"] == put["SequenceNumber"]
    assert first["kinesis"]["partitionKey"] == 'k"1'
    assert b64decode(first["kinesis"]["data"]) == b"one"
    arrived = put["ApproximateArrivalTimestamp"].timestamp()
    assert first["kinesis"]["approximateArrivalTimestamp"] == pytest.approx(arrived, abs=0.001)
    assert first["eventID"] == f"shardId-000000000000:{put['SequenceNumber']}"
    assert first["eventSourceARN"] == hops.aws.aws.arn("kinesis", "stream/cdc")
    assert first["invokeIdentityArn"] == "arn:aws:iam::000000000000:role/mover"


def keys(value: Any) -> Any:
    """The shape of a JSON value: the names of its members, and the types of the others."""
    if isinstance(value, dict):
        return {name: keys(member) for name, member in value.items()}
    return type(value)


@pytest.mark.behaviour(
    "lambda",
    "TRIM_HORIZON begins with what the stream has, LATEST with what comes, AT_TIMESTAMP with what "
    "came since",
)
@pytest.mark.parametrize("position", ["TRIM_HORIZON", "LATEST", "AT_TIMESTAMP"])
def test_starting_position(hops: Chain, position: str) -> None:
    parameters: dict[str, Any] = {"StartingPosition": position}
    if position == "AT_TIMESTAMP":
        parameters["StartingPositionTimestamp"] = hops.now - timedelta(seconds=60)
    stream, function = hops.data_stream(), hops.function(KEEPS, "count", Timeout=30)
    hops.put_data(b"before")
    hops.client("lambda").create_event_source_mapping(
        EventSourceArn=stream, FunctionName=function, **parameters
    )
    hops.put_data(b"after")
    hops.step()
    assert seen(hops) == [["after"] if position == "LATEST" else ["before", "after"]]


@pytest.mark.behaviour("lambda", "Each shard has its own batches, in the order of the shard")
def test_shards_are_apart(hops: Chain) -> None:
    function = hops.function(KEEPS, "count", Timeout=30)
    hops.client("lambda").create_event_source_mapping(
        EventSourceArn=hops.data_stream(shards=2),
        FunctionName=function,
        StartingPosition="TRIM_HORIZON",
    )
    for number in range(20):
        hops.put_data(b"%02d" % number, key=str(number % 7))
    hops.step()
    batches = seen(hops)
    assert len(batches) == 2
    assert all(batch == sorted(batch) for batch in batches)
    assert len({number for batch in batches for number in batch}) == 20


@pytest.mark.behaviour("lambda", "A record that fails is found, given up, and the others go on")
@pytest.mark.parametrize(("source", "response"), [(REPORTS, True), (FAILS, False)])
def test_poison_ends_in_the_failure_destination(hops: Chain, source: str, response: bool) -> None:
    mapping(
        hops,
        source,
        BisectBatchOnFunctionError=True,
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": hops.queue()}},
        FunctionResponseTypes=["ReportBatchItemFailures"] if response else [],
    )
    hops.put_data(b"a", b"b", b"poison", b"d", b"e")
    hops.step()
    hops.later(60)
    last = {batch[-1] for batch in seen(hops)}
    assert {"poison", "e"} <= last
    assert ["poison"] in seen(hops)
    (letter,) = hops.letters()
    poison = hops.records()[2]
    batch = letter["KinesisBatchInfo"]
    assert batch["startSequenceNumber"] == batch["endSequenceNumber"] == poison["SequenceNumber"]
    assert (batch["shardId"], batch["batchSize"]) == ("shardId-000000000000", 1)
    assert letter["requestContext"]["condition"] == "RetryAttemptsExhausted"
    assert letter["requestContext"]["functionArn"].endswith(":function:count")
    assert ("functionError" in letter["responseContext"]) is not response
    hops.put_data(b"f")
    hops.step()
    assert seen(hops)[-1] == ["f"]


@pytest.mark.behaviour("lambda", "Reports of failures count only if the mapping asks for them")
def test_unasked_reports_are_ignored(hops: Chain) -> None:
    mapping(hops, REPORTS, MaximumRetryAttempts=1)
    hops.put_data(b"a", b"poison", b"c")
    hops.step()
    hops.later(60)
    assert seen(hops) == [["a", "poison", "c"]]


@pytest.mark.behaviour(
    "lambda", "A disabled mapping invokes nothing, and goes on where it was when it is enabled"
)
def test_disabled_mapping_waits(hops: Chain) -> None:
    uuid = mapping(hops)["UUID"]
    hops.put_data(b"a")
    hops.step()
    hops.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=False)
    hops.step()
    hops.put_data(b"b")
    hops.step()
    assert seen(hops) == [["a"]]
    hops.client("lambda").update_event_source_mapping(UUID=uuid, Enabled=True)
    hops.step()
    assert seen(hops) == [["a"], ["b"]]


def test_mapping_without_its_function_waits_for_it(hops: Chain) -> None:
    uuid = mapping(hops)["UUID"]
    client = hops.client("lambda")
    client.delete_function(FunctionName="count")
    hops.put_data(b"a")
    hops.step()
    result = client.get_event_source_mapping(UUID=uuid)["LastProcessingResult"]
    assert result.startswith("PROBLEM: ResourceNotFoundException")
    hops.function(KEEPS, "count", Timeout=30)
    hops.later(60)
    assert seen(hops) == [["a"]]


@pytest.mark.behaviour("lambda", "IteratorAge tells how old records were when they were processed")
def test_age_is_measured(hops: Chain) -> None:
    mapping(hops)
    hops.put_data(b"a")
    hops.later(90)
    hops.later(10)
    points = hops.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda",
        MetricName="IteratorAge",
        Dimensions=[{"Name": "FunctionName", "Value": "count"}],
        StartTime=hops.now - timedelta(minutes=10),
        EndTime=hops.now + timedelta(minutes=10),
        Period=60,
        Statistics=["Maximum"],
    )["Datapoints"]
    assert max(point["Maximum"] for point in points) == pytest.approx(90_000, abs=5_000)
