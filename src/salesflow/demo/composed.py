"""The stack that ``docker compose`` runs, as the demo meets it: nothing is started, it is found."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack

from salesflow.demo.processes import CannotStart, Stack

PASSWORD_FILE = "/var/lib/salesflow/secrets/admin-password"  # noqa: S105 - where it is, not what
_LOCAL_PROFILE = "local"
_ANSWER_SECONDS = 60


def find_composed_stack(_servers: ExitStack) -> Stack:
    """Where the composed Airflow and its local AWS answer on this machine.

    The project and its files are those that ``docker compose`` would take here, so its own
    variables (COMPOSE_PROJECT_NAME, COMPOSE_FILE) choose another.

    Raises:
        CannotStart: it isn't running, or works on an account; says what to do.
    """
    profile = _in("scheduler", "printenv", "AWS_PROFILE")
    if profile != _LOCAL_PROFILE:
        raise CannotStart(
            f"this Airflow works on the AWS profile {profile}: the demo would deploy there and "
            "cost money. Remove SALESFLOW_AWS_PROFILE from .env and run `make up`"
        )
    return Stack(
        airflow_url=f"http://{_compose('port', 'api-server', '8080')}",
        endpoint_url=f"http://{_compose('port', 'aws', '4566')}",
        password=_in("api-server", "cat", PASSWORD_FILE),
    )


def _in(service: str, *command: str) -> str:
    return _compose("exec", "-T", service, *command)


def _compose(*arguments: str) -> str:
    try:
        done = subprocess.run(
            ["docker", "compose", *arguments],  # noqa: S607 - the user's own
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=_ANSWER_SECONDS,
        )
    except FileNotFoundError as error:
        raise CannotStart(
            "there is no command `docker`: install Docker, or use make demo"
        ) from error
    except subprocess.TimeoutExpired as error:
        raise CannotStart(f"Docker doesn't answer within {_ANSWER_SECONDS} s") from error
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip()).splitlines()
        raise CannotStart(
            f"the composed stack doesn't run: {said[-1] if said else 'no reason given'}. "
            "Start it with `make up`"
        )
    return done.stdout.strip()
