"""Runs an operator as Airflow does, deferrals included, without a scheduler."""

from __future__ import annotations

import asyncio
from typing import Any

from airflow.sdk.exceptions import TaskDeferred
from airflow.triggers.base import BaseTrigger, TriggerEvent


def run_task(operator: Any, context: dict[str, Any] | None = None) -> Any:
    """Execute an operator until it is neither deferred nor running, and return its result."""
    context = context if context is not None else {}
    method, arguments = operator.execute, {}
    while True:
        try:
            return method(context, **arguments)
        except TaskDeferred as deferred:
            event = first_event(as_in_the_triggerer(deferred.trigger))
            method = getattr(operator, deferred.method_name)
            if deferred.kwargs:
                raise AssertionError(
                    "dag.test() forgets these: let the trigger keep them"
                ) from None
            arguments = {"event": event}


def as_in_the_triggerer(trigger: Any) -> Any:
    """The trigger that another process makes from what is stored of this one."""
    path, arguments = trigger.serialize()
    assert path == f"{type(trigger).__module__}.{type(trigger).__qualname__}"
    made = type(trigger)(**arguments)
    made.poll_seconds = 0.01
    return made


def first_event(trigger: BaseTrigger) -> dict[str, Any]:
    """What the trigger's first event carries."""

    async def run() -> TriggerEvent:
        async for event in trigger.run():
            return event
        raise AssertionError("the trigger ended without an event")

    payload = asyncio.run(run()).payload
    assert isinstance(payload, dict)
    return payload
