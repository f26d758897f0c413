"""A browser, and the real thing to look at: Airflow with the plugin, the local AWS, the stacks."""

from __future__ import annotations

import shutil
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from airflow_home import ROOT
from dashboard_server import DashboardServer
from salesflow.demo.airflow_api import AirflowApi
from salesflow.demo.processes import Server, start_airflow, start_local_aws, wait_for
from salesflow.deployment import deploy_all, deployment_prefix, read_templates, stack_outputs
from salesflow.local import aws_environment
from salesflow.packaging import build_package
from salesflow.patience import Patience

STAGE = "dev"
SCREENSHOTS = ROOT / "build" / "screenshots"
PATIENCE_MS = 90_000
"""For a page that waits for nothing but a busy machine."""
QUICK = Patience(timeout=60, interval=0.05)


# Playwright leaves an event loop running, and Airflow a load: neither is for tests of other files.
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """A headless Chromium; without one there is nothing to test with."""
    from playwright.sync_api import sync_playwright

    installed = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as playwright:
        path = installed or playwright.chromium.executable_path
        if not Path(path).exists():
            pytest.skip("there is no Chromium")
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@dataclass(frozen=True)
class Site:
    """A running Airflow with the plugin, before a deployed pipeline.

    Attributes:
        url: Airflow's address.
        password: that of its user admin.
        aws: makes clients of the local AWS.
        aws_server: its process, to be held up or ended.
        api_server: Airflow's, likewise.
        outputs: of the deployment's stacks.
        airflow: its REST API.
        state: the browser's storage after logging in.
    """

    url: str
    password: str
    aws: Callable[[str], Any]
    aws_server: Server
    api_server: Server
    outputs: dict[str, str]
    airflow: AirflowApi
    state: Any = field(repr=False)


@pytest.fixture(scope="module")
def site(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The site, started as the demo does; deployed without a DAG, which is quicker."""
    folder = tmp_path_factory.mktemp("site")
    aws_port, airflow_port = _free_ports(2)
    endpoint_url, url = f"http://127.0.0.1:{aws_port}", f"http://127.0.0.1:{airflow_port}"
    with ExitStack() as servers:
        aws_server = start_local_aws(aws_port, folder / "aws.log")
        servers.callback(aws_server.stop)
        airflow_servers, password = start_airflow(
            airflow_port, endpoint_url, folder / "airflow", folder
        )
        for server in airflow_servers:
            servers.callback(server.stop)
        wait_for(f"{endpoint_url}/_ministack/health", [aws_server])
        aws = _clients(endpoint_url)
        packages = [
            build_package(handler.parent, folder / "packages")
            for handler in (ROOT / "lambdas").glob("*/handler.py")
        ]
        templates = read_templates(ROOT / "infra" / "cloudformation")
        quick = {"BufferIntervalSeconds": "2", "TransformBufferIntervalSeconds": "0"}
        deploy_all(aws, STAGE, templates, packages, quick, patience=QUICK)
        wait_for(f"{url}/api/v2/monitor/health", airflow_servers)
        yield Site(
            url=url,
            password=password,
            aws=aws,
            aws_server=aws_server,
            api_server=airflow_servers[0],
            outputs=stack_outputs(aws("cloudformation"), deployment_prefix(STAGE)),
            airflow=AirflowApi(url, password),
            state=_logged_in(chromium, url, password),
        )


def _clients(endpoint_url: str) -> Callable[[str], Any]:
    names = aws_environment(endpoint_url)
    session = boto3.Session(
        aws_access_key_id=names["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=names["AWS_SECRET_ACCESS_KEY"],
        region_name=names["AWS_DEFAULT_REGION"],
    )
    return lambda service: session.client(service, endpoint_url=endpoint_url)


def _logged_in(chromium: Any, url: str, password: str) -> Any:
    """Log in as people do, by Airflow's login page."""
    context = chromium.new_context()
    context.set_default_timeout(PATIENCE_MS)
    page = context.new_page()
    page.goto(url, wait_until="domcontentloaded")
    page.fill("input[name=username]", "admin")
    page.fill("input[name=password]", password)
    page.click("button[type=submit]")
    page.wait_for_url(lambda address: "/auth/login" not in address)
    state = context.storage_state()
    context.close()
    return state


def _free_ports(count: int) -> list[int]:
    probes = [socket.socket() for _ in range(count)]
    for probe in probes:
        probe.bind(("127.0.0.1", 0))
    ports = [int(probe.getsockname()[1]) for probe in probes]
    for probe in probes:
        probe.close()
    return ports


@dataclass
class Opened:
    """A page in a context of its own, and what went wrong in it.

    Attributes:
        errors: what the console and scripts complain of.
        foreign: requests to any other host than the page's.
    """

    page: Any
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def watch(self) -> None:
        """Note from now on what goes wrong."""

        def hear(message: Any) -> None:
            if message.type == "error":
                self.errors.append(f"{message.text} ({message.location.get('url', '')})")

        def ask(request: Any) -> None:
            address = urlsplit(request.url)
            if address.scheme in ("http", "https", "ws", "wss") and address.hostname != "127.0.0.1":
                self.foreign.append(request.url)

        self.page.on("console", hear)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", ask)


def _opener(chromium: Any, contexts: ExitStack) -> Callable[..., Opened]:
    def open_(**options: Any) -> Opened:
        context = chromium.new_context(**{"viewport": {"width": 1366, "height": 900}} | options)
        contexts.callback(context.close)
        context.set_default_timeout(PATIENCE_MS)
        opened = Opened(context.new_page())
        opened.watch()
        return opened

    return open_


@pytest.fixture
def open_page(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """Opens pages for a test; takes what `browser.new_context` takes."""
    with ExitStack() as contexts:
        yield _opener(chromium, contexts)


@pytest.fixture(scope="module")
def open_page_once(chromium: Any) -> Iterator[Callable[..., Opened]]:
    """The same for all tests of a module: Airflow's page is heavy."""
    with ExitStack() as contexts:
        yield _opener(chromium, contexts)


@pytest.fixture(scope="session")
def _page_server() -> Iterator[DashboardServer]:
    server = DashboardServer()
    server.start()
    yield server
    server.stop()


@pytest.fixture
def page_server(_page_server: DashboardServer) -> Iterator[DashboardServer]:
    """The dashboard's page alone, told what the test tells it."""
    _page_server.forget()
    yield _page_server
    _page_server.forget()
