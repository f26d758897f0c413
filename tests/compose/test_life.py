"""A stack's life: it comes up, runs the pipeline, goes down and up, and crashes part by part."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any

import httpx
import pytest

from compose.stacks import (
    ROOT,
    RUN_SECONDS,
    Stack,
    address,
    airflow,
    ask,
    crash,
    docker,
    running_ingest,
    state,
    token,
    until,
)
from salesflow.demo import __main__ as demo
from salesflow.generator import history
from written_orders import newest

AIRFLOW = ("api-server", "scheduler", "dag-processor", "triggerer")
BACK_SECONDS = 420
LAKE = "SELECT count(*) AS orders, sum(quantity * price) AS revenue FROM orders_current"


@pytest.fixture(scope="module")
def stack(new_stack: Callable[..., Stack]) -> Stack:
    """One stack for all of this file, in its order."""
    new = new_stack(SALESFLOW_MEMORY_NEEDED="3000")
    started = new.run("docker/up.sh")
    assert started.returncode == 0, started.stdout + started.stderr
    assert "admin-password" in started.stdout
    return new


def query(stack: Stack, sql: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(
        stack.inside("scheduler", "salesflow", "query", sql, "--format", "json")
    )
    return rows


def test_every_container_runs_as_it_was_told(stack: Stack) -> None:
    for service in (*AIRFLOW, "aws", "postgres"):
        (found,) = json.loads(docker("inspect", stack.container(service)))
        assert found["State"]["Health"]["Status"] == "healthy", service
        assert found["HostConfig"]["ReadonlyRootfs"], service
        assert found["HostConfig"]["CapDrop"] == ["ALL"], service
        assert found["HostConfig"]["Memory"] > 0, service
        for bindings in (found["HostConfig"]["PortBindings"] or {}).values():
            assert {binding["HostIp"] for binding in bindings} == {"127.0.0.1"}, service
        if service != "postgres":
            status = stack.inside(service, "cat", "/proc/1/status")
            assert "Uid:\t1000" in status, service
            assert "CapEff:\t0000000000000000" in status, service


def test_no_secret_that_was_made_is_in_a_container_or_a_layer(stack: Stack) -> None:
    folder = "/var/lib/salesflow/secrets"
    names = stack.inside("api-server", "ls", folder).split()
    assert {"fernet-key", "jwt-secret", "database-password", "admin-password"} <= set(names)
    values = [stack.inside("api-server", "cat", f"{folder}/{name}") for name in names]
    services = stack.compose("ps", "--all", "--services").split()
    inspected = "".join(docker("inspect", stack.container(service)) for service in services)
    inspected += docker("history", "--no-trunc", stack.settings["SALESFLOW_IMAGE"])
    assert not [name for name, value in zip(names, values, strict=True) if value in inspected]
    modes = stack.inside("api-server", "sh", "-c", f"stat -c %a {folder}/*").split()
    assert set(modes) == {"600"}


def test_airflow_shows_all_dags_and_our_pages(stack: Stack) -> None:
    airflow(stack).wait_for_dag("deploy_pipeline", seconds=180)
    assert ask(stack, "/api/v2/importErrors")["import_errors"] == []
    dags = {dag["dag_id"] for dag in ask(stack, "/api/v2/dags?limit=100")["dags"]}
    assert dags == {path.stem for path in (ROOT / "dags").glob("*.py")}
    assert ask(stack, "/api/v2/plugins/importErrors")["import_errors"] == []
    plugins = ask(stack, "/api/v2/plugins")["plugins"]
    apps = [app for plugin in plugins for app in plugin["fastapi_apps"]]
    assert apps
    version = stack.inside("api-server", "python", "-c", "import sys; print(sys.version_info[:2])")
    assert version == "(3, 13)"


def test_the_dashboard_wants_a_login(stack: Stack) -> None:
    page = f"{address(stack)}/salesflow/"
    assert httpx.get(page, timeout=60).status_code == 401
    headers = {"Authorization": f"Bearer {token(stack)}"}
    with_login = httpx.get(page, headers=headers, timeout=60)
    assert with_login.status_code == 200


def test_the_demo_runs_on_it(stack: Stack) -> None:
    done = stack.run("make", "demo-docker", seconds=2400)
    assert done.returncode == 0, done.stdout + done.stderr
    outcome = json.loads((ROOT / "build" / "demo.json").read_text())
    assert outcome["ok"] is True
    assert outcome["reconciled"]["mismatches"] == 0
    assert outcome["orders_written"] == 5000
    assert outcome["rows_delivered"] + outcome["rows_quarantined"] == outcome["changes_written"]
    # Seed and time decide all of it, so these are the figures of `make demo`, too.
    end = datetime.fromisoformat(outcome["until"])
    writes = list(history(orders=demo.ORDERS, days=demo.DAYS, until=end, seed=demo.SEED))
    orders = newest(writes)
    assert outcome["changes_written"] == len(writes)
    assert outcome["figures"]["orders"] == str(len(orders))
    assert Decimal(outcome["figures"]["revenue"]) == sum(o.quantity * o.price for o in orders)


def test_the_dashboard_counts_what_the_demo_has_written(stack: Stack) -> None:
    def counted() -> bool:
        live = ask(stack, "/salesflow/api/live")
        assert live["error"] is None
        return bool(live["data"]["latest"])

    assert until(counted, 60)


def test_a_second_demo_is_refused_in_a_sentence(stack: Stack) -> None:
    done = stack.run("make", "demo-docker")
    assert done.returncode != 0
    assert "there is a deployment already (salesflow-dev-storage)" in done.stdout


def test_down_and_up_keeps_orders_lake_and_history(stack: Stack) -> None:
    before = query(stack, LAKE)
    runs = ask(stack, "/api/v2/dags/ingest_orders/dagRuns")["total_entries"]
    stack.compose("down")
    started = stack.run("docker/up.sh")
    assert started.returncode == 0, started.stdout + started.stderr
    assert query(stack, LAKE) == before
    assert ask(stack, "/api/v2/dags/ingest_orders/dagRuns")["total_entries"] >= runs > 0
    stack.inside("scheduler", "salesflow", "reconcile")


@pytest.mark.parametrize("service", [*AIRFLOW, "aws", "postgres"])
def test_a_crash_in_the_middle_of_an_ingest_loses_nothing(service: str, stack: Stack) -> None:
    api = airflow(stack)
    written = api.trigger("generate_orders", {"stage": "dev", "orders": 200, "days": 1})
    api.wait(written, RUN_SECONDS, lambda _tasks: None)
    run = running_ingest(stack)
    container = stack.container(service)
    restarts = int(docker("inspect", "--format", "{{.RestartCount}}", container))
    crash(container, stack.settings["SALESFLOW_IMAGE"])
    assert until(
        lambda: int(docker("inspect", "--format", "{{.RestartCount}}", container)) > restarts,
        BACK_SECONDS,
    )
    assert until(
        lambda: docker("inspect", "--format", "{{.State.Health.Status}}", container) == "healthy",
        BACK_SECONDS,
    )
    assert until(lambda: state(stack, run) in {"success", "failed"}, RUN_SECONDS)
    assert state(stack, run) == "success"
    stack.inside("scheduler", "salesflow", "reconcile")


def test_a_stack_whose_container_was_stopped_by_hand_is_whole_after_up(stack: Stack) -> None:
    """Docker takes `docker kill` for a wish, and starts no container again that was so ended."""
    docker("kill", stack.container("scheduler"))
    started = stack.run("docker/up.sh")
    assert started.returncode == 0, started.stdout + started.stderr
    stack.inside("scheduler", "salesflow", "reconcile")
