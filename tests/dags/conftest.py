"""DAGs and operators, with a throw-away Airflow."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import airflow_clients
from airflow_home import DAGS
from localaws.server import LocalAws


@pytest.fixture(scope="session")
def dag_bag() -> Any:
    """All DAGs of the project, as Airflow's DAG processor reads them."""
    from airflow.dag_processing.dagbag import BundleDagBag

    return BundleDagBag(dag_folder=str(DAGS), bundle_path=Path(DAGS), bundle_name="dags")


@pytest.fixture(scope="session", autouse=True)
def _quick_clients() -> Iterator[None]:
    with airflow_clients.made_quickly():
        yield


@pytest.fixture(autouse=True)
def _no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """What isn't there at the first look is left to the trigger, and that begins at once.

    Statements are looked at as often as a local AWS can answer them.
    """
    from salesflow_airflow.operators import athena
    from salesflow_airflow.triggers import polling

    monkeypatch.setattr(athena, "POLL_SECONDS", 0.02)
    monkeypatch.setattr(polling, "INLINE_SECONDS", 0.0)
    monkeypatch.setattr(polling, "SETTLING_SECONDS", 0.0)


@pytest.fixture
def aws_default(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """The local AWS, reached by Airflow's connection and by nothing else."""
    connection = {
        "conn_type": "aws",
        "login": "test",
        "password": "test",
        "extra": {
            "region_name": local_aws.aws.region,
            "endpoint_url": local_aws.aws.endpoint_url,
        },
    }
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))
    for name in ("AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    return local_aws


@pytest.fixture
def events() -> Callable[[str], Any]:
    """Reads an AWS-shaped payload that lies beside the tests."""

    def read(name: str) -> Any:
        return json.loads((Path(__file__).parent / "events" / f"{name}.json").read_text())

    return read
