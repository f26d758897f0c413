"""Lambda functions find what they would find on AWS."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from localaws.server import LocalAws
from localaws_chain import chain

IMPORTS_WHAT_IS_INSTALLED_HERE = """
import duckdb
def handler(event, context):
    return "found"
"""
USES_THE_SDK = """
import os
import boto3, botocore, dateutil, jmespath, s3transfer, six, urllib3
def handler(event, context):
    return [b["Name"] for b in boto3.client("s3").list_buckets()["Buckets"]]
"""


@pytest.mark.behaviour(
    "lambda", "A package that the zip lacks is missing, if it is installed or not"
)
def test_missing_package_fails(local_aws: LocalAws) -> None:
    hops = chain(local_aws)
    hops.function(IMPORTS_WHAT_IS_INSTALLED_HERE)
    answer = hops.client("lambda").invoke(FunctionName="transform")
    assert answer["FunctionError"] == "Unhandled"
    assert "No module named 'duckdb'" in json.load(answer["Payload"])["errorMessage"]


@pytest.mark.behaviour("lambda", "A function has the AWS SDK, and it calls the local AWS")
def test_sdk_is_there_and_calls_this_aws(local_aws: LocalAws) -> None:
    hops = chain(local_aws)
    hops.bucket("lake")
    hops.function(USES_THE_SDK)
    answer = hops.client("lambda").invoke(FunctionName="transform")
    assert json.load(answer["Payload"]) == ["lake"]


@pytest.mark.usefixtures("local_aws")
def test_other_subprocesses_keep_our_environment() -> None:
    command = [sys.executable, "-c", "import duckdb, sys; print(sys.prefix)"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == sys.prefix
