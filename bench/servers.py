"""Servers for the benchmarks, each fresh and in its own process, and a deployment on them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import httpx

from salesflow.deployment import (
    STACKS,
    deployment_prefix,
    parameters_for,
    read_templates,
    stack_name,
    stack_outputs,
    upload_artefacts,
)
from salesflow.local import ROOT, aws_environment
from salesflow.packaging import LambdaPackage, build_package
from salesflow.patience import Patience
from salesflow.stacks import deploy_stack

STAGE = "bench"
FUNCTIONS = ("transform_orders", "generate_orders", "aggregate_orders")
_START_SECONDS = 60


def build_packages(target: Path) -> list[LambdaPackage]:
    """The Lambda packages, as the pipeline deploys them."""
    return [build_package(ROOT / "lambdas" / name, target) for name in FUNCTIONS]


@contextmanager
def local_aws() -> Iterator[None]:
    """A fresh local AWS; the AWS environment variables point to it."""
    with _serving([sys.executable, "-m", "localaws"], "SALESFLOW_AWS_PORT"):
        yield


@contextmanager
def ministack() -> Iterator[None]:
    """A fresh MiniStack without our services; the AWS environment variables point to it."""
    with _serving([sys.executable, "-m", "ministack"], "GATEWAY_PORT"):
        yield


def deploy(stacks: Sequence[str] = STACKS, **overrides: str) -> dict[str, str]:
    """Deploy stacks in order; returns their outputs.

    Args:
        overrides: parameters of the streaming stack.
    """
    cloudformation: Any = boto3.client("cloudformation")
    prefix = deployment_prefix(STAGE)
    templates = read_templates(ROOT / "infra" / "cloudformation")
    outputs: dict[str, str] = {}
    code: dict[str, str] = {}
    for stack in stacks:
        given = {"Stage": STAGE} | (overrides | code if stack == "streaming" else {})
        parameters = parameters_for(templates[stack], outputs, given)
        deploy_stack(
            cloudformation,
            stack_name(prefix, stack),
            templates[stack],
            parameters,
            patience=Patience(timeout=120, interval=0.1),
        )
        outputs |= stack_outputs(cloudformation, prefix, [stack])
        if stack == "storage":
            with tempfile.TemporaryDirectory() as folder:
                packages = build_packages(Path(folder))
                code = upload_artefacts(boto3.client("s3"), outputs["ArtefactBucketName"], packages)
    return outputs


@contextmanager
def _serving(command: list[str], port_variable: str) -> Iterator[None]:
    port = _free_port()
    quiet = {
        "BIND_HOST": "127.0.0.1",
        "IOT_MTLS_ENABLED": "0",
        "SFTP_ENABLED": "0",
        "LOG_LEVEL": "ERROR",
    }
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen(
        command,
        env=os.environ | quiet | {port_variable: str(port)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        try:
            _wait_for(f"{url}/_ministack/health", process)
            with _environment(aws_environment(url)):
                yield
        finally:
            process.terminate()


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(url).is_success:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    raise RuntimeError(f"{process.args!r} doesn't answer at {url}")


@contextmanager
def _environment(variables: Mapping[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
