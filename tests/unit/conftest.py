"""Unit tests open no socket, and properties are tried on the same examples everywhere."""

import socket
from typing import NoReturn

import pytest
from hypothesis import settings

# A busy machine is no reason to fail, and a failure must be seen again when the test is run again.
settings.register_profile("salesflow", deadline=None, derandomize=True, database=None)
settings.load_profile("salesflow")


@pytest.fixture(autouse=True)
def _no_socket(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: socket.socket, address: object) -> NoReturn:
        pytest.fail(f"a unit test connects to {address}")

    monkeypatch.setattr(socket.socket, "connect", refuse)
