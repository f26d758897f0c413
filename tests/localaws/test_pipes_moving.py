"""EventBridge Pipes: changes of a table become records of a data stream."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from localaws.server import LocalAws
from localaws_chain import Chain, chain


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


@pytest.mark.behaviour("pipes", "Each change is one JSON object, shaped as AWS shapes it")
def test_change_has_the_shape_of_aws(hops: Chain) -> None:
    hops.pipe()
    hops.put("1", price={"N": "12.50"}, photo={"B": b"\x00\xff"}, name={"S": "Größe\n"})
    hops.step()
    (change,) = hops.changes()
    table = hops.client("dynamodb").describe_table(TableName="orders")["Table"]
    moved = change["dynamodb"]
    assert change["eventName"] == "INSERT"
    assert change["eventVersion"] == "1.1"
    assert change["eventSource"] == "aws:dynamodb"
    assert change["awsRegion"] == "us-east-1"
    assert change["eventSourceARN"] == table["LatestStreamArn"]
    assert change["eventID"]
    assert isinstance(moved["ApproximateCreationDateTime"], int)
    assert moved["Keys"] == {"orderid": {"S": "1"}}
    assert moved["NewImage"] == {
        "orderid": {"S": "1"},
        "price": {"N": "12.5"},
        "photo": {"B": "AP8="},
        "name": {"S": "Größe\n"},
    }
    assert "OldImage" not in moved
    assert len(moved["SequenceNumber"]) >= 21
    assert moved["StreamViewType"] == "NEW_AND_OLD_IMAGES"


@pytest.mark.behaviour("pipes", "A removal has an old image and no new one")
def test_inserts_updates_and_removals_are_moved_in_order(hops: Chain) -> None:
    hops.pipe()
    hops.put("1", status={"S": "placed"})
    hops.put("1", status={"S": "paid"})
    hops.client("dynamodb").delete_item(TableName="orders", Key={"orderid": {"S": "1"}})
    hops.step()
    inserted, modified, removed = hops.changes()
    assert [c["eventName"] for c in (inserted, modified, removed)] == [
        "INSERT",
        "MODIFY",
        "REMOVE",
    ]
    assert modified["dynamodb"]["OldImage"]["status"] == {"S": "placed"}
    assert removed["dynamodb"]["OldImage"]["status"] == {"S": "paid"}
    assert "NewImage" not in removed["dynamodb"]


@pytest.mark.behaviour("pipes", "The partition key may be a JSON path into the change, or static")
@pytest.mark.parametrize(
    ("partition_key", "used"),
    [
        ("$.dynamodb.Keys.orderid.S", "1"),
        ("$.dynamodb.NewImage.country.S", "CH"),
        ("$['eventName']", "INSERT"),
        ("all", "all"),
    ],
)
def test_partition_key(hops: Chain, partition_key: str, used: str) -> None:
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream())
    parameters["TargetParameters"]["KinesisStreamParameters"]["PartitionKey"] = partition_key
    hops.client("pipes").create_pipe(**parameters)
    hops.put("1", country={"S": "CH"})
    hops.step()
    assert [record["PartitionKey"] for record in hops.records()] == [used]


@pytest.mark.behaviour("pipes", "TRIM_HORIZON moves what the stream had, LATEST what comes then")
@pytest.mark.parametrize(("position", "moved"), [("TRIM_HORIZON", ["1", "2"]), ("LATEST", ["2"])])
def test_starting_position(hops: Chain, position: str, moved: list[str]) -> None:
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream(), StartingPosition=position)
    hops.put("1")
    hops.client("pipes").create_pipe(**parameters)
    hops.step()
    hops.put("2")
    hops.step()
    assert hops.keys() == moved


@pytest.mark.behaviour(
    "pipes", "A batch waits for MaximumBatchingWindowInSeconds, or until it is full"
)
def test_batch_waits_for_its_window_or_its_size(hops: Chain) -> None:
    hops.pipe(BatchSize=3, MaximumBatchingWindowInSeconds=10)
    hops.put("1")
    hops.step()
    hops.later(9)
    assert hops.keys() == []
    hops.later(1)
    assert hops.keys() == ["1"]
    for orderid in ("2", "3", "4", "5"):
        hops.put(orderid)
    hops.step()
    assert hops.keys() == ["1", "2", "3", "4"]
    hops.later(10)
    assert hops.keys() == ["1", "2", "3", "4", "5"]


@pytest.mark.behaviour("pipes", "A change that no pattern matches is consumed, not moved")
def test_filtered_change_is_consumed(hops: Chain) -> None:
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream())
    pattern = {"dynamodb": {"NewImage": {"country": {"S": ["CH", {"prefix": "D"}]}}}}
    parameters["SourceParameters"]["FilterCriteria"] = {
        "Filters": [{"Pattern": json.dumps(pattern)}]
    }
    hops.client("pipes").create_pipe(**parameters)
    for orderid, country in (("1", "CH"), ("2", "FR"), ("3", "DE")):
        hops.put(orderid, country={"S": country})
    hops.step()
    hops.later(3600)
    assert hops.keys() == ["1", "3"]


@pytest.mark.behaviour("pipes", "A stopped pipe moves nothing, and goes on where it stopped")
def test_stopped_pipe_goes_on_where_it_stopped(hops: Chain) -> None:
    hops.pipe()
    hops.put("1")
    hops.step()
    hops.client("pipes").stop_pipe(Name="changes")
    hops.step()
    hops.put("2")
    hops.later(60)
    assert hops.keys() == ["1"]
    hops.client("pipes").start_pipe(Name="changes")
    hops.step()
    assert hops.keys() == ["1", "2"]


@pytest.mark.behaviour("pipes", "An updated pipe goes on where it was, with its new parameters")
def test_updated_pipe_goes_on_where_it_was(hops: Chain) -> None:
    hops.pipe()
    hops.put("1")
    hops.step()
    hops.client("pipes").update_pipe(
        Name="changes",
        RoleArn="arn:aws:iam::000000000000:role/other",
        Target=hops.data_stream("other"),
    )
    hops.put("2")
    hops.step()
    assert hops.keys() == ["1"]
    assert hops.keys("other") == ["2"]


@pytest.mark.behaviour("pipes", "A pipe drains a disabled stream, stops, and can't be started")
def test_disabled_stream_stops_the_pipe(hops: Chain) -> None:
    hops.pipe()
    hops.put("1")
    hops.disable_stream()
    hops.step()
    hops.step()
    assert hops.keys() == ["1"]
    pipes = hops.client("pipes")
    described = pipes.describe_pipe(Name="changes")
    assert described["CurrentState"] == "STOPPED"
    assert described["StateReason"].endswith("is disabled")
    with pytest.raises(pipes.exceptions.ValidationException, match="is disabled"):
        pipes.start_pipe(Name="changes")


@pytest.mark.behaviour("pipes", "A pipe whose source doesn't exist fails, and says why")
def test_missing_source_fails_the_pipe(hops: Chain) -> None:
    source = "arn:aws:dynamodb:us-east-1:000000000000:table/none/stream/2026-01-01T00:00:00.000"
    pipes = hops.client("pipes")
    pipes.create_pipe(**hops.pipe_parameters(source, hops.data_stream()))
    hops.step()
    described = pipes.describe_pipe(Name="changes")
    assert described["CurrentState"] == "CREATE_FAILED"
    assert described["StateReason"] == f"the stream {source} does not exist"


@pytest.mark.behaviour("pipes", "After a restart a pipe goes on where it was, and has lost nothing")
def test_restart_loses_nothing_and_repeats_nothing(hops: Chain) -> None:
    hops.pipe(MaximumBatchingWindowInSeconds=10)
    hops.put("1")
    hops.step()
    hops.later(10)
    hops.put("2")
    hops.step()
    hops.put("3")
    service = hops.aws.services[0]
    state = json.loads(json.dumps(service.snapshot()))
    service.reset()
    service.restore(state)
    hops.put("4")
    hops.later(20)
    hops.later(20)
    assert hops.keys() == ["1", "2", "3", "4"]


@pytest.mark.behaviour("pipes", "Invocations, events and failures are counted in CloudWatch")
def test_metrics_are_published(hops: Chain) -> None:
    hops.pipe()
    for orderid in ("1", "2"):
        hops.put(orderid)
    hops.step()
    hops.later(5)
    cloudwatch = hops.client("cloudwatch")
    metrics = cloudwatch.list_metrics(Namespace="AWS/EventBridge/Pipes")["Metrics"]
    assert {m["MetricName"] for m in metrics} >= {"Invocations", "EventCount", "ExecutionFailed"}
    assert all(m["Dimensions"] == [{"Name": "PipeName", "Value": "changes"}] for m in metrics)
    points = cloudwatch.get_metric_statistics(
        Namespace="AWS/EventBridge/Pipes",
        MetricName="EventCount",
        Dimensions=[{"Name": "PipeName", "Value": "changes"}],
        StartTime=hops.now - timedelta(days=1),
        EndTime=hops.now + timedelta(days=1),
        Period=86400,
        Statistics=["Sum"],
    )["Datapoints"]
    assert sum(point["Sum"] for point in points) == 2
