"""The AWS clients that Airflow's hooks make: hundreds in a test process, a few in a task."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest


@contextmanager
def made_quickly() -> Iterator[None]:
    """Let hooks not look for who calls them, and make one session for the same credentials.

    The caller is told by the user agent only; to find it they look up the source of every frame
    of the stack for each client, which takes longer than all else. "Unknown" is what they tell
    when they find nobody. A session has nothing but the connection's credentials and region:
    all of a client's own is made with the client.
    """
    from airflow.providers.amazon.aws.hooks.base_aws import AwsGenericHook, BaseSessionFactory

    sessions: dict[tuple[tuple[str, Any], ...], Any] = {}
    make = BaseSessionFactory._create_basic_session

    def session_of(factory: BaseSessionFactory, session_kwargs: dict[str, Any]) -> Any:
        key = tuple(sorted(session_kwargs.items()))
        if key not in sessions:
            sessions[key] = make(factory, session_kwargs)
        return sessions[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(AwsGenericHook, "_get_caller", lambda *_: "Unknown")
        patch.setattr(BaseSessionFactory, "_create_basic_session", session_of)
        yield
