"""Stacks of containers, each a compose project of its own that is removed with all it kept.

These tests take minutes and a Docker engine: `make test-docker` runs them, `make test` doesn't.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from compose.stacks import IMAGE, ROOT, Stack, docker, free_port


def _why_not() -> str:
    if not shutil.which("docker"):
        return "there is no command docker"
    asked = subprocess.run(
        ["docker", "compose", "ls"], capture_output=True, text=True, check=False, timeout=60
    )
    if asked.returncode:
        return f"no Docker engine with Compose v2 answers: {asked.stderr.strip()}"
    return ""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what is in this folder unless it was asked for; then a missing engine is an error."""
    ours = [item for item in items if Path(__file__).parent in item.path.parents]
    if not os.environ.get("SALESFLOW_TEST_DOCKER"):
        reason = "takes minutes and a Docker engine: make test-docker runs it"
        for item in ours:
            item.add_marker(pytest.mark.skip(reason=reason))
    elif ours and (reason := _why_not()):
        raise pytest.UsageError(reason)


@pytest.fixture(scope="session")
def image() -> str:
    """The image as the project builds it."""
    docker("build", "--quiet", "--tag", IMAGE, str(ROOT), seconds=1800)
    return IMAGE


@pytest.fixture(scope="module")
def new_stack(image: str) -> Iterator[Callable[..., Stack]]:
    """Makes stacks; every one of them is removed with its volumes."""
    made: list[Stack] = []

    def new(**settings: str) -> Stack:
        ports = {
            "SALESFLOW_AIRFLOW_PORT": str(free_port()),
            "SALESFLOW_AWS_PORT": str(free_port()),
        }
        stack = Stack(
            f"salesflow-test-{os.getpid()}-{len(made)}",
            {"SALESFLOW_IMAGE": image} | ports | settings,
        )
        made.append(stack)
        return stack

    yield new
    for stack in made:
        stack.remove()
