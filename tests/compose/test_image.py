"""The image: small, without tools, without secrets, for a user who can write nothing."""

from __future__ import annotations

import json
import re

from compose.stacks import docker

LARGEST = 1_500_000_000
TOOLS = ("uv", "gcc", "cc", "g++", "make", "git", "ld")
OURS = ("python", "-c", "import sys, salesflow, localaws; print(sys.version_info[:2])")


def test_the_code_is_there_on_python_3_13(image: str) -> None:
    assert docker("run", "--rm", "--read-only", image, *OURS) == "(3, 13)"


def test_no_build_tool_is_left(image: str) -> None:
    script = f"for tool in {' '.join(TOOLS)}; do command -v $tool; done; ls /opt/venv/bin"
    found = docker("run", "--rm", image, "sh", "-c", script).split()
    assert not set(found) & {*TOOLS, "pip", *(f"/usr/bin/{tool}" for tool in TOOLS)}


def test_nothing_but_what_runs_is_there(image: str) -> None:
    there = docker("run", "--rm", image, "ls", "-A", "/opt/salesflow").split()
    assert sorted(there) == ["dags", "docker", "infra", "lambdas", "plugins", "src"]
    files = docker(
        *("run", "--rm", "--user", "0", image, "find", "/opt/salesflow", "/root", "/home"),
        *("(", "-name", ".env*", "-o", "-name", "*.pem", "-o", "-name", "credentials", ")"),
    )
    assert files == ""


def test_no_layer_has_a_secret(image: str) -> None:
    history = docker("history", "--no-trunc", "--format", "{{.CreatedBy}}", image)
    variables = json.loads(docker("inspect", "--format", "{{json .Config.Env}}", image))
    given = re.compile(r"(PASSWORD|SECRET|FERNET|TOKEN)\w*=", re.IGNORECASE)
    assert not [text for text in (*history.splitlines(), *variables) if given.search(text)]


def test_the_user_is_not_root_and_owns_no_code(image: str) -> None:
    script = "id -u; touch /opt/salesflow/dags/x /opt/venv/x 2>/dev/null && echo wrote || true"
    assert docker("run", "--rm", image, "sh", "-c", script) == "1000"


def test_it_is_no_larger_than_it_was(image: str) -> None:
    assert int(docker("inspect", "--format", "{{.Size}}", image)) < LARGEST
