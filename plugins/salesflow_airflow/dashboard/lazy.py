"""The application as the plugin registers it: imported by the first request.

Airflow imports plugins in every process, each task's too; only the API server serves them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send


class LazyApp:
    """An ASGI application that makes the dashboard when it is first asked for something."""

    def __init__(self) -> None:
        self._app: ASGIApp | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Hand a request on."""
        if self._app is None:
            from salesflow_airflow.dashboard.app import create_app
            from salesflow_airflow.dashboard.deployments import Deployments

            self._app = create_app(Deployments().open)
        await self._app(scope, receive, send)
