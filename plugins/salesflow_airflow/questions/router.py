"""The routes of the questions' page. All are for those who are logged in to Airflow.

Routes that wait for AWS are plain functions, which FastAPI runs in threads.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final
from urllib.parse import urlsplit

from airflow.api_fastapi.common.db.common import SessionDep
from airflow.api_fastapi.core_api.security import GetUserDep, requires_authenticated
from airflow.models import Log
from botocore.config import Config
from fastapi import APIRouter, Depends, HTTPException, Request
from fastapi import Path as PathParameter
from starlette.responses import FileResponse, JSONResponse, Response, StreamingResponse

from salesflow.dashboard.json_values import time_text
from salesflow.deployment import Connect
from salesflow.questions import asking, catalogue
from salesflow.questions.asking import Question
from salesflow.questions.cost import DOLLARS_PER_TEBIBYTE
from salesflow.questions.guard import MAX_BYTES, Refused
from salesflow.questions.spreadsheet import csv_lines
from salesflow_airflow.dashboard.deployments import Deployment, Stage, opened
from salesflow_airflow.defaults import default_stage
from salesflow_airflow.questions.about import about_tables
from salesflow_airflow.questions.told import NotAsked, ToldRoute

if TYPE_CHECKING:
    from mypy_boto3_athena import AthenaClient

STATIC: Final = Path(__file__).parent / "static"
MAX_ROWS: Final = 1000
"""Rows that the page shows; the download has all."""

MAX_LOGGED: Final = 10_000
"""Characters of a question in Airflow's audit log."""

MAX_BODY_BYTES: Final = 8 * MAX_BYTES
"""Of a request: JSON may take six bytes for a letter."""

_BODY: Final = 'a question is sent as {"sql": "…"}'

_FIRST: Final = ("orders_current", "orders", "orders_changelog", "products")
"""Tables that most questions are about."""

# Longer than the dashboard's: a page of a wide answer takes Athena seconds.
_CONFIG: Final = Config(
    connect_timeout=2, read_timeout=20, retries={"mode": "standard", "total_max_attempts": 3}
)

_log = logging.getLogger(__name__)

router = APIRouter(
    prefix="/questions",
    route_class=ToldRoute,
    dependencies=[Depends(requires_authenticated())],
)


def from_this_page(request: Request) -> None:
    """Only Airflow's own pages, and clients that are no browsers, change anything.

    A form of another site can't send JSON, and a browser says where a request comes from:
    https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Sec-Fetch-Site, and before that
    was known, its origin.
    """
    site = request.headers.get("sec-fetch-site")
    if site is None:
        origin = request.headers.get("origin")
        foreign = origin is not None and _host(origin) != request.headers.get("host")
    else:
        foreign = site != "same-origin"
    if foreign:
        raise NotAsked(403, "questions are asked from Airflow's own pages only")
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if request.method == "POST" and kind != "application/json":
        raise NotAsked(415, "a question is sent as application/json")


def _host(origin: str) -> str | None:
    """The host of an origin, with its port; None if it is no URL."""
    try:
        return urlsplit(origin).netloc
    except ValueError:
        return None


async def asked(request: Request) -> str:
    """The question in a request's body.

    It is read here, since FastAPI reads a body before it knows whether there is a login, and no
    further than a question can reach.
    """
    read = bytearray()
    async for chunk in request.stream():
        read += chunk
        if len(read) > MAX_BODY_BYTES:
            raise NotAsked(413, f"a question is sent in {MAX_BODY_BYTES:,} bytes at most")
    try:
        body = json.loads(read)
    except (ValueError, RecursionError) as error:
        raise Refused(_BODY) from error
    if not isinstance(body, dict) or set(body) != {"sql"} or not isinstance(body["sql"], str):
        raise Refused(_BODY)
    return str(body["sql"])


def deployment(stage: Stage = None) -> Deployment:
    """The deployment that a request is about."""
    return opened(stage or default_stage(), _CONFIG)


DeploymentDep = Annotated[Deployment, Depends(deployment)]
QueryId = Annotated[str, PathParameter(pattern="^[0-9a-f-]{36}$")]


def _reach(where: Deployment) -> tuple[Connect, str, str]:
    """The clients of a deployment, its database and its workgroup for questions."""

    def reader(connect: Connect, outputs: Any, _now: datetime) -> Any:
        names = outputs["DatabaseName"], asking.workgroup_of(outputs)
        return {"reached": (connect, *names)}

    reached: tuple[Connect, str, str] = where.read(reader, datetime.now(UTC))["reached"]
    return reached


def _athena(where: Deployment) -> tuple[AthenaClient, str]:
    clients, _, workgroup = _reach(where)
    return clients("athena"), workgroup


@router.get("")
def page() -> Response:
    """The page itself."""
    return _file("questions.html")


@router.get("/static/{name}")
def static(name: str) -> Response:
    """What the page is made of."""
    return _file(name)


@lru_cache(maxsize=1)
def _files() -> dict[str, Path]:
    return {path.name: path for path in STATIC.iterdir() if path.is_file()}


def _file(name: str) -> Response:
    if name not in _files():
        raise HTTPException(404, "there is no such file")
    return FileResponse(_files()[name], headers={"Cache-Control": "no-cache"})


@router.get("/api/tables")
def list_tables(where: DeploymentDep) -> Response:
    """The tables and views, with their columns: what most questions are about comes first."""
    clients, database, _ = _reach(where)
    ranks = {name: rank for rank, name in enumerate(_FIRST)}
    found = catalogue.tables(clients("glue"), database)
    found.sort(key=lambda table: ranks.get(table.name, len(ranks)))
    return _json(
        {
            "database": database,
            "tables": [
                {
                    "name": table.name,
                    "view": table.is_view,
                    "about": table.description or about_tables().get(table.name),
                    "columns": [
                        {"name": c.name, "type": c.type, "partition": c.partitions}
                        for c in table.columns
                    ],
                }
                for table in found
            ],
        }
    )


@router.get("/api/examples")
def list_examples(where: DeploymentDep) -> Response:
    """The queries that everybody asks first, and what they are charged by."""
    athena, workgroup = _athena(where)
    found = catalogue.examples(athena, workgroup)
    return _json(
        {
            "examples": [
                {"name": each.name, "about": each.description, "sql": each.sql} for each in found
            ],
            "dollars_per_tebibyte": str(DOLLARS_PER_TEBIBYTE),
        }
    )


@router.post("/api/queries", dependencies=[Depends(from_this_page)])
def ask(
    sql: Annotated[str, Depends(asked)],
    where: DeploymentDep,
    user: GetUserDep,
    session: SessionDep,
) -> Response:
    """Start a question. Airflow's audit log has who asked what, whatever becomes of it."""
    _audit(session, user, "salesflow_question", {"sql": sql[:MAX_LOGGED], "stage": where.stage})
    sql = asking.question(sql)
    clients, database, workgroup = _reach(where)
    query_id = asking.start(
        clients("athena"),
        sql,
        asked_by=user.get_name(),
        database=database,
        workgroup=workgroup,
    )
    _log.info("%r asked %s: %r", user.get_name(), query_id, sql[:MAX_LOGGED])
    return _json({"id": query_id}, 201)


@router.get("/api/queries")
def list_questions(where: DeploymentDep) -> Response:
    """The last questions, the newest first."""
    athena, workgroup = _athena(where)
    return _json({"questions": [_described(q) for q in asking.history(athena, workgroup)]})


@router.get("/api/queries/{query_id}")
def read_question(query_id: QueryId, where: DeploymentDep) -> Response:
    """What became of a question."""
    athena, workgroup = _athena(where)
    return _json(_described(asking.find(athena, query_id, workgroup)))


@router.get("/api/queries/{query_id}/rows")
def read_rows(query_id: QueryId, where: DeploymentDep) -> Response:
    """The first rows of an answer, and whether there are more."""
    athena, workgroup = _athena(where)
    found = asking.first_rows(athena, query_id, workgroup, MAX_ROWS)
    return _json(
        {
            "columns": [{"name": name, "type": kind} for name, kind in found.columns],
            "rows": found.rows,
            "more": found.more,
        }
    )


@router.get("/api/queries/{query_id}/csv")
def download(query_id: QueryId, where: DeploymentDep) -> Response:
    """All rows of an answer, as they are read: one that can't be read to its end breaks off."""
    athena, workgroup = _athena(where)
    columns, rows = asking.answer(athena, query_id, workgroup)

    def content() -> Iterator[bytes]:
        yield from (line.encode() for line in csv_lines(columns, rows))

    name = f"salesflow-{query_id[:8]}.csv"
    return StreamingResponse(
        content(),
        media_type="text/csv; charset=utf-8; header=present",
        headers={
            "Content-Disposition": f'attachment; filename="{name}"',
            "Cache-Control": "no-store",
        },
    )


@router.delete("/api/queries/{query_id}", dependencies=[Depends(from_this_page)])
def cancel(
    query_id: QueryId, where: DeploymentDep, user: GetUserDep, session: SessionDep
) -> Response:
    """Cancel a question; one that has ended stays as it is."""
    athena, workgroup = _athena(where)
    asking.cancel(athena, query_id, workgroup)
    _audit(session, user, "salesflow_cancel_question", {"id": query_id, "stage": where.stage})
    return Response(status_code=204)


def _audit(session: Any, user: Any, event: str, extra: dict[str, str]) -> None:
    """Airflow's audit log, as it keeps what else people ask of it."""
    name = user.get_name()[:500]
    log = Log(event=event, owner=name, owner_display_name=name, extra=json.dumps(extra))
    session.add(log)
    session.commit()


def _described(question: Question) -> dict[str, Any]:
    line, column = question.place or (None, None)
    return {
        "id": question.id,
        "sql": question.sql,
        "asked_by": question.asked_by,
        "asked_at": time_text(question.asked_at),
        "state": question.state,
        "error": question.error,
        "line": line,
        "column": column,
        "scanned_bytes": question.scanned_bytes,
        "cost": f"{question.cost:f}",
        "seconds": question.seconds,
    }


def _json(content: Any, status: int = 200) -> Response:
    return JSONResponse(content, status, headers={"Cache-Control": "no-store"})
