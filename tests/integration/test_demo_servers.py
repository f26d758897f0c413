"""The demo's servers: ports that are taken are named, groups are ended whole."""

from __future__ import annotations

import os
import socket
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest

from salesflow.demo.composed import find_composed_stack
from salesflow.demo.processes import CannotStart, Server, chosen_port, wait_for


def test_a_taken_port_is_named_with_the_variable_that_changes_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        monkeypatch.setenv("SALESFLOW_AIRFLOW_PORT", str(port))
        with pytest.raises(CannotStart, match=rf"port {port} is taken.*SALESFLOW_AIRFLOW_PORT"):
            chosen_port("SALESFLOW_AIRFLOW_PORT", 8080)


@pytest.mark.parametrize("text", ["http", "0", "65536", "-1"])
def test_what_is_no_port_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALESFLOW_AWS_PORT", text)
    with pytest.raises(CannotStart, match="is not a port"):
        chosen_port("SALESFLOW_AWS_PORT", 4566)


def test_without_docker_the_demo_on_containers_says_so(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with ExitStack() as servers, pytest.raises(CannotStart, match="there is no command `docker`"):
        find_composed_stack(servers)


def test_a_server_that_ends_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "print('no disk left'); raise SystemExit(3)"]
    server = Server.start("the server", command, tmp_path / "log", {})
    with pytest.raises(CannotStart, match="the server ended with status 3: no disk left"):
        wait_for("http://127.0.0.1:9/", [server])
    server.stop()


def test_stopping_a_server_ends_its_children_too(tmp_path: Path) -> None:
    child = "import time; print('child', flush=True); time.sleep(600)"
    parent = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}])"
    log = tmp_path / "log"
    server = Server.start("the server", [sys.executable, "-c", parent], log, {})
    while "child" not in log.read_text():
        server.check()
    server.stop()
    assert not _group_exists(server.process.pid)


def _group_exists(group: int) -> bool:
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True
