"""A composed stack as a user has it, and what tests ask of it from outside."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from salesflow.demo.airflow_api import AirflowApi
from salesflow.demo.composed import PASSWORD_FILE

ROOT = Path(__file__).parents[2]
IMAGE = "salesflow:test"
POSTGRES = "postgres:17"
REDIS = "redis:8"
RUN_SECONDS = 900


def docker(*arguments: str, seconds: float = 120) -> str:
    """What a docker command says; fails the test if the command fails."""
    done = subprocess.run(
        ["docker", *arguments], capture_output=True, text=True, check=False, timeout=seconds
    )
    assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.stderr}"
    return done.stdout.strip()


@dataclass(frozen=True)
class Stack:
    """A compose project with settings of its own, on free ports."""

    project: str
    settings: dict[str, str]

    @property
    def environment(self) -> dict[str, str]:
        """The shell's, without what would choose another stack or another AWS."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("SALESFLOW_", "AWS_", "COMPOSE_", "AIRFLOW"))
        }
        return kept | {"COMPOSE_PROJECT_NAME": self.project} | self.settings

    def run(self, *command: str, seconds: float = 900) -> subprocess.CompletedProcess[str]:
        """A command of the user, in the project's folder."""
        return subprocess.run(
            command,
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=seconds,
        )

    def compose(self, *arguments: str, seconds: float = 900) -> str:
        """What ``docker compose`` says; fails the test if it fails."""
        done = self.run("docker", "compose", *arguments, seconds=seconds)
        assert done.returncode == 0, f"compose {' '.join(arguments)}: {done.stdout}{done.stderr}"
        return done.stdout.strip()

    def remove(self) -> None:
        """Remove all of it, whatever its settings are."""
        plain = Stack(self.project, {"COMPOSE_PROFILES": "celery"})
        plain.compose("down", "--volumes", "--timeout", "20")

    def inside(self, service: str, *command: str, seconds: float = 300) -> str:
        """What a command says in a container."""
        return self.compose("exec", "-T", service, *command, seconds=seconds)

    def container(self, service: str) -> str:
        """The id of a service's container."""
        return self.compose("ps", "--all", "--quiet", service)


def free_port() -> int:
    """A port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def address(stack: Stack) -> str:
    """Where the stack's Airflow answers."""
    return f"http://127.0.0.1:{stack.settings['SALESFLOW_AIRFLOW_PORT']}"


def password(stack: Stack) -> str:
    """That of Airflow's admin."""
    return stack.inside("api-server", "cat", PASSWORD_FILE)


def airflow(stack: Stack) -> AirflowApi:
    """Airflow's REST API, as the demo uses it."""
    return AirflowApi(address(stack), password(stack))


def token(stack: Stack) -> str:
    """What a login of the admin is answered with."""
    login = {"username": "admin", "password": password(stack)}
    answer = httpx.post(f"{address(stack)}/auth/token", json=login, timeout=60)
    return str(answer.raise_for_status().json()["access_token"])


def ask(stack: Stack, path: str) -> Any:
    """An answer of Airflow's REST API."""
    headers = {"Authorization": f"Bearer {token(stack)}"}
    answer = httpx.get(f"{address(stack)}{path}", headers=headers, timeout=60)
    return answer.raise_for_status().json()


def running_ingest(stack: Stack) -> str:
    """The ingestion that has at least one task done and is at work still."""
    found: list[str] = []

    def at_work() -> bool:
        runs = ask(stack, "/api/v2/dags/ingest_orders/dagRuns?state=running")["dag_runs"]
        for run in runs:
            tasks = ask(
                stack, f"/api/v2/dags/ingest_orders/dagRuns/{run['dag_run_id']}/taskInstances"
            )["task_instances"]
            if any(task["state"] in {"running", "deferred"} for task in tasks):
                found.append(run["dag_run_id"])
                return True
        return False

    assert until(at_work, RUN_SECONDS)
    return found[0]


def state(stack: Stack, run: str) -> str:
    """A run's state; unknown while Airflow doesn't answer."""
    try:
        answer = ask(stack, f"/api/v2/dags/ingest_orders/dagRuns/{run}")
    except (httpx.HTTPError, KeyError, ValueError, AssertionError):
        return "unknown"
    return str(answer["state"])


def crash(container: str, image: str) -> None:
    """End a container's first process from outside, as the kernel does when memory runs out."""
    pid = docker("inspect", "--format", "{{.State.Pid}}", container)
    kill = f"import os, signal; os.kill({pid}, signal.SIGKILL)"
    docker("run", "--rm", "--pid", "host", "--user", "0", image, "python", "-c", kill)


def until(condition: Callable[[], bool], seconds: float) -> bool:
    """Whether it has become true in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(2)
    return True
