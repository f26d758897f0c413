"""What goes wrong with a question is told in a sentence, as JSON: {"error", "line", "column"}."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, Final
from weakref import WeakKeyDictionary

from botocore.exceptions import BotoCoreError, ClientError
from fastapi import Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.responses import JSONResponse, Response

from salesflow.dashboard.failures import NotDeployed, sentence_of
from salesflow.deployment import StackMissing
from salesflow.questions.asking import NoSuchQuestion, NotAnswered, NotUnderstood
from salesflow.questions.guard import Refused

_log = logging.getLogger(__name__)

_UNREACHABLE: Final = (BotoCoreError, ClientError, StackMissing)
_THROTTLED: Final = {"TooManyRequestsException", "ThrottlingException", "Throttling"}


class NotAsked(Exception):
    """A request that is none of the page's own; the message says why.

    Attributes:
        status: of the answer.
    """

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


_SLOTS: Final = 8
_slots: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore] = WeakKeyDictionary()


def _slot() -> asyncio.Semaphore:
    """One of a few places in which a request may wait for AWS.

    A waiting request holds a thread, and the API server has forty for all of Airflow: if AWS hangs,
    tasks are still to reach it.
    """
    return _slots.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(_SLOTS))


class ToldRoute(APIRoute):
    """A route that answers what is foreseen to go wrong with a sentence."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler of a request."""
        handle = super().get_route_handler()

        async def told(request: Request) -> Response:
            try:
                async with _slot():
                    return await handle(request)
            except NotAsked as error:
                return _answer(error.status, str(error))
            except Refused as error:
                return _answer(400, str(error), (error.line, error.column))
            except NotUnderstood as error:
                return _answer(400, str(error), error.place)
            except RequestValidationError as error:
                return _answer(400, _culprit(error))
            except NoSuchQuestion as error:
                return _answer(404, str(error))
            except NotAnswered as error:
                return _answer(409, str(error))
            except NotDeployed as error:
                return _answer(404, str(error))
            except _UNREACHABLE as error:
                _log.warning("A question couldn't be put to AWS: %s", error)
                return _answer(503, _sentence(error))

        return told


def _answer(status: int, sentence: str, place: tuple[int, int] | None = None) -> JSONResponse:
    line, column = place or (None, None)
    return JSONResponse(
        {"error": sentence, "line": line, "column": column},
        status,
        headers={"Cache-Control": "no-store"},
    )


def _culprit(error: RequestValidationError) -> str:
    """Which part of a request is wrong; its value isn't repeated, since it may be no text."""
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if part != "body") or "the body"
    return f"{where}: {first['msg']}"


def _sentence(error: Exception) -> str:
    if isinstance(error, ClientError) and error.response["Error"]["Code"] in _THROTTLED:
        return "Athena has too many requests just now: ask again in a moment."
    return sentence_of(error) or str(error)
