"""The AWS clients that Airflow's hooks make: hundreds in a test process, a few in a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def made_quickly() -> Iterator[None]:
    """Let hooks not look for who calls them, which only the user agent tells.

    For each client they look up the source of every frame of the stack; that takes ten times as
    long as all else. "Unknown" is what they tell when they find nobody.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Unknown")
        yield
