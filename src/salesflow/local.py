"""What a process needs in its environment to use the local AWS, Airflow's settings included."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
"""The project's folder: dags/, plugins/, lambdas/ and infra/ lie in it."""

REGION = "us-east-1"


class AirflowUnready(Exception):
    """Airflow's metadata database couldn't be made; the message says why."""


def aws_environment(endpoint_url: str) -> dict[str, str]:
    """The usual AWS variables, for any client. The local AWS checks no credentials."""
    return {
        "AWS_ENDPOINT_URL": endpoint_url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }


def airflow_environment(endpoint_url: str, home: Path) -> dict[str, str]:
    """Airflow's settings: our DAGs and plugins, and the connections to the local AWS.

    Args:
        home: Airflow's folder, with its metadata database, logs and configuration.
    """
    connection = json.dumps(
        {
            "conn_type": "aws",
            "login": "test",
            "password": "test",
            "extra": {"region_name": REGION, "endpoint_url": endpoint_url},
        }
    )
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(ROOT / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION": "False",
        "AIRFLOW_CONN_AWS_DEFAULT": connection,
        "AIRFLOW_CONN_ATHENA_DEFAULT": connection,
    }


def shell_environment(endpoint_url: str) -> dict[str, str]:
    """All that a shell needs before ``salesflow``, ``airflow dags test`` or any AWS client."""
    return aws_environment(endpoint_url) | airflow_environment(
        endpoint_url, ROOT / "build" / "airflow"
    )


def prepare_airflow(environment: Mapping[str, str]) -> None:
    """Make Airflow's metadata database, unless it is there (12 s on a small machine).

    Args:
        environment: Airflow's settings, as `airflow_environment` gives them.

    Raises:
        AirflowUnready: with the end of what ``airflow db migrate`` said.
    """
    home = Path(environment["AIRFLOW_HOME"])
    done = home / ".migrated"
    if done.exists():
        return
    home.mkdir(parents=True, exist_ok=True)
    migration = subprocess.run(
        [sys.executable, "-m", "airflow", "db", "migrate"],
        env=os.environ | dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    if migration.returncode:
        raise AirflowUnready(f"airflow db migrate failed: {migration.stderr.strip()[-1000:]}")
    done.touch()
