"""The dashboard's application: who may ask, what is refused, and what a deployment's feed says."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from threading import Event
from typing import Any

import anyio.to_thread
import httpx
import pytest
from botocore.exceptions import EndpointConnectionError

import airflow_home
from aws_requests import Interception, intercept
from localaws.server import LocalAws

PLACES = {
    "path": "x",
    "kind": "live",
    "name": "x",
    "day": "2026-03-04",
    "query_id": "0" * 8 + "-0000" * 3 + "-" + "0" * 12,
}


@pytest.fixture(scope="module")
def _login() -> Iterator[dict[str, str]]:
    """The header of somebody who is logged in, by Airflow's own authentication."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AIRFLOW__API_AUTH__JWT_SECRET", "a secret of the tests " * 3)
        from airflow.api_fastapi.app import init_auth_manager
        from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
        from airflow.utils.db import initdb

        initdb()  # Airflow looks there for tokens that were revoked
        manager = init_auth_manager()
        token = manager.generate_jwt(SimpleAuthManagerUser(username="viewer", role="viewer"))
        yield {"Authorization": f"Bearer {token}"}


@pytest.fixture
def login(_login: dict[str, str]) -> dict[str, str]:
    return _login


@pytest.fixture
def app() -> Any:
    """The application on whichever AWS the connection names."""
    from salesflow_airflow.dashboard.app import create_app
    from salesflow_airflow.dashboard.deployments import Deployments

    return create_app(Deployments().open)


def answers(app: Any, ask: Callable[[httpx.AsyncClient], Awaitable[Any]], **headers: str) -> Any:
    """What comes of some requests."""

    async def play() -> Any:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url="http://airflow.test", headers=headers
        ) as client:
            return await ask(client)

    return asyncio.run(play())


def get(app: Any, path: str, headers: dict[str, str], method: str = "GET") -> httpx.Response:
    async def ask(client: httpx.AsyncClient) -> httpx.Response:
        return await client.request(method, path)

    answer: httpx.Response = answers(app, ask, **headers)
    return answer


def routes(app: Any) -> list[tuple[str, str]]:
    """Every method and path that the application answers."""
    return sorted(
        (method, route.path.replace(":path", "").format(**PLACES))
        for route in app.routes
        for method in route.methods
    )


def test_every_route_wants_a_login(app: Any, login: dict[str, str]) -> None:
    del login  # the manager of logins has to be there
    found = routes(app)
    assert {("GET", "/"), ("GET", "/api/events"), ("GET", "/questions"), ("POST", "/x")} <= {*found}
    for method, path in [*found, ("GET", "/docs"), ("GET", "/openapi.json"), ("GET", "/redoc")]:
        answer = get(app, path, {}, method)
        assert answer.status_code == 401, f"{method} {path}"
        assert method == "HEAD" or answer.json() == {"detail": "Not authenticated"}


def test_a_forged_token_is_refused(app: Any, login: dict[str, str]) -> None:
    forged = {"Authorization": login["Authorization"][:-8] + "AAAAAAAA"}
    assert get(app, "/api/live", forged).status_code == 403


def test_every_answer_confines_the_page(app: Any, login: dict[str, str]) -> None:
    for path, headers in (("/", login), ("/nothing", login), ("/", {})):
        sent = get(app, path, headers).headers
        policy = sent["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "frame-ancestors 'self'" in policy
        assert sent["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/live?stage=DEV", 422),
        ("/api/live?stage=", 422),
        ("/api/live?stage=" + "a" * 13, 422),
        ("/api/events?stage=a'b", 422),
        ("/api/secrets", 422),
        ("/static/", 404),
        ("/static/none.js", 404),
        ("/static/%00", 404),
        ("/static/../app.py", 404),
        ("/static/%2e%2e/app.py", 404),
        ("/static//etc/passwd", 404),
        ("/docs", 404),
        ("/openapi.json", 404),
    ],
)
def test_what_makes_no_sense_is_refused(
    app: Any, login: dict[str, str], path: str, status: int
) -> None:
    assert get(app, path, login).status_code == status


def test_files_are_served_and_not_sent_twice(app: Any, login: dict[str, str]) -> None:
    for path in ("/", "/static/salesflow.css", "/plotly.min.js"):
        answer = get(app, path, login)
        assert answer.status_code == 200
        again = get(app, path, login | {"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_what_isnt_deployed_is_told_and_unknown_stages_arent_found(
    app: Any, login: dict[str, str], aws_default: LocalAws
) -> None:
    for kind in ("live", "lake", "pipeline"):
        answer = get(app, f"/api/{kind}", login)
        assert answer.status_code == 200
        state = answer.json()
        assert state["error"] == "Stage dev isn't deployed: run the DAG deploy_pipeline."
        assert (state["data"], state["read_at"]) == (None, None)
    for path in ("/api/live", "/api/events"):
        answer = get(app, f"{path}?stage=nowhere", login)
        assert answer.status_code == 404
        assert "nowhere isn't deployed" in answer.json()["detail"]


@pytest.fixture
def lake(aws_default: LocalAws) -> Any:
    """A client of S3, and the bucket of a deployment that has nothing else."""
    from salesflow_airflow.dashboard.deployments import opened

    opened.cache_clear()  # it keeps a deployment's outputs, and this is another
    template = {
        "Resources": {"Lake": {"Type": "AWS::S3::Bucket"}},
        "Outputs": {"LakeBucketName": {"Value": {"Ref": "Lake"}}},
    }
    empty = {"Resources": {"Q": {"Type": "AWS::SQS::Queue"}}}
    cloudformation = aws_default.aws.client("cloudformation")
    for stack, what in (("storage", template), ("streaming", empty), ("analytics", empty)):
        cloudformation.create_stack(
            StackName=f"salesflow-dev-{stack}", TemplateBody=json.dumps(what)
        )
    s3 = aws_default.aws.client("s3")
    return s3, s3.list_buckets()["Buckets"][0]["Name"]


def test_the_page_of_a_day_is_served_in_a_sandbox(
    app: Any, login: dict[str, str], lake: Any
) -> None:
    s3, bucket = lake
    s3.put_object(Bucket=bucket, Key="reports/page/dt=2026-03-04/page.html", Body=b"<p>4 March")
    answer = get(app, "/days/2026-03-04", login)
    assert (answer.status_code, answer.text) == (200, "<p>4 March")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("sandbox allow-scripts; ")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(
    ("path", "status", "sentence"),
    [
        ("2026-03-05", 404, "there is no page of 2026-03-05: the DAG daily_sales_reports"),
        ("yesterday", 400, "a day is asked for as YYYY-MM-DD"),
        ("2026-02-30", 400, "a day is asked for as YYYY-MM-DD"),
        ("1795910400", 400, "a day is asked for as YYYY-MM-DD"),
        ("2026-03-05?stage=nowhere", 404, "Stage nowhere isn't deployed"),
    ],
)
@pytest.mark.usefixtures("lake")
def test_a_day_without_a_page_is_told(
    app: Any, login: dict[str, str], path: str, status: int, sentence: str
) -> None:
    answer = get(app, f"/days/{path}", login)
    assert answer.status_code == status
    assert answer.json()["error"].startswith(sentence)


def test_an_object_that_is_named_after_no_day_is_no_page(lake: Any) -> None:
    from salesflow.dashboard.reports import newest_object

    s3, bucket = lake
    for day in ("2026-03-04", "2026-13-45"):
        s3.put_object(Bucket=bucket, Key=f"reports/page/dt={day}/page.html", Body=b"")
    found = newest_object(s3, bucket, "page", "html", datetime(2026, 3, 5, tzinfo=UTC))
    assert found is not None
    assert found.day.isoformat() == "2026-03-04"


def test_an_aws_that_cant_be_reached_is_told_without_its_address(
    app: Any, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    connection = {
        "conn_type": "aws",
        "login": "key",
        "password": "secret",
        "extra": {"region_name": "us-east-1", "endpoint_url": "http://user:pass@127.0.0.1:9"},
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    answer = get(app, "/api/live", login)
    assert answer.status_code == 200
    assert answer.json()["error"] == "AWS can't be reached."
    assert "127.0.0.1" not in answer.text


def test_a_missing_connection_is_told(
    app: Any, login: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", '{"conn_type": "aws"}')
    answer = get(app, "/api/live", login)
    assert answer.status_code == 200
    assert answer.json()["error"].startswith("The connection aws_default doesn't work: ")


def test_outputs_and_clients_are_read_once_for_many_reads(
    aws_default: LocalAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    from salesflow_airflow.dashboard.deployments import (
        KEPT_AFTER_FAILURE_SECONDS,
        KEPT_SECONDS,
        Deployment,
    )
    from salesflow_airflow.deployment import connect

    for stack in ("storage", "streaming", "analytics"):
        template = {
            "Resources": {"Q": {"Type": "AWS::SQS::Queue"}},
            "Outputs": {f"{stack}Queue": {"Value": {"Ref": "Q"}}},
        }
        connect("cloudformation").create_stack(
            StackName=f"salesflow-dev-{stack}", TemplateBody=json.dumps(template)
        )
    described = Interception(lambda request: b"DescribeStacks" in request.body)
    intercept(monkeypatch, "cloudformation", described)
    made: list[str] = []
    seconds = 0.0

    def noted(service: str) -> Any:
        made.append(service)
        return connect(service)

    deployment = Deployment("dev", noted, stopwatch=lambda: seconds)

    def reader(clients: Any, outputs: Any, now: Any) -> dict[str, Any]:
        clients("sqs")
        return dict(outputs)

    def read(_: int) -> dict[str, Any]:
        return dict(deployment.read(reader, None))  # type: ignore[arg-type]

    with ThreadPoolExecutor(4) as threads:
        results = list(threads.map(read, range(40)))
    assert {len(result) for result in results} == {3}
    assert sorted(made) == ["cloudformation", "sqs"]
    assert described.met == 3
    seconds = KEPT_SECONDS + 1
    read(0)
    assert described.met == 6
    assert sorted(made) == ["cloudformation", "sqs"]

    def failing(*_: Any) -> dict[str, Any]:
        raise TimeoutError

    with pytest.raises(TimeoutError):
        deployment.read(failing, None)  # type: ignore[arg-type]
    seconds += KEPT_AFTER_FAILURE_SECONDS + 1
    read(0)
    assert sorted(made) == ["cloudformation", "cloudformation", "sqs", "sqs"]


def test_all_who_wait_for_a_deployment_share_its_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    from salesflow_airflow.dashboard import deployments

    come, asked = itertools.count(1), []
    all_wait = Event()

    def stopwatch() -> float:
        if (number := next(come)) == 5:  # the first looks thrice
            all_wait.set()
        return float(number)

    def hang(*_: Any) -> Any:
        asked.append(True)
        assert all_wait.wait(10)
        raise EndpointConnectionError(endpoint_url="http://aws.test")

    monkeypatch.setattr(deployments, "stack_outputs", hang)
    deployment = deployments.Deployment("dev", lambda service: service, stopwatch)

    def read(_: int) -> str:
        with pytest.raises(EndpointConnectionError) as error:
            deployment.read(lambda *_: {}, None)  # type: ignore[arg-type]
        return str(error.value)

    with ThreadPoolExecutor(3) as threads:
        assert len(list(threads.map(read, range(3)))) == 3
    assert len(asked) == 1


def test_those_who_wait_for_aws_leave_airflow_its_threads() -> None:
    from fastapi import APIRouter, FastAPI

    from salesflow_airflow.questions.told import ToldRoute

    router, application = APIRouter(route_class=ToldRoute), FastAPI()
    waiting: set[int] = set()
    aws_answers = Event()

    @router.get("/{number}")
    def wait(number: int) -> int:
        waiting.add(number)
        assert aws_answers.wait(30)
        return number

    application.include_router(router)

    async def ask(client: httpx.AsyncClient) -> list[int]:
        requests = [asyncio.create_task(client.get(f"/{number}")) for number in range(60)]
        async with asyncio.timeout(20):
            while len(waiting) < 8:
                await asyncio.sleep(0.01)
        # A thread is there at once, which it isn't if all forty wait.
        assert await asyncio.wait_for(anyio.to_thread.run_sync(len, waiting), 10) == 8
        aws_answers.set()
        return [(await request).json() for request in requests]

    assert answers(application, ask) == list(range(60))


def test_airflow_processes_that_serve_nothing_import_nothing_for_the_dashboard() -> None:
    script = (
        "import sys; import airflow.plugins_manager; before = set(sys.modules);"
        "import salesflow_plugin; new = set(sys.modules) - before;"
        "print(sorted(n.partition('.')[0] for n in new if n.partition('.')[0] not in "
        "sys.stdlib_module_names | {'salesflow_airflow', 'salesflow_plugin'}))"
    )
    environment = os.environ | {"PYTHONPATH": str(airflow_home.PLUGINS)}
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=True
    )
    assert done.stdout.strip().splitlines()[-1] == "[]"
