"""Firehose: the API."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from localaws.server import LocalAws
from localaws_chain import ROLE, Chain, chain


@pytest.fixture
def hops(local_aws: LocalAws) -> Chain:
    return chain(local_aws)


def create(hops: Chain, name: str = "rows", **destination: Any) -> None:
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName=name,
        ExtendedS3DestinationConfiguration=hops.destination(**destination),
    )


def describe(hops: Chain, name: str = "rows") -> dict[str, Any]:
    answer = hops.client("firehose").describe_delivery_stream(DeliveryStreamName=name)
    description: dict[str, Any] = answer["DeliveryStreamDescription"]
    return description


def lambda_processing(**parameters: str) -> dict[str, Any]:
    given = [{"ParameterName": n, "ParameterValue": v} for n, v in parameters.items()]
    return {"Enabled": True, "Processors": [{"Type": "Lambda", "Parameters": given}]}


@pytest.mark.behaviour("firehose", "A delivery stream goes through CREATING, ACTIVE, DELETING")
def test_states(hops: Chain) -> None:
    firehose = hops.client("firehose")
    create(hops)
    assert describe(hops)["DeliveryStreamStatus"] == "CREATING"
    with pytest.raises(firehose.exceptions.ResourceInUseException):
        create(hops)
    hops.step()
    assert describe(hops)["DeliveryStreamStatus"] == "ACTIVE"
    firehose.delete_delivery_stream(DeliveryStreamName="rows")
    assert describe(hops)["DeliveryStreamStatus"] == "DELETING"
    hops.step()
    with pytest.raises(firehose.exceptions.ResourceNotFoundException, match="rows"):
        describe(hops)


@pytest.mark.behaviour("firehose", "Buffering hints default to 5 MiB and 300 s")
def test_description(hops: Chain) -> None:
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName="rows",
        ExtendedS3DestinationConfiguration={"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"},
    )
    described = describe(hops)
    assert described["DeliveryStreamType"] == "DirectPut"
    assert described["VersionId"] == "1"
    assert described["HasMoreDestinations"] is False
    (destination,) = described["Destinations"]
    assert destination["DestinationId"] == "destinationId-000000000001"
    s3 = destination["ExtendedS3DestinationDescription"]
    assert s3["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert s3["CompressionFormat"] == "UNCOMPRESSED"
    assert s3["S3BackupMode"] == "Disabled"


def test_kinesis_source_is_described(hops: Chain) -> None:
    hops.delivery()
    source = describe(hops)["Source"]["KinesisStreamSourceDescription"]
    assert source["KinesisStreamARN"] == hops.aws.aws.arn("kinesis", "stream/cdc")
    assert source["DeliveryStartTimestamp"] == describe(hops)["CreateTimestamp"]


@pytest.mark.behaviour("firehose", "An update keeps what it doesn't name, and raises the version")
def test_update(hops: Chain) -> None:
    hops.delivery(direct=True, CompressionFormat="GZIP")
    update = hops.client("firehose").update_destination
    known = {"DeliveryStreamName": "rows", "DestinationId": "destinationId-000000000001"}
    update(
        **known,
        CurrentDeliveryStreamVersionId="1",
        ExtendedS3DestinationUpdate={"Prefix": "new/"},
    )
    described = describe(hops)
    s3 = described["Destinations"][0]["ExtendedS3DestinationDescription"]
    assert (described["VersionId"], s3["Prefix"]) == ("2", "new/")
    assert s3["CompressionFormat"] == "GZIP"
    exceptions = hops.client("firehose").exceptions
    with pytest.raises(exceptions.ConcurrentModificationException, match="do not match"):
        update(
            **known,
            CurrentDeliveryStreamVersionId="1",
            ExtendedS3DestinationUpdate={"Prefix": "newer/"},
        )
    hops.client("firehose").put_record(DeliveryStreamName="rows", Record={"Data": b"1"})
    hops.step()
    hops.later(60)
    (key,) = hops.objects()
    assert key.startswith("new/")
    assert "/rows-2-" in key


def test_list_is_filtered_and_paged(hops: Chain) -> None:
    for name in ("c", "a", "b"):
        create(hops, name)
    listed = hops.client("firehose").list_delivery_streams
    first = listed(Limit=2)
    assert first["DeliveryStreamNames"] == ["a", "b"]
    assert first["HasMoreDeliveryStreams"] is True
    rest = listed(ExclusiveStartDeliveryStreamName="b")
    assert rest["DeliveryStreamNames"] == ["c"]
    assert listed(DeliveryStreamType="KinesisStreamAsSource")["DeliveryStreamNames"] == []


def test_tags(hops: Chain) -> None:
    create(hops)
    firehose = hops.client("firehose")
    tags = [{"Key": k, "Value": v} for k, v in (("a", "1"), ("b", "2"))]
    firehose.tag_delivery_stream(DeliveryStreamName="rows", Tags=tags)
    firehose.untag_delivery_stream(DeliveryStreamName="rows", TagKeys=["a"])
    listed = firehose.list_tags_for_delivery_stream(DeliveryStreamName="rows")
    assert listed["Tags"] == [{"Key": "b", "Value": "2"}]
    assert listed["HasMoreTags"] is False


@pytest.mark.behaviour("firehose", "A delivery stream with a Kinesis source can't be put to")
def test_kinesis_source_refuses_puts(hops: Chain) -> None:
    hops.delivery()
    firehose = hops.client("firehose")
    with pytest.raises(firehose.exceptions.InvalidSourceException):
        firehose.put_record(DeliveryStreamName="rows", Record={"Data": b"1"})


@pytest.mark.behaviour("firehose", "Puts over 1,000 KB a record or 4 MiB a batch are refused")
@pytest.mark.parametrize("sizes", [[1_024_001], [900_000] * 5])
def test_puts_have_limits(hops: Chain, sizes: list[int]) -> None:
    hops.delivery(direct=True)
    firehose = hops.client("firehose")
    with pytest.raises(firehose.exceptions.InvalidArgumentException, match=r"limit|less than"):
        firehose.put_record_batch(
            DeliveryStreamName="rows", Records=[{"Data": b"x" * size} for size in sizes]
        )


@pytest.mark.behaviour("firehose", "Encryption, other sources and other destinations are refused")
@pytest.mark.parametrize(
    ("parameters", "says"),
    [
        (
            {"DeliveryStreamEncryptionConfigurationInput": {"KeyType": "AWS_OWNED_CMK"}},
            "Encryption",
        ),
        ({"DeliveryStreamType": "MSKAsSource"}, "MSKAsSource"),
        ({"DeliveryStreamType": "KinesisStreamAsSource"}, "doesn't fit"),
        (
            {
                "HttpEndpointDestinationConfiguration": {
                    "EndpointConfiguration": {"Url": "https://a.example"},
                    "S3Configuration": {"RoleARN": ROLE, "BucketARN": "arn:aws:s3:::lake"},
                }
            },
            "HttpEndpointDestinationConfiguration",
        ),
    ],
)
def test_other_streams_are_refused(hops: Chain, parameters: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match="InvalidArgumentException") as refused:
        hops.client("firehose").create_delivery_stream(
            DeliveryStreamName="rows",
            ExtendedS3DestinationConfiguration=hops.destination(),
            **parameters,
        )
    assert says in refused.value.response["Error"]["Message"]


@pytest.mark.behaviour("firehose", "What is wrong or not supported in a destination is refused")
@pytest.mark.parametrize(
    ("destination", "says"),
    [
        ({"BufferingHints": {"SizeInMBs": 5}}, "or neither"),
        (
            {"BufferingHints": {"SizeInMBs": 129, "IntervalInSeconds": 60}},
            "less than or equal to 128",
        ),
        (
            {"BufferingHints": {"SizeInMBs": 5, "IntervalInSeconds": 901}},
            "less than or equal to 900",
        ),
        ({"CompressionFormat": "Snappy"}, "Snappy"),
        ({"S3BackupMode": "Enabled"}, "S3BackupMode"),
        ({"DynamicPartitioningConfiguration": {"Enabled": True}}, "DynamicPartitioning"),
        ({"DataFormatConversionConfiguration": {}}, "DataFormatConversion"),
        ({"Prefix": "!{timestamp:yyyy}/"}, "ErrorOutputPrefix can't be null"),
        ({"CustomTimeZone": "Mars/Base"}, "Mars/Base"),
        ({"CloudWatchLoggingOptions": {"Enabled": True}}, "LogGroupName"),
        ({"ProcessingConfiguration": lambda_processing()}, "no LambdaArn"),
        (
            {"ProcessingConfiguration": lambda_processing(LambdaArn="f", BufferSizeInMBs="4")},
            "not between 0.2 and 3",
        ),
        (
            {"ProcessingConfiguration": lambda_processing(LambdaArn="f", NumberOfRetries="x")},
            "not a number",
        ),
        (
            {"ProcessingConfiguration": lambda_processing(LambdaArn="f", SubRecordType="JSON")},
            "SubRecordType",
        ),
        (
            {
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [{"Type": "Decompression"}],
                }
            },
            "Decompression",
        ),
    ],
)
def test_bad_destination_is_refused(hops: Chain, destination: dict[str, Any], says: str) -> None:
    with pytest.raises(ClientError, match="InvalidArgumentException") as refused:
        create(hops, **destination)
    assert says in refused.value.response["Error"]["Message"]
    assert hops.client("firehose").list_delivery_streams()["DeliveryStreamNames"] == []


@pytest.mark.behaviour("firehose", "Processing that isn't enabled is not done")
def test_disabled_processing_is_accepted_and_not_done(hops: Chain) -> None:
    processing = {**lambda_processing(LambdaArn="f"), "Enabled": False}
    hops.delivery(direct=True, ProcessingConfiguration=processing)
    hops.client("firehose").put_record(DeliveryStreamName="rows", Record={"Data": b"1"})
    hops.step()
    hops.later(60)
    assert hops.delivered() == b"1"


@pytest.mark.behaviour("firehose", "An operation that isn't supported says so")
def test_unsupported_operation(hops: Chain) -> None:
    create(hops)
    with pytest.raises(ClientError, match="does not support firehose:StopDeliveryStreamEncryption"):
        hops.client("firehose").stop_delivery_stream_encryption(DeliveryStreamName="rows")
