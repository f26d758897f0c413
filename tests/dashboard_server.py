"""A server of the dashboard's page alone: the real files, and whatever a test says it is told.

The page's states can be made here that take long, or luck, with a whole Airflow around it.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from airflow_home import PLUGINS, ROOT

STATIC = PLUGINS / "salesflow_airflow" / "dashboard" / "static"
EVENTS = ROOT / "tests" / "unit" / "events"
KINDS = ("live", "pipeline", "lake")
DAGS = ("deploy_pipeline", "ingest_orders", "daily_sales_reports", "project_sales")
TYPES = {
    ".css": "text/css",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
# Stricter than the application's own: the page needs no styles in its markup.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'"
)

Payload = dict[str, Any]


def example(kind: str, now: datetime) -> Payload:
    """An example of what is told, as if it were of now."""
    text = (EVENTS / f"dashboard_{kind}.json").read_text()
    payload: Payload = json.loads(text)
    shift = now - datetime.fromisoformat(payload["read_at"])
    moved: Payload = _moved(payload, shift)
    if kind == "live":
        _start_minutes(moved["data"]["minutes"], now)
    return moved


def _moved(value: Any, shift: timedelta) -> Any:
    if isinstance(value, dict):
        return {name: _moved(each, shift) for name, each in value.items()}
    if isinstance(value, list):
        return [_moved(each, shift) for each in value]
    if isinstance(value, str) and value[4:5] == value[7:8] == "-" and value[10:11] in ("", "T"):
        moved = datetime.fromisoformat(value) + shift
        if len(value) == len("2026-03-05"):
            return moved.date().isoformat()
        return time_text(moved)
    return value


def time_text(at: datetime) -> str:
    """A time as it is told."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _start_minutes(minutes: list[Payload], now: datetime) -> None:
    running = now.replace(second=0, microsecond=0)
    for ago, minute in enumerate(reversed(minutes)):
        minute["start"] = time_text(running - timedelta(minutes=ago))


class DashboardServer:
    """Serves the page under ``/airflow/salesflow/`` of its address, as if Airflow had a base path.

    Attributes:
        status: what all of the application answers; 200 unless a test says otherwise.
        runs: the last run of each DAG, as Airflow tells it; a DAG that isn't there is unknown.
        requests: the paths that were asked for.
    """

    def __init__(self) -> None:
        self.status = HTTPStatus.OK
        self.runs: dict[str, list[Payload]] = {dag: [] for dag in DAGS}
        self.requests: list[str] = []
        self._payloads: dict[str, tuple[int, Payload]] = {}
        self._number = 0
        self._epoch = 0
        self._news = threading.Condition()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/airflow/salesflow/"

    def start(self) -> None:
        """Serve until it is stopped."""
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        """End the server and its streams."""
        self.cut()
        self._server.shutdown()
        self._server.server_close()

    def tell(self, kind: str, payload: Mapping[str, Any]) -> None:
        """Send an event to all who look, and to those who come."""
        with self._news:
            self._number += 1
            self._payloads[kind] = (self._number, dict(payload))
            self._news.notify_all()

    def tell_examples(self, now: datetime) -> None:
        """Send an example of each kind."""
        for kind in KINDS:
            self.tell(kind, example(kind, now))

    def forget(self) -> None:
        """Be as new."""
        self.cut()
        self._payloads.clear()
        self.runs = {dag: [] for dag in DAGS}
        self.requests.clear()
        self.status = HTTPStatus.OK

    def cut(self) -> None:
        """Cut off all who look; they may come again."""
        with self._news:
            self._epoch += 1
            self._news.notify_all()

    def _events(self, handler: BaseHTTPRequestHandler) -> None:
        epoch, seen = self._epoch, 0
        handler.send_response(HTTPStatus.OK)
        handler.send_header("Content-Type", "text/event-stream")
        handler.end_headers()
        handler.wfile.write(b"retry: 500\n\n")
        while True:
            with self._news:
                if self._epoch == epoch and self._number == seen:
                    self._news.wait(timeout=15)
                if self._epoch != epoch:
                    return
                news = [
                    (kind, number, payload)
                    for kind, (number, payload) in self._payloads.items()
                    if number > seen
                ]
                seen = self._number
            for kind, number, payload in news:
                data = json.dumps(payload)
                handler.wfile.write(f"event: {kind}\nid: {number}\ndata: {data}\n\n".encode())
            handler.wfile.write(b": nothing new\n\n")
            handler.wfile.flush()

    def _answer(self, path: str) -> tuple[HTTPStatus, str, bytes]:
        if path.startswith("/airflow/api/v2/dags/"):
            runs = self.runs.get(path.split("/")[5])
            status = HTTPStatus.NOT_FOUND if runs is None else HTTPStatus.OK
            return status, "application/json", json.dumps({"dag_runs": runs}).encode()
        name = path.removeprefix("/airflow/salesflow/")
        file = STATIC / ("index.html" if not name else Path(name).name)
        if (name and not name.startswith("static/")) or not file.is_file():
            return HTTPStatus.NOT_FOUND, "text/plain", b"there is no such thing"
        return HTTPStatus.OK, TYPES[file.suffix], file.read_bytes()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        served = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                path = urlsplit(self.path).path
                served.requests.append(path)
                status, kind, body = served.status, "text/plain", b""
                if "/salesflow/api/" in path and status == HTTPStatus.OK:
                    return served._events(self)
                if "/salesflow/api/" in path:
                    kind, body = "application/json", json.dumps({"detail": status.phrase}).encode()
                else:
                    status, kind, body = served._answer(path)
                self.send_response(status)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Security-Policy", POLICY)
                self.end_headers()
                self.wfile.write(body)
                return None

            def log_message(self, format: str, *args: Any) -> None:
                """Says nothing: what was asked for is in ``requests``."""

            def handle(self) -> None:
                # A viewer may leave at any time.
                with suppress(BrokenPipeError, ConnectionResetError):
                    super().handle()

        return Handler
