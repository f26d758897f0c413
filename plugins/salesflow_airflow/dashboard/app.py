"""The web application of the dashboard: all of it behind Airflow's own authentication."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from airflow.api_fastapi.core_api.security import requires_authenticated
from fastapi import Depends, FastAPI, HTTPException, Request
from starlette.datastructures import MutableHeaders
from starlette.responses import Response
from starlette.staticfiles import StaticFiles

from salesflow.dashboard.failures import NotDeployed
from salesflow_airflow.dashboard.days import router as days
from salesflow_airflow.dashboard.deployments import Stage
from salesflow_airflow.dashboard.events import EventStream
from salesflow_airflow.dashboard.feed import Feed, State
from salesflow_airflow.defaults import default_stage
from salesflow_airflow.questions.router import router as questions

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

STATIC: Final = Path(__file__).parent / "static"
PLOTLY: Final = "plotly.min.js"

# Plotly sets styles on elements; scripts come from files of ours only.
SECURITY_HEADERS: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self' 'unsafe-inline'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'self'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class KindName(StrEnum):
    """What can be asked for."""

    LIVE = "live"
    LAKE = "lake"
    PIPELINE = "pipeline"


def create_app(open_feed: Callable[[str], Feed]) -> FastAPI:
    """The application.

    Args:
        open_feed: gives the feed of a stage.
    """
    app = FastAPI(
        title="Salesflow",
        dependencies=[Depends(requires_authenticated())],
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
    )
    app.add_middleware(SecurityHeaders)
    pages = StaticFiles(directory=STATIC)
    plotly = StaticFiles(packages=[("plotly", "package_data")])

    @app.get("/")
    async def page(request: Request) -> Response:
        return await _file(pages, "index.html", request)

    @app.get("/static/{path:path}")
    async def static(path: str, request: Request) -> Response:
        return await _file(pages, path, request)

    @app.get(f"/{PLOTLY}")
    async def plotly_script(request: Request) -> Response:
        return await _file(plotly, PLOTLY, request, "private, max-age=86400")

    @app.get("/api/events")
    async def events(stage: Stage = None) -> Response:
        feed = open_feed(stage or default_stage())
        if stage is not None:
            _refuse_missing(stage, await feed.newest(KindName.LIVE))
        return EventStream(feed)

    @app.get("/api/{kind}")
    async def newest(kind: KindName, stage: Stage = None) -> Response:
        state = await open_feed(stage or default_stage()).newest(kind)
        if stage is not None:
            _refuse_missing(stage, state)
        return Response(
            state.payload, media_type="application/json", headers={"Cache-Control": "no-store"}
        )

    app.include_router(questions)
    app.include_router(days)

    @app.api_route("/{path:path}", methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"])
    async def nothing(path: str) -> Response:
        """Whether something is there is told to those who are logged in."""
        raise HTTPException(404, f"there is no {path}")

    return app


def _refuse_missing(stage: str, state: State) -> None:
    """A stage that was asked for by name has to be there; the usual one may come to be."""
    if not state.deployed:
        raise HTTPException(404, str(NotDeployed(stage)))


async def _file(
    files: StaticFiles, path: str, request: Request, cache_control: str = "no-cache"
) -> Response:
    """A file, or that it hasn't changed."""
    if "\0" in path:
        raise HTTPException(404)
    response = await files.get_response(path, request.scope)
    response.headers["Cache-Control"] = cache_control
    return response


class SecurityHeaders:
    """Adds the headers that confine a page to every answer that has none of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> Any:
        """Hand a request on."""

        async def send_confined(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY_HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_confined)
