"""The profile celery: tasks run in workers of their own, and a worker's crash loses none."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from compose.stacks import (
    REDIS,
    RUN_SECONDS,
    Stack,
    airflow,
    ask,
    crash,
    docker,
    running_ingest,
    state,
    until,
)


@pytest.fixture(scope="module")
def stack(new_stack: Callable[..., Stack]) -> Stack:
    """A stack with two workers."""
    new = new_stack(
        COMPOSE_PROFILES="celery", SALESFLOW_REDIS=REDIS, SALESFLOW_MEMORY_NEEDED="3000"
    )
    started = new.run("docker/up.sh")
    assert started.returncode == 0, started.stdout + started.stderr
    return new


def workers(stack: Stack) -> list[str]:
    return stack.compose("ps", "--quiet", "worker").split()


def test_tasks_run_in_the_workers(stack: Stack) -> None:
    api = airflow(stack)
    api.wait_for_dag("deploy_pipeline", seconds=180)
    deployed = api.trigger(
        "deploy_pipeline",
        {"stage": "dev", "buffer_interval_seconds": 2, "transform_buffer_interval_seconds": 0},
    )
    api.wait(deployed, RUN_SECONDS, lambda _tasks: None)
    tasks = ask(stack, f"/api/v2/dags/deploy_pipeline/dagRuns/{deployed.run_id}/taskInstances")
    hosts = {task["hostname"] for task in tasks["task_instances"]}
    names = {docker("inspect", "--format", "{{.Config.Hostname}}", each) for each in workers(stack)}
    assert len(names) == 2
    assert hosts
    assert hosts <= names


def test_a_worker_that_crashes_in_an_ingest_loses_nothing(stack: Stack) -> None:
    api = airflow(stack)
    api.unpause("ingest_orders")
    written = api.trigger("generate_orders", {"stage": "dev", "orders": 200, "days": 1})
    api.wait(written, RUN_SECONDS, lambda _tasks: None)
    run = running_ingest(stack)
    for worker in workers(stack):
        crash(worker, stack.settings["SALESFLOW_IMAGE"])
    assert until(lambda: state(stack, run) in {"success", "failed"}, RUN_SECONDS)
    assert state(stack, run) == "success"
    stack.inside("scheduler", "salesflow", "reconcile")
