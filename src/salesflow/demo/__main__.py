"""``python -m salesflow.demo``: boot, deploy, generate, ingest, report, show; then stay up.

With ``--composed`` nothing is booted: the steps are shown on the stack that docker compose runs.
Everything is done as a user does it: the DAGs are triggered in Airflow, the answers are read
from Athena and S3. Writes ``build/demo.json``; the exit status is 0 only if all of it worked.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import boto3
import httpx
import typer
from botocore.exceptions import BotoCoreError, ClientError

from salesflow.demo import screen
from salesflow.demo.airflow_api import AirflowApi, RunFailed
from salesflow.demo.composed import PASSWORD_FILE, find_composed_stack
from salesflow.demo.figures import Figures, read_figures, read_report
from salesflow.demo.processes import CannotStart, Stack, start_stack, wait_for
from salesflow.deployment import (
    STACKS,
    StackMissing,
    deployment_prefix,
    stack_name,
    stack_outputs,
)
from salesflow.local import ROOT, AirflowUnready, aws_environment
from salesflow.queries import QueryFailed
from salesflow.reconciliation.reconcile import reconcile
from salesflow.reconciliation.silver import SilverMissing
from salesflow.stack_state import find_stack

STAGE = "dev"
ORDERS = 5_000
DAYS = 30
SEED = 1
BUFFER_SECONDS = 2
RUN_SECONDS = 600
SHOWN_REPORTS = ("day_totals", "sales_by_product")

_EXPECTED = (
    AirflowUnready,
    BotoCoreError,
    CannotStart,
    ClientError,
    QueryFailed,
    RunFailed,
    SilverMissing,
    StackMissing,
    httpx.HTTPError,
)


@dataclass
class Outcome:
    """What ``build/demo.json`` says. Times are in seconds, money is text.

    The figures follow from the seed and ``until``: those of any demo of the same hour are the same.
    """

    ok: bool = False
    seconds: dict[str, float] = field(default_factory=dict)
    until: str = ""
    orders_written: int = 0
    changes_written: int = 0
    rows_delivered: int = 0
    rows_quarantined: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    figures: dict[str, str] = field(default_factory=dict)
    reconciled: dict[str, int] = field(default_factory=dict)
    airflow_url: str = ""
    error: str | None = None

    def write(self, path: Path) -> None:
        """Write it as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(self), indent=2) + "\n")


class Demo:
    """One demonstration, step by step.

    Args:
        boot: starts or finds the Airflow and the AWS; what stops them goes into its argument.
    """

    def __init__(self, started: float, boot: Callable[[ExitStack], Stack]) -> None:
        self.started = started
        self.boot = boot
        self.until = datetime.now(UTC).replace(minute=0, second=0, microsecond=0)
        self.outcome = Outcome(until=self.until.isoformat())
        self.outcome.seconds["environment"] = round(time.time() - started, 1)
        self.servers = ExitStack()
        self.stack = Stack("", "", "")

    @contextmanager
    def step(self, name: str, title: str) -> Iterator[screen.Watch]:
        """Time a step and show how it goes."""
        begin = time.monotonic()
        with screen.step(title) as show:

            def watch(tasks: Mapping[str, str]) -> None:
                for server in self.stack.servers:
                    server.check()
                show(tasks)

            yield watch
            self.outcome.seconds[name] = round(time.monotonic() - begin, 1)

    def run(self) -> None:
        """All steps; raises what goes wrong."""
        self._boot()
        self._deploy()
        self._generate()
        self._ingest()
        self._report()
        figures = self._check()
        self.outcome.seconds["total"] = round(time.time() - self.started, 1)
        self.outcome.ok = True
        screen.show_figures(figures)

    def _boot(self) -> None:
        with self.step("boot", "starting the local AWS and Airflow"):
            self.stack = self.boot(self.servers)
            self.outcome.airflow_url = self.stack.airflow_url
            os.environ.update(aws_environment(self.stack.endpoint_url))
            wait_for(f"{self.stack.endpoint_url}/_ministack/health", self.stack.servers)
            wait_for(f"{self.stack.airflow_url}/api/v2/monitor/health", self.stack.servers)
            _require_empty()
            self.airflow = AirflowApi(self.stack.airflow_url, self.stack.password)
            self.airflow.wait_for_dag("deploy_pipeline", seconds=120)

    def _deploy(self) -> None:
        with self.step("deploy", "deploying the CloudFormation stacks") as watch:
            run = self.airflow.trigger(
                "deploy_pipeline",
                {
                    "stage": STAGE,
                    "buffer_interval_seconds": BUFFER_SECONDS,
                    "transform_buffer_interval_seconds": 0,
                },
            )
            self.airflow.wait(run, RUN_SECONDS, watch)

    def _generate(self) -> None:
        with self.step("generate", f"writing {ORDERS:,} orders of {DAYS} days") as watch:
            self.airflow.unpause("ingest_orders")  # it waits for what is written now
            run = self.airflow.trigger(
                "generate_orders",
                {
                    "stage": STAGE,
                    "orders": ORDERS,
                    "days": DAYS,
                    "seed": SEED,
                    "until": self.outcome.until,
                },
            )
            self.airflow.wait(run, RUN_SECONDS, watch)
            written = self.airflow.result(run, "write_orders")
            self.outcome.orders_written = written["inserted"]
            self.outcome.changes_written = written["changes"]

    def _ingest(self) -> None:
        with self.step("ingest", "waiting for the delivery, crawling, checking, merging") as watch:
            run = self.airflow.run_after_assets("ingest_orders", seconds=60)
            self.airflow.wait(run, RUN_SECONDS, watch)

    def _report(self) -> None:
        # Of the history's last day there is only a part.
        day = (self.until - timedelta(days=1)).date().isoformat()
        with self.step("report", f"reporting {day}") as watch:
            run = self.airflow.trigger("daily_sales_reports", {"stage": STAGE, "day": day})
            self.airflow.wait(run, RUN_SECONDS, watch)
            self.outcome.reports = [
                {key: report[key] for key in ("name", "s3_uri", "rows")}
                for stored in self.airflow.results(run, "run_report")
                for report in stored
                if report["day"] == day
            ]

    def _check(self) -> Figures:
        prefix = deployment_prefix(STAGE)
        outputs = stack_outputs(boto3.client("cloudformation"), prefix)
        figures = read_figures(outputs)
        self.outcome.rows_delivered = figures.changes_delivered
        self.outcome.rows_quarantined = figures.quarantined
        self.outcome.figures = {
            "orders": str(figures.orders),
            "revenue": str(figures.revenue),
            "sum_of_changes": str(figures.naive_revenue),
        }
        arrived = figures.changes_delivered + figures.quarantined
        if arrived != self.outcome.changes_written:
            raise RunFailed(
                f"{self.outcome.changes_written} changes were written, {arrived} have arrived"
            )
        self._reconcile(outputs)
        for report in self.outcome.reports:
            if report["name"] in SHOWN_REPORTS:
                screen.show_report(report["s3_uri"], read_report(report["s3_uri"]))
        others = [report["name"] for report in self.outcome.reports]
        screen.say(f"{len(others)} reports are there: {', '.join(others)}")
        return figures

    def _reconcile(self, outputs: Mapping[str, str]) -> None:
        with self.step("reconcile", "comparing silver with DynamoDB, order by order"):
            connect: Any = boto3.client
            found = reconcile(connect, outputs)
        self.outcome.reconciled = {"orders": found.compared, "mismatches": found.mismatches}
        if found.mismatches:
            raise RunFailed("\n".join(found.lines()))


def _require_empty() -> None:
    """The figures are those of a deployment that nobody else has written to."""
    name = stack_name(deployment_prefix(STAGE), STACKS[0])
    if find_stack(boto3.client("cloudformation"), name):
        raise CannotStart(
            f"there is a deployment already ({name}): the demo wants an empty local AWS, as after "
            "`docker compose down --volumes`, which deletes all that the stack keeps"
        )


def main(
    once: Annotated[bool, typer.Option("--once", help="Stop everything at the end.")] = False,
    composed: Annotated[
        bool, typer.Option("--composed", help="On the stack that docker compose runs.")
    ] = False,
) -> None:
    """The whole pipeline on this machine."""
    # Ctrl-C, a polite kill and a closed terminal end the demo the same way: its servers are
    # stopped. A shell that starts it in the background has it ignore Ctrl-C, unless it says so.
    for polite in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(polite, signal.default_int_handler)
    started = float(os.environ.get("SALESFLOW_STARTED") or time.time())
    demo = Demo(started, find_composed_stack if composed else start_stack)
    with demo.servers:
        try:
            demo.run()
        except _EXPECTED as error:
            demo.outcome.error = str(error)
            screen.show_error(str(error))
        except KeyboardInterrupt:
            demo.outcome.error = "stopped"
            screen.say("stopping the servers")
        demo.outcome.write(ROOT / "build" / "demo.json")
        if demo.outcome.ok:
            ends = once or composed
            screen.show_end(
                demo.outcome.seconds, demo.outcome.airflow_url, demo.stack.password, ends
            )
            if composed:
                screen.say(
                    f"It runs on: {demo.outcome.airflow_url}, user admin, password: "
                    f"docker compose exec api-server cat {PASSWORD_FILE}"
                )
            if not ends:
                wait_for_ctrl_c()
    sys.exit(0 if demo.outcome.ok else 1)


def wait_for_ctrl_c() -> None:
    """Do nothing until the user has seen enough."""
    try:
        signal.pause()
    except KeyboardInterrupt:
        screen.say("stopping")


if __name__ == "__main__":
    typer.run(main)
