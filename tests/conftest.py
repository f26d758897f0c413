"""What several areas share: one local AWS per test process, its clock in the tests' hands."""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import botocore.loaders
import botocore.session
import pytest

from localaws.server import LocalAws

# Each session of botocore has a loader of its own, which parses a megabyte of JSON for its first
# client. A task makes a few sessions; a test process makes thousands.
botocore.session.create_loader = cache(botocore.loaders.create_loader)

# What is imported is hundreds of thousands of objects, and hardly any of them is garbage.
gc.set_threshold(10_000, 20, 50)


LONGEST = ("integration", "browser", "localaws/test_survives_a_kill.py")
"""Where the longest files are, which mostly wait."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let the longest files begin first: one that begins last is waited for by all workers."""
    here = Path(__file__).parent
    longest = [here / name for name in LONGEST]
    items.sort(key=lambda item: not {item.path, item.path.parent} & {*longest})


def pytest_collection_finish() -> None:
    """Let no collection of garbage look through all that was imported: it stays to the end."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """What is frozen would outlive the interpreter, and DuckDB fill the screen with its leaks."""
    gc.unfreeze()


@pytest.fixture(scope="session")
def _served() -> Iterator[LocalAws]:
    """MiniStack's state is global to a process, so there is one server for all tests of it."""
    local = LocalAws(0, turning=False)
    local.start()
    yield local
    local.stop()


@pytest.fixture
def local_aws(_served: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalAws]:
    """An empty local AWS. Nothing moves until the test calls ``local_aws.step(now)``.

    The usual AWS environment variables point to it, so any client of the test does too.
    """
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_ENDPOINT_URL", _served.aws.endpoint_url)
    monkeypatch.setenv("AWS_DEFAULT_REGION", _served.aws.region)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    yield _served
    _served.reset()
