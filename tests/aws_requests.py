"""Stands between the local AWS and its clients: lets something happen, or go wrong, in between."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

Answer = tuple[int, dict[str, str], bytes]


@dataclass
class Request:
    """A request to a service."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def operation(self) -> str:
        """Of a service that speaks JSON: ``UpdateTable``."""
        return self.headers.get("x-amz-target", "").rpartition(".")[2]


@dataclass
class Interception:
    """What is done about requests.

    Attributes:
        matches: which requests.
        before: called before the first of them is answered.
        answer: given in place of the service's.
        times: to how many of them.
        met: how many there were.
    """

    matches: Callable[[Request], bool]
    before: Callable[[], Any] | None = None
    answer: Answer | None = None
    times: int = 1
    met: int = field(default=0)


def intercept(monkeypatch: pytest.MonkeyPatch, service: str, interception: Interception) -> None:
    """Have it done until the test ends."""
    from ministack import app

    original = app.SERVICE_HANDLERS[service]

    async def handler(
        method: str, path: str, headers: dict[str, str], body: bytes, query: Any
    ) -> Answer:
        if interception.matches(Request(method, path, headers, body)):
            interception.met += 1
            if interception.met <= interception.times:
                if interception.before is not None:
                    await asyncio.to_thread(interception.before)
                if interception.answer is not None:
                    return interception.answer
        answer: Answer = await original(method, path, headers, body, query)
        return answer

    monkeypatch.setitem(app.SERVICE_HANDLERS, service, handler)


def json_error(code: str, status: int = 400) -> Answer:
    """How services that speak JSON refuse a request."""
    body = json.dumps({"__type": code, "message": "refused by the test"}).encode()
    return status, {"Content-Type": "application/x-amz-json-1.1"}, body


def s3_error(code: str, status: int) -> Answer:
    """How S3 refuses a request."""
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>refused</Message></Error>"
    return status, {"Content-Type": "application/xml"}, body.encode()
