"""The application as the plugin registers it: imported by the first request.

Airflow imports plugins in every process, each task's too; only the API server serves them.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

    from salesflow_airflow.dashboard.deployments import Deployments


class LazyApp:
    """An ASGI application that makes the dashboard when it is first asked for something."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None
        self._making = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Hand a request on."""
        async with self._making:
            if self._app is None:
                # Seconds, in which Airflow answers others.
                make, deployments = await asyncio.to_thread(_load)
                self._app = make(deployments.open)
                before_shutdown(deployments.close)
        await self._app(scope, receive, send)


def _load() -> tuple[Callable[..., ASGIApp], Deployments]:
    from salesflow_airflow.dashboard.app import create_app
    from salesflow_airflow.dashboard.deployments import Deployments

    return create_app, Deployments()


def before_shutdown(close: Callable[[], None]) -> None:
    """Have something done in the running loop when the server is told to stop.

    Uvicorn first waits until all answers have ended, for two minutes as Airflow starts it, and only
    then tells applications: a stream of events wouldn't end by itself. Its own handlers follow.
    https://uvicorn.dev/server-behavior/#graceful-process-shutdown
    """
    if threading.current_thread() is not threading.main_thread():
        return  # signals go elsewhere, and so does whoever runs the loop
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        following = signal.getsignal(number)
        if not callable(following):
            continue  # nobody stops gracefully

        def handle(
            number: int,
            frame: FrameType | None,
            following: Callable[[int, FrameType | None], Any] = following,
        ) -> None:
            loop.call_soon_threadsafe(close)
            following(number, frame)

        signal.signal(number, handle)
