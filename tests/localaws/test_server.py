"""The local AWS as a process: its port, its state, its account."""

from __future__ import annotations

import io
import json
import socket
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from localaws.server import LocalAws

USES_THE_SDK = """
import boto3
def handler(event, context):
    return [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
"""


@contextmanager
def served(*arguments: str) -> Iterator[str]:
    """``python -m localaws`` on a free port; gives its address."""
    command = [sys.executable, "-m", "localaws", "--port", "0", *arguments]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        try:
            yield line.split()[-1]
        finally:
            process.terminate()
            assert process.wait(timeout=30) == 0


def client(service: str, url: str) -> Any:
    return boto3.client(
        service,
        endpoint_url=url,
        aws_access_key_id="test",
        aws_secret_access_key="test",
        region_name="us-east-1",
    )


@pytest.mark.behaviour("server", "State survives a restart when a data directory is given")
def test_state_survives_a_restart_when_a_data_directory_is_given(tmp_path: Path) -> None:
    for attempt in (1, 2):
        with served("--data-dir", str(tmp_path)) as url:
            s3 = client("s3", url)
            if attempt == 1:
                s3.create_bucket(Bucket="kept-bucket")
                s3.put_object(Bucket="kept-bucket", Key="a", Body=b"1")
            assert s3.get_object(Bucket="kept-bucket", Key="a")["Body"].read() == b"1"


@pytest.mark.behaviour("server", "A port that is taken is named, with the variable that changes it")
def test_a_port_that_is_taken_is_named_with_the_variable_that_changes_it() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        done = subprocess.run(
            [sys.executable, "-m", "localaws", "--port", str(port)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert done.returncode == 1
    assert f"127.0.0.1:{port}" in done.stderr
    assert "SALESFLOW_AWS_PORT" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.behaviour("server", "It listens on loopback")
def test_it_listens_on_loopback_only(local_aws: LocalAws) -> None:
    assert local_aws.aws.endpoint_url.startswith("http://127.0.0.1:")


def test_functions_reach_it_where_it_listens() -> None:
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("handler.py", USES_THE_SDK)
    with served("--host", "127.0.0.2") as url:
        client("s3", url).create_bucket(Bucket="lake")
        functions = client("lambda", url)
        functions.create_function(
            FunctionName="lists",
            Runtime="python3.13",
            Handler="handler.handler",
            Role="arn:aws:iam::000000000000:role/lists",
            Code={"ZipFile": package.getvalue()},
        )
        answer = functions.invoke(FunctionName="lists")
        assert json.load(answer["Payload"]) == ["lake"]


@pytest.mark.behaviour(
    "server", "Our services have one account in one region; a request for another is refused"
)
def test_another_account_or_region_is_refused_and_not_mixed_up(local_aws: LocalAws) -> None:
    del local_aws
    elsewhere = boto3.client("athena", region_name="eu-west-1")
    with pytest.raises(ClientError, match="us-east-1, not 000000000000 in eu-west-1"):
        elsewhere.list_work_groups()
