"""Airflow from the outside, by its REST API.

https://airflow.apache.org/docs/apache-airflow/stable/stable-rest-api-ref.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

TaskStates = dict[str, str]
"""Task (with the map index, if it has one) → state."""

_FINISHED = {"success", "failed"}
_LOOK_SECONDS = 0.7


class RunFailed(Exception):
    """A DAG run failed or took too long; the message names the run and its tasks."""


@dataclass(frozen=True)
class Run:
    """One run of a DAG."""

    dag_id: str
    run_id: str


class AirflowApi:
    """A client of one Airflow, as its admin.

    Args:
        url: the API server's address, without a path.
    """

    def __init__(self, url: str, password: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        answer = self._http.post(
            "/auth/token", json={"username": "admin", "password": password}
        ).raise_for_status()
        self._http.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"

    def wait_for_dag(self, dag_id: str, seconds: float) -> None:
        """Wait until the DAG processor has parsed a DAG."""
        deadline = time.monotonic() + seconds
        while self._http.get(f"/api/v2/dags/{dag_id}").status_code == httpx.codes.NOT_FOUND:
            if time.monotonic() > deadline:
                errors = self._get("/api/v2/importErrors")["import_errors"]
                raise RunFailed(f"Airflow knows no DAG {dag_id} after {seconds:g} s: {errors}")
            time.sleep(_LOOK_SECONDS)

    def unpause(self, dag_id: str) -> None:
        """Let a DAG run: by hand, and whenever its schedule says."""
        self._http.patch(f"/api/v2/dags/{dag_id}", json={"is_paused": False}).raise_for_status()

    def trigger(self, dag_id: str, conf: Mapping[str, Any]) -> Run:
        """Start a run by hand, as the button in the UI does."""
        self.unpause(dag_id)
        answer = self._http.post(
            f"/api/v2/dags/{dag_id}/dagRuns", json={"logical_date": None, "conf": dict(conf)}
        )
        if answer.is_error:
            raise RunFailed(f"Airflow refuses to run {dag_id}: {answer.text}")
        return Run(dag_id, answer.json()["dag_run_id"])

    def run_after_assets(self, dag_id: str, seconds: float) -> Run:
        """The first run that an asset event has started, waiting for it if need be."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            runs = self._get(f"/api/v2/dags/{dag_id}/dagRuns", run_type="asset_triggered")
            if runs["dag_runs"]:
                return Run(dag_id, runs["dag_runs"][0]["dag_run_id"])
            time.sleep(_LOOK_SECONDS)
        raise RunFailed(f"no asset event has started {dag_id} within {seconds:g} s")

    def wait(self, run: Run, seconds: float, watch: Callable[[TaskStates], None]) -> None:
        """Wait until a run has succeeded.

        Args:
            watch: gets the tasks' states whenever they are looked at.

        Raises:
            RunFailed: names the tasks that failed, with the end of their logs.
        """
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
        deadline = time.monotonic() + seconds
        while True:
            state = self._get(path)["state"]
            tasks = self._tasks(path)
            watch({_name(task): task["state"] or "none" for task in tasks})
            if state == "success":
                return
            if state in _FINISHED:
                raise RunFailed(f"{run.dag_id} failed\n" + self._failures(path, tasks))
            if time.monotonic() > deadline:
                raise RunFailed(f"{run.dag_id} is still {state} after {seconds:g} s")
            time.sleep(_LOOK_SECONDS)

    def result(self, run: Run, task_id: str, map_index: int = -1) -> Any:
        """What a task returned."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}/taskInstances/{task_id}"
        entry = self._get(f"{path}/xcomEntries/return_value", map_index=map_index, deserialize=True)
        return entry["value"]

    def results(self, run: Run, task_id: str) -> list[Any]:
        """What the instances of a mapped task returned, in their order."""
        path = f"/api/v2/dags/{run.dag_id}/dagRuns/{run.run_id}"
        indexes = sorted(
            task["map_index"] for task in self._tasks(path) if task["task_id"] == task_id
        )
        return [self.result(run, task_id, index) for index in indexes]

    def _tasks(self, path: str) -> list[dict[str, Any]]:
        tasks: list[dict[str, Any]] = self._get(f"{path}/taskInstances", limit=1000)[
            "task_instances"
        ]
        return tasks

    def _failures(self, path: str, tasks: list[dict[str, Any]]) -> str:
        lines = []
        for task in tasks:
            if task["state"] != "failed":
                continue
            log = self._get(
                f"{path}/taskInstances/{task['task_id']}/logs/{task['try_number']}",
                map_index=task["map_index"],
            )["content"]
            lines += [f"{_name(task)}:", *(f"  {reason}" for reason in _reasons(log))]
        return "\n".join(lines)

    def _get(self, path: str, **parameters: Any) -> Any:
        return self._http.get(path, params=parameters).raise_for_status().json()


def _name(task: Mapping[str, Any]) -> str:
    index = task["map_index"]
    return task["task_id"] if index < 0 else f"{task['task_id']} {index + 1}"


def _reasons(log: list[Any]) -> list[str]:
    """What a task's log says about its failure: its errors, each with the exception."""
    reasons = []
    for entry in log:
        if isinstance(entry, dict) and entry.get("level") in {"error", "critical"}:
            reasons.append(entry.get("event", ""))
            reasons += [
                f"{error['exc_type']}: {error['exc_value']}"
                for error in entry.get("error_detail") or []
            ]
    return reasons
