"""A composed stack as a user has it, and what tests ask of it from outside."""

from __future__ import annotations

import os
import socket
import subprocess
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMAGE = "salesflow:test"
POSTGRES = "postgres:17"


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
