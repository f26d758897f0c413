"""Server-sent events: what is new, to one viewer, until they leave.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from starlette.responses import Response

from salesflow_airflow.dashboard.feed import Feed, State

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

HEARTBEAT: Final = 15.0
"""Seconds after which a viewer hears that there is nothing new, so that no proxy hangs up."""

LONGEST: Final = 600.0
"""Seconds after which a viewer has to come again, as browsers do: and to be still logged in."""

_RETRY: Final = b"retry: 2000\n\n"
_NOTHING: Final = b": nothing new\n\n"


def event(state: State) -> bytes:
    """A state as an event: its kind, its number, its payload."""
    return f"event: {state.kind}\nid: {state.number}\ndata: {state.payload}\n\n".encode()


class EventStream(Response):
    """The events of a feed. What is waiting for a slow viewer is never more than one of a kind."""

    media_type = "text/event-stream"

    def __init__(self, feed: Feed, heartbeat: float = HEARTBEAT, longest: float = LONGEST) -> None:
        self.status_code = 200
        self.background = None
        self._feed = feed
        self._heartbeat = heartbeat
        self._longest = longest
        # Nginx would hold events back: https://nginx.org/en/docs/http/ngx_http_proxy_module.html
        headers = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        self.init_headers(headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send until the viewer leaves."""
        sending = asyncio.create_task(self._send(send))
        leaving = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            sending.cancel()
            await asyncio.wait({sending, leaving})
        if not sending.cancelled() and (error := sending.exception()):
            raise error

    async def _send(self, send: Send) -> None:
        async def chunk(body: bytes, more: bool = True) -> None:
            await send({"type": "http.response.body", "body": body, "more_body": more})

        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await chunk(_RETRY)
        loop = asyncio.get_running_loop()
        end = loop.time() + self._longest
        with self._feed.viewer() as viewer:
            while not self._feed.closed and (left := end - loop.time()) > 0:
                states = await viewer.news(min(self._heartbeat, left))
                await chunk(b"".join(map(event, states)) or _NOTHING)
        await chunk(b"", more=False)


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
