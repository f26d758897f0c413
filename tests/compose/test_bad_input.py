"""What is wrong ends in one line that says what, and what to do; nothing hangs."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from compose.stacks import POSTGRES, Stack, docker

NewStack = Callable[..., Stack]


def up(stack: Stack, seconds: float = 900) -> str:
    """What ``make up`` says where it fails; nothing is left of what had started."""
    done = stack.run("docker/up.sh", seconds=seconds)
    stack.remove()
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stderr


def test_a_taken_port_is_named_with_what_changes_it(new_stack: NewStack) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        said = up(new_stack(SALESFLOW_AWS_PORT=str(port)))
    assert f"port {port} is taken: set SALESFLOW_AIRFLOW_PORT or SALESFLOW_AWS_PORT" in said


def test_an_env_file_that_cannot_be_read_is_named(new_stack: NewStack, tmp_path: Path) -> None:
    broken = tmp_path / "broken.env"
    broken.write_text("SALESFLOW_STAGE='dev\n")
    said = up(new_stack(COMPOSE_ENV_FILES=str(broken)))
    assert ".env or a compose file can't be read:" in said


def test_a_port_that_is_none_is_refused(new_stack: NewStack) -> None:
    assert "can't be read: " in up(new_stack(SALESFLOW_AIRFLOW_PORT="http"))


def test_a_secret_that_can_be_none_is_named(new_stack: NewStack) -> None:
    said = up(new_stack(SALESFLOW_FERNET_KEY="not-a-fernet-key"))
    assert "SALESFLOW_FERNET_KEY is no Fernet key" in said


def test_too_little_memory_is_said_before_anything_is_killed(new_stack: NewStack) -> None:
    said = up(new_stack(SALESFLOW_MEMORY_NEEDED="99999999"))
    assert "MiB of memory, 99999999 are needed: give Docker more" in said


def test_another_database_password_than_the_volumes_is_told(new_stack: NewStack) -> None:
    stack = new_stack(SALESFLOW_DATABASE_PASSWORD="the-first-one")
    stack.compose("up", "--detach", "--wait", "postgres")
    stack.compose("stop")
    changed = Stack(
        stack.project, stack.settings | {"SALESFLOW_DATABASE_PASSWORD": "the-second-one"}
    )
    assert "the database refuses the password: its volume was made with another" in up(changed)


def test_a_volume_of_another_postgresql_is_told(new_stack: NewStack) -> None:
    stack = new_stack()
    volume = f"{stack.project}_database:/data"
    stack.compose("create", "postgres")
    docker("run", "--rm", "-v", volume, POSTGRES, "sh", "-c", "echo 16 > /data/PG_VERSION")
    assert "the volume 'database' was made by PostgreSQL 16, and this is 17" in up(stack)


@pytest.mark.parametrize(
    ("config", "sentence"),
    [
        ("[profile other]\nregion = us-east-1\n", "there is no AWS profile work in the folder"),
        ("[profile work]\nregion = us-east-1\n", "profile work has no AWS credentials"),
    ],
    ids=["no-profile", "no-credentials"],
)
def test_missing_credentials_are_told(
    config: str, sentence: str, new_stack: NewStack, tmp_path: Path
) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "config").write_text(config)
    said = up(new_stack(SALESFLOW_AWS_CONFIG=str(tmp_path), SALESFLOW_AWS_PROFILE="work"))
    assert sentence in said
