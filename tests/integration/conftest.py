"""The real thing: a local AWS that turns by itself, and Airflow's DAGs run against it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

import airflow_clients
import airflow_home
from pipeline_runs import Pipeline
from salesflow.local import airflow_environment, aws_environment


@pytest.fixture(scope="session")
def airflow_database() -> None:
    """Airflow's metadata database, empty."""
    from airflow.utils.db import initdb

    initdb()


@pytest.fixture(scope="module")
def turning_aws() -> Iterator[str]:
    """The address of a local AWS in a process of its own, as `salesflow aws` serves it."""
    server = subprocess.Popen(
        [sys.executable, "-m", "localaws", "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split(" ready at ")[1].strip()
    finally:
        server.terminate()
        server.wait(30)
        if server.stdout is not None:
            server.stdout.close()


@pytest.fixture(scope="module")
def pipeline(turning_aws: str, airflow_database: None) -> Iterator[Pipeline]:
    """The DAGs on an AWS with nothing in it."""
    ours = airflow_environment(turning_aws, airflow_home.HOME)
    environment = {name: ours[name] for name in ours if name.startswith("AIRFLOW_CONN_")}
    with airflow_clients.made_quickly(), pytest.MonkeyPatch.context() as patch:
        # Nothing but the connection may lead to the AWS.
        for name in aws_environment(turning_aws):
            patch.delenv(name, raising=False)
        for name, value in environment.items():
            patch.setenv(name, value)
        # A local AWS answers most statements at once.
        patch.setattr("salesflow_airflow.operators.athena.POLL_SECONDS", 0.05)
        _check_schemas_once(patch)
        yield Pipeline(turning_aws)


def _check_schemas_once(patch: pytest.MonkeyPatch) -> None:
    """Check the schema of a param once: Airflow does whenever it looks at the params of a task.

    The params themselves are held to their schemas as often as ever.
    """
    from jsonschema import Draft202012Validator

    check = Draft202012Validator.check_schema
    good: set[str] = set()

    def check_once(schema: Any, **options: Any) -> None:
        text = json.dumps(schema, sort_keys=True, default=repr)
        if text not in good:
            check(schema, **options)
            good.add(text)

    patch.setattr(Draft202012Validator, "check_schema", check_once)
