"""A restart of the whole local AWS, with a data directory, while changes are under way."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from localaws.server import LocalAws
from localaws.service import Aws
from localaws_chain import Chain

DEADLINE_SECONDS = 60
#: Keeps what it sees, one object an invocation, in the order of the stream.
KEEPS = """
import base64, json, boto3
def handler(event, context):
    names = []
    for record in event["Records"]:
        data = base64.b64decode(record["kinesis"]["data"]).decode()
        is_change = data.startswith("{")
        names.append(json.loads(data)["dynamodb"]["Keys"]["orderid"]["S"] if is_change else data)
    first = event["Records"][0]["kinesis"]["sequenceNumber"]
    boto3.client("s3").put_object(
        Bucket="lake", Key="kept/" + first.zfill(60), Body=" ".join(names) + "\\n"
    )
"""


@contextmanager
def serving(data_dir: Path) -> Iterator[Chain]:
    """The local AWS in its own process, on its own clock."""
    command = [sys.executable, "-m", "localaws", "--port", "0", "--data-dir", str(data_dir)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().split()[-1]
        try:
            aws: Any = SimpleNamespace(aws=Aws(url))
            yield Chain(cast(LocalAws, aws), datetime.now(UTC))
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(DEADLINE_SECONDS)


def until(there: Callable[[], bool]) -> None:
    """Look until something is there; the server takes its own time."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not there():
        assert time.monotonic() < deadline, "it did not come"


@pytest.mark.behaviour(
    "server", "With a data directory nothing that is under way is lost by a restart"
)
def test_changes_under_way_survive_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as hops:
        parameters = hops.pipe_parameters(
            hops.table(), hops.data_stream(), MaximumBatchingWindowInSeconds=300
        )
        hops.bucket()
        hops.client("firehose").create_delivery_stream(
            DeliveryStreamName="rows",
            ExtendedS3DestinationConfiguration=hops.destination(
                BufferingHints={"SizeInMBs": 1, "IntervalInSeconds": 900}
            ),
        )
        hops.client("pipes").create_pipe(**parameters)
        mapping = hops.client("lambda").create_event_source_mapping(
            EventSourceArn=parameters["Target"],
            FunctionName=hops.function(KEEPS, "keep", Timeout=60),
            StartingPosition="TRIM_HORIZON",
            MaximumBatchingWindowInSeconds=300,
        )["UUID"]
        until(lambda: state_of_all(hops, mapping) == {"RUNNING", "ACTIVE", "Enabled"})
        hops.put_data(b"early")
        hops.put("1")
        hops.put("2")
        hops.client("firehose").put_record(DeliveryStreamName="rows", Record={"Data": b"a"})
    with serving(tmp_path) as hops:
        hops.client("pipes").update_pipe(
            Name="changes",
            RoleArn=parameters["RoleArn"],
            SourceParameters={"DynamoDBStreamParameters": {"BatchSize": 1}},
        )
        hops.client("firehose").update_destination(
            DeliveryStreamName="rows",
            DestinationId="destinationId-000000000001",
            CurrentDeliveryStreamVersionId="1",
            ExtendedS3DestinationUpdate={
                "BufferingHints": {"SizeInMBs": 1, "IntervalInSeconds": 0}
            },
        )
        hops.client("lambda").update_event_source_mapping(
            UUID=mapping, MaximumBatchingWindowInSeconds=0
        )
        hops.put("3")
        until(lambda: len(kept(hops)) == len(hops.records()) == 4 and bool(hops.delivered("20")))
        assert hops.delivered("20") == b"a"
        assert kept(hops) == ["early", "1", "2", "3"]


def kept(hops: Chain) -> list[str]:
    """The orders whose changes the mapping's function has seen."""
    return hops.delivered("kept/").decode().split()


def state_of_all(hops: Chain, mapping: str) -> set[str]:
    pipe = hops.client("pipes").describe_pipe(Name="changes")
    stream = hops.client("firehose").describe_delivery_stream(DeliveryStreamName="rows")
    return {
        pipe["CurrentState"],
        stream["DeliveryStreamDescription"]["DeliveryStreamStatus"],
        hops.client("lambda").get_event_source_mapping(UUID=mapping)["State"],
    }
