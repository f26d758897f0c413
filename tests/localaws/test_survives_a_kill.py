"""The local AWS is killed (kill -9) under load: what it acknowledged is there when it is back."""

from __future__ import annotations

import json
import random
import resource
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from botocore.exceptions import BotoCoreError, ClientError

from localaws.server import LocalAws
from localaws.service import Aws
from localaws_chain import UPPER, Chain

DEADLINE_SECONDS = 180
KILLS = 2


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Server:
    """The local AWS in its own process, always with the same directory and port."""

    data_dir: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "-m", "localaws", "--port", str(self.port)]
        command += ["--data-dir", str(self.data_dir)]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "ready" in self.process.stdout.readline()

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()

    def chain(self) -> Chain:
        aws: Any = SimpleNamespace(aws=Aws(f"http://127.0.0.1:{self.port}"))
        return Chain(cast(LocalAws, aws), datetime.now(UTC))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = Server(tmp_path_factory.mktemp("aws") / "data")
    server.start()
    yield server
    server.kill()


def until(there: Callable[[], bool]) -> None:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not there():
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.05)


@dataclass
class Writer:
    """Writes to the services that the pipeline uses, and notes what was acknowledged.

    A write whose answer is lost is made again, as every AWS client does it.
    """

    hops: Chain
    orders: dict[str, str] = field(default_factory=dict)
    #: What each change must bring to the end of the chain: order and its value.
    changes: list[tuple[str, str]] = field(default_factory=list)
    objects: dict[str, bytes] = field(default_factory=dict)
    records: dict[str, bytes] = field(default_factory=dict)
    letters: Counter[str] = field(default_factory=Counter)
    stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        number = 0
        while not self.stop.is_set():
            self._round(number)
            number += 1

    def _round(self, number: int) -> None:
        client, value = self.hops.client, f"v{number}"
        batch = [f"o{number}-{i}" for i in range(10)]
        puts = [{"PutRequest": {"Item": self._item(name, value)}} for name in batch]
        self._until_acknowledged(
            lambda: client("dynamodb").batch_write_item(RequestItems={"orders": puts})
        )
        self._wrote(batch, value)
        changed, removed = batch[0], batch[1]
        self._until_acknowledged(
            lambda: client("dynamodb").update_item(
                TableName="orders",
                Key={"orderid": {"S": changed}},
                UpdateExpression="SET payload = :p",
                ExpressionAttributeValues={":p": {"S": "changed"}},
            )
        )
        self._wrote([changed], "changed")
        self._until_acknowledged(
            lambda: client("dynamodb").delete_item(
                TableName="orders", Key={"orderid": {"S": removed}}
            )
        )
        del self.orders[removed]
        self._until_acknowledged(
            lambda: client("s3").put_object(
                Bucket="lake", Key=f"mine/{number}", Body=value.encode(), ContentType="text/x"
            )
        )
        self.objects[f"mine/{number}"] = value.encode()
        answer = self._until_acknowledged(
            lambda: client("kinesis").put_record(
                StreamName="mine", Data=value.encode(), PartitionKey=value
            )
        )
        self.records[answer["SequenceNumber"]] = value.encode()
        url = client("sqs").meta.endpoint_url + "/000000000000/letters"
        self._until_acknowledged(
            lambda: client("sqs").send_message(QueueUrl=url, MessageBody=value)
        )
        self.letters[value] += 1

    def _wrote(self, orders: list[str], value: str) -> None:
        self.orders |= dict.fromkeys(orders, value)
        self.changes += [(order, value) for order in orders]

    def _item(self, orderid: str, value: str) -> dict[str, Any]:
        return {"orderid": {"S": orderid}, "payload": {"S": value}}

    def _until_acknowledged(self, write: Callable[[], dict[str, Any]]) -> dict[str, Any]:
        deadline = time.monotonic() + DEADLINE_SECONDS
        while True:
            try:
                return write()
            except (BotoCoreError, ClientError):
                assert time.monotonic() < deadline, "the server doesn't come back"
                time.sleep(0.05)


@pytest.mark.behaviour(
    "server", "With a data directory what was acknowledged survives a kill (kill -9) under load"
)
def test_what_was_acknowledged_under_load_survives_kills(server: Server) -> None:
    hops = server.chain()
    deploy_chain(hops)
    writer = Writer(hops)
    thread = threading.Thread(target=writer.run)
    thread.start()
    chance = random.Random(11)
    try:
        for _ in range(KILLS):
            time.sleep(chance.uniform(0.3, 1.5))
            server.kill()
            server.start()
    finally:
        writer.stop.set()
        thread.join()

    assert len(writer.orders) > 2 * KILLS
    assert scan(hops) == writer.orders
    assert hops.objects("mine/") == writer.objects
    types = {
        hops.client("s3").head_object(Bucket="lake", Key=key)["ContentType"]
        for key in writer.objects
    }
    assert types == {"text/x"}
    kept = {record["SequenceNumber"]: record["Data"] for record in hops.records("mine")}
    assert kept.items() >= writer.records.items()
    letters = Counter(bodies(hops))
    assert letters >= writer.letters
    until(lambda: set(writer.changes) <= delivered(hops))
    assert {orderid for orderid, _ in delivered(hops)} <= {order for order, _ in writer.changes}


def deploy_chain(hops: Chain) -> None:
    """DynamoDB → pipe → Kinesis → Firehose with a function → S3, with buffers of five seconds;
    and what is written to beside it."""
    parameters = hops.pipe_parameters(hops.table(), hops.data_stream(shards=2))
    hops.data_stream("mine")
    hops.queue()
    hops.bucket()
    hops.client("firehose").create_delivery_stream(
        DeliveryStreamName="rows",
        DeliveryStreamType="KinesisStreamAsSource",
        KinesisStreamSourceConfiguration={
            "KinesisStreamARN": parameters["Target"],
            "RoleARN": parameters["RoleArn"],
        },
        ExtendedS3DestinationConfiguration=hops.destination(
            Prefix="rows/",
            BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 1},
            ProcessingConfiguration=hops.processing(hops.function(UPPER, Timeout=60)),
        ),
    )
    hops.client("pipes").create_pipe(**parameters)


def scan(hops: Chain) -> dict[str, str]:
    pages = hops.client("dynamodb").get_paginator("scan").paginate(TableName="orders")
    return {item["orderid"]["S"]: item["payload"]["S"] for page in pages for item in page["Items"]}


def bodies(hops: Chain) -> list[str]:
    sqs = hops.client("sqs")
    url = sqs.get_queue_url(QueueName="letters")["QueueUrl"]
    found = []
    while messages := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
        found += [message["Body"] for message in messages]
    return found


def delivered(hops: Chain) -> set[tuple[str, str]]:
    """The changes that have come to S3, each as the order and its value."""
    found = set()
    reader = json.JSONDecoder()
    text = hops.delivered("rows/").decode()
    at = 0
    while at < len(text):
        change, at = reader.raw_decode(text, at)
        image = change["DYNAMODB"].get("NEWIMAGE")
        if image:
            found.add((image["ORDERID"]["S"].lower(), image["PAYLOAD"]["S"].lower()))
    return found


TEMPLATE = {
    "Resources": {
        "Ledger": {
            "Type": "AWS::DynamoDB::Table",
            "Properties": {
                "BillingMode": "PAY_PER_REQUEST",
                "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
                "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
                "StreamSpecification": {"StreamViewType": "NEW_AND_OLD_IMAGES"},
            },
        },
        "Changes": {"Type": "AWS::Kinesis::Stream", "Properties": {"ShardCount": 1}},
        "Role": {
            "Type": "AWS::IAM::Role",
            "Properties": {"AssumeRolePolicyDocument": {"Statement": []}},
        },
        "Pipe": {
            "Type": "AWS::Pipes::Pipe",
            "Properties": {
                "RoleArn": {"Fn::GetAtt": ["Role", "Arn"]},
                "Source": {"Fn::GetAtt": ["Ledger", "StreamArn"]},
                "SourceParameters": {
                    "DynamoDBStreamParameters": {"StartingPosition": "LATEST", "BatchSize": 10}
                },
                "Target": {"Fn::GetAtt": ["Changes", "Arn"]},
                "TargetParameters": {"KinesisStreamParameters": {"PartitionKey": "$.eventID"}},
            },
        },
        "WorkGroup": {"Type": "AWS::Athena::WorkGroup", "Properties": {"Name": "stacked"}},
    },
    "Outputs": {name: {"Value": {"Ref": name}} for name in ("Ledger", "Changes", "Pipe")},
}


def stack_outputs(hops: Chain) -> dict[str, str]:
    (stack,) = hops.client("cloudformation").describe_stacks(StackName="books")["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


def stack_status(hops: Chain) -> str:
    (stack,) = hops.client("cloudformation").describe_stacks(StackName="books")["Stacks"]
    status: str = stack["StackStatus"]
    return status


def run(hops: Chain, query: str) -> list[list[str]]:
    """An Athena query's rows, the header left out."""
    athena = hops.client("athena")
    execution = athena.start_query_execution(
        QueryString=query, ResultConfiguration={"OutputLocation": "s3://books/results/"}
    )["QueryExecutionId"]

    def status() -> dict[str, Any]:
        found = athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
        return cast(dict[str, Any], found["Status"])

    until(lambda: status()["State"] not in ("QUEUED", "RUNNING"))
    assert status()["State"] == "SUCCEEDED", status()
    return rows_of(hops, execution)


def rows_of(hops: Chain, execution: str) -> list[list[str]]:
    answer = hops.client("athena").get_query_results(QueryExecutionId=execution)
    rows = [
        [cell.get("VarCharValue", "") for cell in row["Data"]]
        for row in answer["ResultSet"]["Rows"]
    ]
    return rows[1:]


@pytest.mark.behaviour(
    "server", "Stacks survive a kill: they can be updated and deleted, and what they made moves on"
)
@pytest.mark.behaviour("server", "Iceberg tables and the results of queries survive a kill")
def test_stacks_and_lake_survive_a_kill(server: Server) -> None:
    hops = server.chain()
    cloudformation, athena = hops.client("cloudformation"), hops.client("athena")
    cloudformation.create_stack(StackName="books", TemplateBody=json.dumps(TEMPLATE))
    until(lambda: stack_status(hops) == "CREATE_COMPLETE")
    outputs = stack_outputs(hops)
    pipe = hops.client("pipes").describe_pipe(Name=outputs["Pipe"])
    hops.bucket("books")
    hops.client("glue").create_database(DatabaseInput={"Name": "books"})
    run(
        hops,
        "CREATE TABLE books.sold (id string, price decimal(18,4)) "
        "LOCATION 's3://books/sold/' TBLPROPERTIES ('table_type' = 'ICEBERG')",
    )
    run(hops, "INSERT INTO books.sold VALUES ('a', DECIMAL '1.5'), ('b', DECIMAL '2')")
    run(hops, "UPDATE books.sold SET price = DECIMAL '3.25' WHERE id = 'b'")
    sold = run(hops, "SELECT id, price FROM books.sold ORDER BY id")
    newest = athena.list_query_executions()["QueryExecutionIds"][0]
    hops.client("dynamodb").put_item(TableName=outputs["Ledger"], Item={"id": {"S": "1"}})
    server.kill()
    server.start()

    assert stack_status(hops) == "CREATE_COMPLETE"
    assert stack_outputs(hops) == outputs
    again = hops.client("pipes").describe_pipe(Name=outputs["Pipe"])
    assert (again["Arn"], again["CreationTime"]) == (pipe["Arn"], pipe["CreationTime"])
    until(lambda: len(hops.records(outputs["Changes"])) >= 1)
    assert rows_of(hops, newest) == sold == [["a", "1.5000"], ["b", "3.2500"]]
    run(hops, "INSERT INTO books.sold VALUES ('c', DECIMAL '4')")
    rows = run(hops, "SELECT id, price FROM books.sold ORDER BY id")
    assert rows == [*sold, ["c", "4.0000"]]

    changed = json.loads(json.dumps(TEMPLATE))
    properties = changed["Resources"]["Pipe"]["Properties"]
    properties["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] = 20
    cloudformation.update_stack(StackName="books", TemplateBody=json.dumps(changed))
    until(lambda: stack_status(hops) == "UPDATE_COMPLETE")
    updated = hops.client("pipes").describe_pipe(Name=outputs["Pipe"])
    assert updated["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] == 20
    cloudformation.delete_stack(StackName="books")
    until(lambda: outputs["Ledger"] not in hops.client("dynamodb").list_tables()["TableNames"])
    assert all(p["Name"] != outputs["Pipe"] for p in hops.client("pipes").list_pipes()["Pipes"])


@pytest.mark.behaviour(
    "server", "A write that the full disk refuses is answered with an error, and kept when repeated"
)
def test_a_full_disk_is_an_error_and_loses_nothing(server: Server) -> None:
    hops = server.chain()
    assert server.process is not None
    hops.client("sqs").create_queue(QueueName="full")
    url = hops.client("sqs").get_queue_url(QueueName="full")["QueueUrl"]
    hops.bucket("full")
    _, most = resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (4096, most))
    with pytest.raises(ClientError, match=r"state\.sqlite can't be written"):
        hops.client("sqs").send_message(QueueUrl=url, MessageBody="x" * 5000)
    with pytest.raises(ClientError, match="an object of S3 can't be written"):
        hops.client("s3").put_object(Bucket="full", Key="a", Body=bytes(5000))
    resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (most, most))
    hops.client("sqs").send_message(QueueUrl=url, MessageBody="y")
    hops.client("s3").put_object(Bucket="full", Key="a", Body=b"1")
    server.kill()
    server.start()
    answer = hops.client("sqs").receive_message(QueueUrl=url, MaxNumberOfMessages=10)
    assert {message["Body"][0] for message in answer["Messages"]} == {"x", "y"}
    assert hops.objects(bucket="full") == {"a": b"1"}


def test_a_directory_that_cant_be_used_is_named_with_the_variable_that_changes_it(
    tmp_path: Path,
) -> None:
    (tmp_path / "thesis.txt").touch()
    done = subprocess.run(
        [sys.executable, "-m", "localaws", "--port", "0", "--data-dir", str(tmp_path)],
        capture_output=True,
        text=True,
        timeout=DEADLINE_SECONDS,
        check=False,
    )
    assert done.returncode == 1
    assert "it holds thesis.txt" in done.stderr
    assert "SALESFLOW_AWS_DATA" in done.stderr
    assert "Traceback" not in done.stderr
