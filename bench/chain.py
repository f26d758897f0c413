"""The whole local chain beside its limit (the writer alone) and a peer (MiniStack's Firehose)."""

from __future__ import annotations

import base64
import gzip
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import boto3

from bench.events import firehose_event, writes
from bench.measurement import Measurement
from bench.servers import build_packages, deploy, local_aws, ministack
from salesflow.orders import Write
from salesflow.writer import TableWriter, connect

ORDERS = 10_000
PEER_RECORDS = 100
BUFFER_SECONDS = 1
ARRIVAL_SECONDS = 120


def measure() -> list[Measurement]:
    """Changes per second from write to S3, and what they are held against."""
    changes = writes(ORDERS)
    limit = _writer_alone(changes)
    chain, tail = _whole_chain(changes)
    peer = _ministacks_firehose()
    return [
        Measurement("chain: the writer alone, nothing moving", limit, "changes/s"),
        Measurement("chain: from write to S3", chain, "changes/s"),
        Measurement(
            "chain: beside the writer alone",
            100 * chain / limit,
            "%",
            "≥ 80",
            chain >= 0.8 * limit,
        ),
        Measurement("chain: MiniStack's Firehose, same Lambda", peer, "records/s"),
        Measurement(
            "chain: beside MiniStack's Firehose", chain / peer, "×", "≥ 100", chain >= 100 * peer
        ),
        Measurement(
            "chain: last write to last row, beyond the buffering",
            tail - BUFFER_SECONDS,
            "s",
            "< 2",
            tail - BUFFER_SECONDS < 2,
        ),
    ]


def _writer_alone(changes: Sequence[Write]) -> float:
    with local_aws():
        outputs = deploy(["storage"])
        begin = time.perf_counter()
        _write(outputs, changes)
        return len(changes) / (time.perf_counter() - begin)


def _whole_chain(changes: Sequence[Write]) -> tuple[float, float]:
    """Changes per second from the first write to the last row in S3, and the seconds from the
    last acknowledged write to that row."""
    with local_aws():
        outputs = deploy(
            ["storage", "streaming"],
            BufferIntervalSeconds=str(BUFFER_SECONDS),
            TransformBufferIntervalSeconds="0",
        )
        begin = time.perf_counter()
        _write(outputs, changes)
        written = time.perf_counter()
        _wait_for_rows(outputs["LakeBucketName"], len(changes))
        arrived = time.perf_counter()
    return len(changes) / (arrived - begin), arrived - written


def _write(outputs: dict[str, str], changes: Sequence[Write]) -> None:
    TableWriter(client=connect(), table=outputs["OrdersTableName"]).write(changes)


def _wait_for_rows(bucket: str, expected: int) -> None:
    s3: Any = boto3.client("s3")
    counted: dict[str, int] = {}
    deadline = time.monotonic() + ARRIVAL_SECONDS
    while time.monotonic() < deadline:
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="bronze/"):
            for entry in page.get("Contents", []):
                key = entry["Key"]
                if key not in counted:
                    body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
                    counted[key] = gzip.decompress(body).count(b"\n")
        if sum(counted.values()) >= expected:
            return
        time.sleep(0.1)
    raise RuntimeError(f"{sum(counted.values())} of {expected} rows within {ARRIVAL_SECONDS} s")


def _ministacks_firehose() -> float:
    """Records per second of MiniStack's own Firehose, with our Lambda as its processor."""
    with ministack(), tempfile.TemporaryDirectory() as folder:
        package = build_packages(Path(folder))[0]
        role = "arn:aws:iam::000000000000:role/bench"
        s3: Any = boto3.client("s3")
        s3.create_bucket(Bucket="bench-lake")
        function = boto3.client("lambda").create_function(
            FunctionName="transform",
            Runtime="python3.13",
            Role=role,
            Handler="handler.handler",
            Code={"ZipFile": package.path.read_bytes()},
            Timeout=60,
        )["FunctionArn"]
        firehose: Any = boto3.client("firehose")
        firehose.create_delivery_stream(
            DeliveryStreamName="bench",
            ExtendedS3DestinationConfiguration={
                "RoleARN": role,
                "BucketARN": "arn:aws:s3:::bench-lake",
                "ProcessingConfiguration": {
                    "Enabled": True,
                    "Processors": [
                        {
                            "Type": "Lambda",
                            "Parameters": [
                                {"ParameterName": "LambdaArn", "ParameterValue": function}
                            ],
                        }
                    ],
                },
            },
        )
        records = [
            {"Data": base64.b64decode(record["data"])}
            for record in firehose_event(PEER_RECORDS + 1)["records"]
        ]
        # The first one starts the Lambda, which isn't what is compared.
        firehose.put_record(DeliveryStreamName="bench", Record=records.pop())
        begin = time.perf_counter()
        firehose.put_record_batch(DeliveryStreamName="bench", Records=records)
        return PEER_RECORDS / (time.perf_counter() - begin)
