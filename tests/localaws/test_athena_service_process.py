"""Athena in a server of its own."""

from __future__ import annotations

import subprocess
import sys

import boto3
import pytest

ENDLESS = (
    "SELECT count(*) FROM UNNEST(sequence(1, 10000)) AS a(x) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS b(y) "
    "CROSS JOIN UNNEST(sequence(1, 10000)) AS c(z) WHERE (x * y + z) % 7 = 8"
)


@pytest.mark.behaviour("athena", "A server that is stopped stops its queries, and ends in order.")
def test_a_server_stops_with_a_query_running() -> None:
    command = [sys.executable, "-m", "localaws", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        options = {
            "endpoint_url": server.stdout.readline().split()[-1],
            "region_name": "us-east-1",
            "aws_access_key_id": "test",
            "aws_secret_access_key": "test",
        }
        athena = boto3.client("athena", **options)
        boto3.client("s3", **options).create_bucket(Bucket="lake")
        query_id = athena.start_query_execution(
            QueryString=ENDLESS, ResultConfiguration={"OutputLocation": "s3://lake/"}
        )["QueryExecutionId"]
        state = "QUEUED"
        while state == "QUEUED":
            execution = athena.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
            state = execution["Status"]["State"]
        assert state == "RUNNING"
        server.terminate()
        assert server.wait(timeout=30) == 0
