"""The demo's servers: each in its own process group, so that none of its children is left."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import httpx

from salesflow.local import ROOT, airflow_environment, prepare_airflow

AWS_PORT = ("SALESFLOW_AWS_PORT", 4566)
AIRFLOW_PORT = ("SALESFLOW_AIRFLOW_PORT", 8080)
_START_SECONDS = 180
_STOP_SECONDS = 20


class CannotStart(Exception):
    """A server didn't come up; the message says which, and why."""


@dataclass
class Server:
    """A server process and the group that it leads."""

    name: str
    log: Path
    process: subprocess.Popen[bytes]
    _log_file: IO[bytes] = field(repr=False)

    @classmethod
    def start(
        cls, name: str, command: list[str], log: Path, environment: Mapping[str, str]
    ) -> Server:
        """Start a server that writes to ``log``."""
        log.parent.mkdir(parents=True, exist_ok=True)
        log_file = log.open("wb")
        process = subprocess.Popen(
            command,
            env=os.environ | dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=log_file,
            stderr=subprocess.STDOUT,
            # The members of a group of its own get no Ctrl-C, and can be ended together.
            start_new_session=True,
        )
        return cls(name, log, process, log_file)

    def check(self) -> None:
        """Raise `CannotStart` with the end of the log if the server has ended."""
        if self.process.poll() is not None:
            tail = self.log.read_text(errors="replace").strip().splitlines()[-5:]
            raise CannotStart(
                f"{self.name} ended with status {self.process.returncode}: "
                + "\n".join(tail)
                + f"\n(all of it: {self.log})"
            )

    def stop(self) -> None:
        """End the whole group: first asked, then forced."""
        for sign in (signal.SIGTERM, signal.SIGKILL):
            if not _signal_group(self.process.pid, sign):
                break
            deadline = time.monotonic() + _STOP_SECONDS
            while time.monotonic() < deadline and _group_lives(self.process):
                time.sleep(0.1)
        self.process.wait()
        self._log_file.close()


@dataclass(frozen=True)
class Stack:
    """An Airflow and its AWS, which the demo is shown on."""

    airflow_url: str
    endpoint_url: str
    password: str
    """Of Airflow's admin."""
    servers: tuple[Server, ...] = ()
    """Those of its servers that are ours to watch: the local AWS first, then the API server."""


def wait_for(url: str, servers: Sequence[Server]) -> None:
    """Wait until ``url`` answers with a success.

    Raises:
        CannotStart: one of ``servers`` has ended, or there is no answer in time.
    """
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        for server in servers:
            server.check()
        try:
            if httpx.get(url, timeout=5).is_success:
                return
        except httpx.TransportError:
            pass  # not yet: the deadline says when it is too late
        time.sleep(0.3)
    logs = ", ".join(str(server.log) for server in servers) or "docker compose logs"
    raise CannotStart(f"{url} didn't answer within {_START_SECONDS} s (see {logs})")


def _signal_group(group: int, sign: int) -> bool:
    try:
        os.killpg(group, sign)
    except ProcessLookupError:
        return False
    return True


def _group_lives(leader: subprocess.Popen[bytes]) -> bool:
    leader.poll()  # a dead leader that isn't reaped would keep the group alive
    return _signal_group(leader.pid, 0)


def chosen_port(variable: str, default: int) -> int:
    """The port that a variable names, or the default.

    Raises:
        CannotStart: it is taken, or no port; names the variable that changes it.
    """
    text = os.environ.get(variable) or str(default)
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise CannotStart(f"{variable}={text} is not a port")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", int(text)))
        except OSError as error:
            raise CannotStart(
                f"port {text} is taken: {error.strerror}. Set {variable} to a free one, "
                f"for example {variable}={_free_port()} make demo"
            ) from error
    return int(text)


def start_stack(servers: ExitStack) -> Stack:
    """Start an empty local AWS and an empty Airflow.

    Args:
        servers: gets what stops them.

    Raises:
        CannotStart: a port is taken, or a server ends at once.
    """
    aws_port, airflow_port = chosen_port(*AWS_PORT), chosen_port(*AIRFLOW_PORT)
    endpoint_url = f"http://127.0.0.1:{aws_port}"
    # The port is free, so no other demo is at work in its folder.
    folder = ROOT / "build" / f"demo-{airflow_port}"
    shutil.rmtree(folder, ignore_errors=True)
    aws = start_local_aws(aws_port, folder / "aws.log")
    servers.callback(aws.stop)
    airflow, password = start_airflow(airflow_port, endpoint_url, folder / "airflow", folder)
    for server in airflow:
        servers.callback(server.stop)
    return Stack(
        airflow_url=f"http://127.0.0.1:{airflow_port}",
        endpoint_url=endpoint_url,
        password=password,
        servers=(aws, *airflow),
    )


def start_local_aws(port: int, log: Path) -> Server:
    """The local AWS, empty; its state is forgotten when it stops."""
    command = [sys.executable, "-m", "localaws", "--port", str(port)]
    return Server.start("the local AWS", command, log, {})


def start_airflow(port: int, endpoint_url: str, home: Path, logs: Path) -> tuple[list[Server], str]:
    """Airflow's parts, the API server first, and the admin's password, made up for this run.

    They are started one by one, as `airflow standalone` would open its log servers to every
    address of the machine; on one machine the API server reads the log files itself.
    """
    home.mkdir(parents=True, exist_ok=True)
    password = secrets.token_urlsafe(12)
    passwords = home / "passwords.json"
    passwords.write_text(f'{{"admin": "{password}"}}\n')
    passwords.chmod(0o600)
    environment = airflow_environment(endpoint_url, home) | {
        # Tasks report to this address; without it they call port 8080.
        "AIRFLOW__API__BASE_URL": f"http://127.0.0.1:{port}",
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(32),
        # Before the deployment there is nothing for a schedule to work on.
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "True",
        "AIRFLOW__CORE__PARALLELISM": "4",
        "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(passwords),
        "AIRFLOW__DAG_PROCESSOR__REFRESH_INTERVAL": "10",
        "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
        # A task's end is noticed with its next heartbeat, by default up to 5 s late.
        "AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL": "1",
    }
    prepare_airflow(environment)
    commands = {
        "api-server": ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"],
        "scheduler": ["--skip-serve-logs"],
        "dag-processor": [],
        "triggerer": ["--skip-serve-logs"],
    }
    servers = [
        Server.start(
            f"Airflow's {part}",
            [sys.executable, "-m", "airflow", part, *arguments],
            logs / f"{part}.log",
            environment,
        )
        for part, arguments in commands.items()
    ]
    return servers, password


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
