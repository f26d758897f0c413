"""The local AWS as one process: MiniStack with our services, on one loopback port."""

from __future__ import annotations

import logging
import socket
import sys
import threading
import urllib.request
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

from localaws import registry
from localaws.durable.directory import DataDirectory, NotKept
from localaws.durable.saver import Saver
from localaws.lambda_environment import isolate_functions
from localaws.service import Aws, Service
from localaws.wire import Wire

log = logging.getLogger(__name__)

DEFAULT_PORT = 4566
READY_SECONDS = 60
# Seconds after which a thread that computes gives way. Python's 5 ms would be added to each request
# that is answered while a service computes.
SWITCH_SECONDS = 0.0005


def utcnow() -> datetime:
    """The wall clock, UTC."""
    return datetime.now(UTC)


class PortTaken(Exception):
    """Something listens on the port already."""


class LocalAws:
    """A local AWS in this process.

    MiniStack's state is global to a process, so a process can have one local AWS.

    Args:
        port: on 127.0.0.1 unless ``host`` says otherwise; 0 takes a free one.
        data_dir: keeps all that was acknowledged, however the process ends; None forgets it.
        services: our services' classes; `localaws.services.ALL` by default.
        turning: False leaves the services' clocks to the caller, who turns them by `step`.

    Raises:
        PortTaken: the port can't be listened on.
        DirectoryRefused: the data directory can't be used.
    """

    def __init__(
        self,
        port: int = DEFAULT_PORT,
        *,
        host: str = "127.0.0.1",
        account: str = "000000000000",
        region: str = "us-east-1",
        data_dir: Path | None = None,
        services: Iterable[type[Service]] | None = None,
        clock: Callable[[], datetime] = utcnow,
        turning: bool = True,
    ) -> None:
        from localaws.services import ALL

        self.host, self.port = host, port or _free_port(host)
        _check_port(self.host, self.port)
        self._directory = (
            DataDirectory(data_dir, f"MiniStack {registry.MINISTACK_VERSION}") if data_dir else None
        )
        self.clock = clock
        self.turning = turning
        # A server that listens on every address is still reached over loopback from inside.
        self.reach = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104
        self.aws = Aws(f"http://{self.reach}:{self.port}", account, region)
        registry.configure(self.host, self.aws.endpoint_url, account, region, data_dir)
        isolate_functions()
        self.services = [kind(self.aws) for kind in (ALL if services is None else services)]
        self._savers = (
            {service: Saver(service, self._directory) for service in self.services}
            if self._directory
            else {}
        )
        for service in self.services:
            self._add(service)
        self._keeper = (
            registry.keep_state(self._directory, self._wait_for_savers) if self._directory else None
        )
        self._stop = threading.Event()
        self._http = uvicorn.Server(
            uvicorn.Config(
                registry.app(),
                host=self.host,
                port=self.port,
                http="httptools",
                lifespan="on",
                log_config=None,
                access_log=False,
                # MiniStack writes these headers itself.
                server_header=False,
                date_header=False,
                timeout_keep_alive=75,
                timeout_graceful_shutdown=1,
            )
        )
        self._threads: list[threading.Thread] = []

    def start(self) -> None:
        """Serve in a background thread; returns when requests are answered."""
        for saver in self._savers.values():
            saver.load()
            saver.turning = self.turning
        sys.setswitchinterval(SWITCH_SECONDS)
        server = threading.Thread(target=self._http.run, name="localaws-http", daemon=True)
        server.start()
        self._threads.append(server)
        for _ in range(READY_SECONDS * 50):
            if _answers(self.reach, self.port):
                break
            server.join(0.02)
            if not server.is_alive():
                raise RuntimeError("the local AWS did not start: its server ended, as logged above")
        else:
            raise RuntimeError(f"the local AWS did not answer within {READY_SECONDS} s")
        if self.turning:
            for service in self.services:
                thread = threading.Thread(
                    target=self._turn, args=(service,), name=f"localaws-{service.name}", daemon=True
                )
                thread.start()
                self._threads.append(thread)

    def stop(self) -> None:
        """Stop the services, close the port, and write what a kill may lose."""
        self._stop.set()
        for service in self.services:
            service.wake.set()
        # The services call each other over the port, so they end before it closes.
        for thread in reversed(self._threads[1:]):
            thread.join(timeout=30)
        for saver in self._savers.values():
            saver.stop()
        self._http.should_exit = True
        for thread in self._threads[:1]:
            thread.join(timeout=30)
        if self._keeper and self._directory:
            try:
                for saver in self._savers.values():
                    saver.save()
                self._keeper.close()
            except NotKept as error:
                log.error("%s: what wasn't acknowledged may be lost", error)  # noqa: TRY400
            self._directory.close()

    def step(self, now: datetime | None = None) -> None:
        """Turn every service's clock to ``now`` and let all that is due happen, in the chain's
        order, until nothing more is to be done at once."""
        now = now or self.clock()
        busy = True
        while busy:
            stepped = [service.step(now) for service in self.services]
            busy = any(stepped)

    def reset(self) -> None:
        """Forget all state, MiniStack's included; a data directory is deleted instead."""
        if self._directory:
            raise RuntimeError(f"{self._directory.path} keeps its state: delete it instead")
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.aws.endpoint_url}/_ministack/reset", method="POST"
        )
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310
            pass
        for service in self.services:
            service.reset()

    def _add(self, service: Service) -> None:
        """Have a service answer its requests, and provision its types."""
        saver = self._savers.get(service)
        wire = Wire(service.name, service.operations(), service.error_codes)
        kept = {"keep": saver.keep} if saver else {}
        registry.add_service(
            service.name,
            wire,
            self.aws.account,
            self.aws.region,
            pass_on=service.passes_on,
            **kept,
        )
        for resource_type in service.resource_types():
            if saver:
                registry.add_resource_type(resource_type, saver.ask)
            else:
                registry.add_resource_type(resource_type)

    def _wait_for_savers(self) -> None:
        for saver in self._savers.values():
            saver.wait()

    def _turn(self, service: Service) -> None:
        while not self._stop.is_set():
            service.wake.clear()
            try:
                busy = service.step(self.clock())
            except Exception:
                # A mover that dies would hold up the chain for good: AWS's don't either.
                log.exception("%s: this step failed and is tried again", service.name)
                busy = False
            if saver := self._savers.get(service):
                saver.turn()
            if not busy:
                service.wake.wait(service.pause)


def _free_port(host: str) -> int:
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def _check_port(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTaken(f"{host}:{port} can't be used: {error.strerror}") from error


def _answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
