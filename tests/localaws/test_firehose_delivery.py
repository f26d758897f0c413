"""Firehose: records are buffered, and delivered to S3."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import pytest

from localaws.server import LocalAws
from localaws_chain import ROLE, Chain, chain


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


@pytest.mark.behaviour("firehose", "A buffer is delivered when its interval has passed")
def test_interval(hops: Chain) -> None:
    hops.delivery()
    hops.put_data(b"1\n", b"2\n")
    hops.step()
    hops.later(59)
    assert hops.objects() == {}
    hops.later(1)
    assert list(hops.objects().values()) == [b"1\n2\n"]
    hops.later(600)
    assert len(hops.objects()) == 1


@pytest.mark.behaviour("firehose", "A buffer is delivered earlier when it has reached its size")
def test_size(hops: Chain) -> None:
    hops.delivery()
    hops.put_data(b"x" * 600_000)
    hops.step()
    assert hops.objects() == {}
    hops.put_data(b"y" * 600_000)
    hops.step()
    (body,) = hops.objects().values()
    assert len(body) == 1_200_000


@pytest.mark.behaviour("firehose", "An interval of 0 delivers at once")
def test_no_interval(hops: Chain) -> None:
    hops.delivery(BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 0})
    hops.put_data(b"1\n")
    hops.step()
    assert hops.delivered() == b"1\n"


@pytest.mark.behaviour("firehose", "No delimiter is added between records")
def test_no_delimiter_is_added(hops: Chain) -> None:
    hops.delivery()
    hops.put_data(b"1", b"2")
    hops.step()
    hops.later(60)
    assert hops.delivered() == b"12"


@pytest.mark.behaviour("firehose", "AppendDelimiterToRecord adds its delimiter to each record")
@pytest.mark.parametrize(
    ("parameters", "delivered"),
    [
        ([], b"1\n2\n"),
        ([{"ParameterName": "Delimiter", "ParameterValue": "\\n"}], b"1\n2\n"),
        ([{"ParameterName": "Delimiter", "ParameterValue": "|"}], b"1|2|"),
    ],
)
def test_delimiter(hops: Chain, parameters: list[dict[str, str]], delivered: bytes) -> None:
    processor = {"Type": "AppendDelimiterToRecord", "Parameters": parameters}
    hops.delivery(ProcessingConfiguration={"Enabled": True, "Processors": [processor]})
    hops.put_data(b"1", b"2")
    hops.step()
    hops.later(60)
    assert hops.delivered() == delivered


@pytest.mark.behaviour(
    "firehose", "GZIP compresses objects and adds .gz; FileExtension replaces it"
)
@pytest.mark.parametrize(
    ("parameters", "extension"),
    [
        ({"CompressionFormat": "GZIP"}, ".gz"),
        ({"CompressionFormat": "GZIP", "FileExtension": ".json.gz"}, ".json.gz"),
        ({"FileExtension": ".json"}, ".json"),
        ({}, ""),
    ],
)
def test_name_and_compression(hops: Chain, parameters: dict[str, str], extension: str) -> None:
    hops.delivery(**parameters)
    hops.put_data(b"1\n")
    hops.step()
    hops.later(60)
    ((key, body),) = hops.objects().items()
    assert body == b"1\n"
    assert re.fullmatch(
        r"\d{4}/\d\d/\d\d/\d\d/rows-1(-\d\d+){6}-[0-9a-f-]{36}" + re.escape(extension), key
    )


@pytest.mark.behaviour(
    "firehose", "The time in a name is the arrival of the object's oldest record"
)
def test_time_is_the_arrival_of_the_oldest(hops: Chain) -> None:
    hops.delivery(
        Prefix="dt=!{timestamp:yyyy-MM-dd}/",
        ErrorOutputPrefix="errors/!{firehose:error-output-type}/",
        BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900},
    )
    before = datetime.now(UTC)
    hops.put_data(b"1\n")
    hops.step()
    hops.later(86400)
    (key,) = hops.objects()
    assert key.startswith(f"dt={before:%Y-%m-%d}/rows-1-{before:%Y-%m-%d-%H}")


@pytest.mark.behaviour("firehose", "A Kinesis source is read from LATEST, as of the creation")
def test_only_what_comes_after_the_creation_is_delivered(hops: Chain) -> None:
    arn = hops.data_stream()
    hops.put_data(b"before")
    created = datetime.now(UTC)
    # Kinesis tells arrival in milliseconds: let the next one begin.
    while datetime.now(UTC).microsecond // 1000 == created.microsecond // 1000:
        pass
    hops.bucket()
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName="rows",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration=hops.destination(),
    )
    hops.put_data(b"after")
    hops.step()
    hops.later(60)
    assert hops.delivered() == b"after"


@pytest.mark.behaviour("firehose", "All shards of a source are read")
def test_all_shards_are_read(hops: Chain) -> None:
    hops.bucket()
    arn = hops.data_stream(shards=3)
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName="rows",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={"KinesisStreamARN": arn, "RoleARN": ROLE},
        ExtendedS3DestinationConfiguration=hops.destination(),
    )
    for number in range(30):
        hops.put_data(f"{number}\n".encode(), key=str(number))
    hops.step()
    hops.later(60)
    assert sorted(map(int, hops.delivered().split())) == list(range(30))


@pytest.mark.behaviour("firehose", "Records may be put directly, one or up to 500 at once")
def test_direct_puts(hops: Chain) -> None:
    hops.delivery(direct=True)
    firehose = hops.client("firehose")
    put = firehose.put_record(DeliveryStreamName="rows", Record={"Data": b"1\n"})
    batch = firehose.put_record_batch(
        DeliveryStreamName="rows", Records=[{"Data": b"2\n"}, {"Data": b"3\n"}]
    )
    assert batch["FailedPutCount"] == 0
    ids = {put["RecordId"], *(answer["RecordId"] for answer in batch["RequestResponses"])}
    assert len(ids) == 3
    hops.step()
    hops.later(60)
    assert hops.delivered() == b"1\n2\n3\n"


@pytest.mark.behaviour("firehose", "While S3 takes nothing, records stay buffered, and are retried")
def test_s3_failure_loses_nothing(hops: Chain) -> None:
    hops.delivery()
    s3 = hops.client("s3")
    s3.delete_bucket(Bucket="lake")
    hops.put_data(b"1\n")
    hops.step()
    hops.later(60)
    hops.put_data(b"2\n")
    for _ in range(120):
        hops.later(600)
    s3.create_bucket(Bucket="lake")
    hops.later(180)
    assert sorted(hops.objects().values()) == [b"1\n", b"2\n"]


@pytest.mark.behaviour("firehose", "After 24 hours of failure S3 has lost its chance")
def test_s3_failure_of_a_day(hops: Chain) -> None:
    hops.delivery()
    s3 = hops.client("s3")
    s3.delete_bucket(Bucket="lake")
    hops.put_data(b"1\n")
    hops.step()
    hops.later(60)
    hops.later(86401)
    s3.create_bucket(Bucket="lake")
    hops.later(600)
    assert hops.objects() == {}


@pytest.mark.behaviour(
    "firehose", "Errors of delivery are logged to CloudWatch, if that is enabled"
)
def test_errors_are_logged(hops: Chain) -> None:
    logs = hops.client("logs")
    logs.create_log_group(logGroupName="delivery")
    logs.create_log_stream(logGroupName="delivery", logStreamName="S3")
    hops.delivery(
        CloudWatchLoggingOptions={
            "Enabled": True,
            "LogGroupName": "delivery",
            "LogStreamName": "S3",
        }
    )
    hops.client("s3").delete_bucket(Bucket="lake")
    hops.put_data(b"1\n")
    hops.step()
    hops.later(60)
    (event,) = logs.get_log_events(logGroupName="delivery", logStreamName="S3")["events"]
    message = json.loads(event["message"])
    assert message["errorCode"] == "S3.NoSuchBucket"
    assert message["deliveryStreamARN"].endswith(":deliverystream/rows")


@pytest.mark.behaviour("firehose", "After a restart all that was buffered is delivered")
def test_restart_loses_nothing(hops: Chain) -> None:
    hops.delivery(ProcessingConfiguration=hops.processing("none", BufferIntervalInSeconds=60))
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName="direct", ExtendedS3DestinationConfiguration=hops.destination()
    )
    hops.step()
    put = hops.client("firehose").put_record
    hops.put_data(b"1")
    put(DeliveryStreamName="direct", Record={"Data": b"2"})
    hops.step()
    put(DeliveryStreamName="direct", Record={"Data": b"3"})
    service = next(s for s in hops.aws.services if s.name == "firehose")
    state = json.loads(json.dumps(service.snapshot()))
    service.reset()
    service.restore(state)
    hops.put_data(b"4")
    hops.client("firehose").update_destination(
        DeliveryStreamName="rows",
        CurrentDeliveryStreamVersionId="1",
        DestinationId="destinationId-000000000001",
        ExtendedS3DestinationUpdate={"ProcessingConfiguration": {"Enabled": False}},
    )
    for _ in range(3):
        hops.later(60)
    assert sorted(hops.delivered()) == list(b"1234")


@pytest.mark.behaviour("firehose", "Records in, processed and delivered are counted in CloudWatch")
def test_metrics_are_published(hops: Chain) -> None:
    hops.delivery()
    hops.put_data(b"1\n", b"2\n")
    hops.step()
    hops.later(60)
    hops.later(60)
    cloudwatch = hops.client("cloudwatch")

    def total(name: str) -> float:
        points = cloudwatch.get_metric_statistics(
            Namespace="AWS/Firehose",
            MetricName=name,
            Dimensions=[{"Name": "DeliveryStreamName", "Value": "rows"}],
            StartTime=hops.now - timedelta(days=1),
            EndTime=hops.now + timedelta(days=1),
            Period=86400,
            Statistics=["Sum"],
        )["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    assert total("DataReadFromKinesisStream.Records") == 2
    assert total("DataReadFromKinesisStream.Bytes") == 4
    assert total("DeliveryToS3.Records") == 2
    assert total("DeliveryToS3.Success") == 1
    assert 59 < total("DeliveryToS3.DataFreshness") < 70
