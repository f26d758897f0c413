"""Servers for the benchmarks, each fresh and in its own process, and a deployment on them."""

from __future__ import annotations

import json
import os
import secrets
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import httpx

from salesflow.demo.processes import Server, wait_for
from salesflow.deployment import (
    STACKS,
    deployment_prefix,
    parameters_for,
    read_templates,
    stack_name,
    stack_outputs,
    upload_artefacts,
)
from salesflow.local import ROOT, airflow_environment, aws_environment, prepare_airflow
from salesflow.packaging import LambdaPackage, build_package
from salesflow.patience import Patience
from salesflow.stacks import deploy_stack

STAGE = "bench"
FUNCTIONS = ("transform_orders", "generate_orders", "aggregate_orders")
_START_SECONDS = 180


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


@dataclass(frozen=True)
class ApiServer:
    """A running API server of Airflow: the dashboard's address there, and somebody's login."""

    url: str
    headers: dict[str, str]
    pid: int

    def memory(self) -> float:
        """Its resident memory in MB."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [line] = [line for line in status.splitlines() if line.startswith("VmRSS:")]
        return int(line.split()[1]) / 1000


@contextmanager
def airflow_api_server(home: Path, settings: Mapping[str, str]) -> Iterator[ApiServer]:
    """Airflow's API server with its plugins, on the AWS that the environment names.

    Args:
        home: Airflow's folder, empty.
        settings: environment variables besides.
    """
    port, password = _free_port(), secrets.token_urlsafe(12)
    passwords = home / "passwords.json"
    passwords.write_text(json.dumps({"admin": password}))
    url = f"http://127.0.0.1:{port}"
    environment = airflow_environment(os.environ["AWS_ENDPOINT_URL"], home) | {
        "AIRFLOW__API__BASE_URL": url,
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        **settings,
    }
    prepare_airflow(environment)
    command = [sys.executable, "-m", "airflow", "api-server"]
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    server = Server.start("Airflow", command + options, home / "api-server.log", environment)
    try:
        wait_for(f"{url}/api/v2/monitor/health", [server])
        login = httpx.post(
            f"{url}/auth/token", json={"username": "admin", "password": password}, timeout=30
        )
        headers = {"Authorization": f"Bearer {login.raise_for_status().json()['access_token']}"}
        yield ApiServer(f"{url}/salesflow", headers, server.process.pid)
    finally:
        server.stop()


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
