"""Builds the hops that changes go through, by the public APIs of AWS."""

from __future__ import annotations

import gzip
import io
import json
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.server import LocalAws

ROLE = "arn:aws:iam::000000000000:role/mover"
#: A Lambda function that answers each record as it is, in upper case.
UPPER = """
import base64
def handler(event, context):
    return {"records": [
        {"recordId": r["recordId"], "result": "Ok",
         "data": base64.b64encode(base64.b64decode(r["data"]).upper()).decode()}
        for r in event["records"]]}
"""


@dataclass
class Chain:
    """The parts of a chain, made when they are asked for."""

    aws: LocalAws
    now: datetime

    def client(self, service: str) -> Any:
        return self.aws.aws.client(service)

    def later(self, seconds: float) -> None:
        """Let time pass, and let happen what is due then."""
        self.now += timedelta(seconds=seconds)
        self.step()

    def step(self) -> None:
        self.aws.step(self.now)

    # ------------------------------------------------------------------ table

    def table(self, name: str = "orders", key_type: str = "S") -> str:
        """A table with a stream; returns the stream's ARN."""
        answer = self.client("dynamodb").create_table(
            TableName=name,
            KeySchema=[{"AttributeName": "orderid", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "orderid", "AttributeType": key_type}],
            BillingMode="PAY_PER_REQUEST",
            StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"},
        )
        arn: str = answer["TableDescription"]["LatestStreamArn"]
        return arn

    def put(self, orderid: str, table: str = "orders", **attributes: Any) -> None:
        item = {"orderid": {"S": orderid}, **attributes}
        self.client("dynamodb").put_item(TableName=table, Item=item)

    def disable_stream(self, table: str = "orders") -> None:
        self.client("dynamodb").update_table(
            TableName=table, StreamSpecification={"StreamEnabled": False}
        )

    # ------------------------------------------------------------------ data stream

    def data_stream(self, name: str = "cdc", shards: int = 1) -> str:
        """A Kinesis data stream; returns its ARN."""
        kinesis = self.client("kinesis")
        kinesis.create_stream(StreamName=name, ShardCount=shards)
        answer = kinesis.describe_stream_summary(StreamName=name)
        arn: str = answer["StreamDescriptionSummary"]["StreamARN"]
        return arn

    def put_data(self, *records: bytes, name: str = "cdc", key: str = "k") -> None:
        self.client("kinesis").put_records(
            StreamName=name,
            Records=[{"Data": data, "PartitionKey": key} for data in records],
        )

    def records(self, name: str = "cdc") -> list[dict[str, Any]]:
        """All records of a data stream, shard after shard."""
        kinesis = self.client("kinesis")
        found = []
        for shard in kinesis.list_shards(StreamName=name)["Shards"]:
            iterator = kinesis.get_shard_iterator(
                StreamName=name, ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON"
            )["ShardIterator"]
            found += kinesis.get_records(ShardIterator=iterator, Limit=10_000)["Records"]
        return found

    def changes(self, name: str = "cdc") -> list[dict[str, Any]]:
        """The records of a data stream, as JSON."""
        return [json.loads(record["Data"]) for record in self.records(name)]

    def keys(self, name: str = "cdc") -> list[str]:
        """The order ids of the changes in a data stream."""
        return [change["dynamodb"]["Keys"]["orderid"]["S"] for change in self.changes(name)]

    # ------------------------------------------------------------------ pipe

    def pipe_parameters(self, source: str, target: str, **stream: Any) -> dict[str, Any]:
        """Parameters of CreatePipe; ``stream`` are those of the DynamoDB stream."""
        return {
            "Name": "changes",
            "RoleArn": ROLE,
            "Source": source,
            "SourceParameters": {
                "DynamoDBStreamParameters": {"StartingPosition": "TRIM_HORIZON", **stream}
            },
            "Target": target,
            "TargetParameters": {
                "KinesisStreamParameters": {"PartitionKey": "$.dynamodb.Keys.orderid.S"}
            },
        }

    def pipe(self, **stream: Any) -> None:
        """A running pipe from the table `orders` to the data stream `cdc`, which are made too."""
        parameters = self.pipe_parameters(self.table(), self.data_stream(), **stream)
        self.client("pipes").create_pipe(**parameters)
        self.step()

    def queue(self, name: str = "letters") -> str:
        """A queue; returns its ARN."""
        self.client("sqs").create_queue(QueueName=name)
        return self.aws.aws.arn("sqs", name)

    def letters(self, name: str = "letters") -> list[dict[str, Any]]:
        """The messages of a queue, as JSON."""
        sqs = self.client("sqs")
        url = sqs.get_queue_url(QueueName=name)["QueueUrl"]
        found = []
        while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                found.append(json.loads(message["Body"]))
                sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return found

    # ------------------------------------------------------------------ function

    def function(self, source: str, name: str = "transform", **settings: Any) -> str:
        """A Lambda function of one Python file; returns its ARN."""
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("handler.py", source)
        answer = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Handler="handler.handler",
            Role=ROLE,
            Code={"ZipFile": buffer.getvalue()},
            **settings,
        )
        arn: str = answer["FunctionArn"]
        return arn

    # ------------------------------------------------------------------ delivery stream

    def bucket(self, name: str = "lake") -> str:
        self.client("s3").create_bucket(Bucket=name)
        return f"arn:aws:s3:::{name}"

    def destination(self, **parameters: Any) -> dict[str, Any]:
        """An ExtendedS3DestinationConfiguration to the bucket `lake`."""
        return {
            "RoleARN": ROLE,
            "BucketARN": "arn:aws:s3:::lake",
            "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 60},
            **parameters,
        }

    def delivery(self, *, direct: bool = False, **parameters: Any) -> None:
        """An active delivery stream `rows` to the bucket `lake`, which is made too."""
        self.bucket()
        source = {}
        if not direct:
            source = {
                "DeliveryStreamType": "KinesisStreamAsSource",
                "KinesisStreamSourceConfiguration": {
                    "KinesisStreamARN": self.data_stream(),
                    "RoleARN": ROLE,
                },
            }
        self.client("firehose").create_delivery_stream(
            DeliveryStreamName="rows",
            ExtendedS3DestinationConfiguration=self.destination(**parameters),
            **source,
        )
        self.step()

    def processing(self, function_arn: str, **parameters: Any) -> dict[str, Any]:
        """A ProcessingConfiguration that invokes a function."""
        given = {"LambdaArn": function_arn, "BufferIntervalInSeconds": 0, **parameters}
        return {
            "Enabled": True,
            "Processors": [
                {
                    "Type": "Lambda",
                    "Parameters": [
                        {"ParameterName": name, "ParameterValue": str(value)}
                        for name, value in given.items()
                    ],
                }
            ],
        }

    def objects(self, prefix: str = "", bucket: str = "lake") -> dict[str, bytes]:
        """The objects of a bucket, unzipped if their name ends in gz."""
        s3 = self.client("s3")
        found = {}
        for item in s3.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", []):
            body = s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
            found[item["Key"]] = gzip.decompress(body) if item["Key"].endswith("gz") else body
        return found

    def delivered(self, prefix: str = "", bucket: str = "lake") -> bytes:
        """All data of a bucket, object after object."""
        return b"".join(self.objects(prefix, bucket).values())


def chain(local_aws: LocalAws) -> Chain:
    return Chain(local_aws, datetime.now(UTC))
