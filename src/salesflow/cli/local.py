"""``salesflow aws``: the local AWS, and what a shell needs to use it."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import Annotated

import typer

from salesflow.local import prepare_airflow, shell_environment

DEFAULT_PORT = 4566


def aws(
    print_env: Annotated[
        bool,
        typer.Option(
            "--print-env", help="Don't serve: print the `export` lines that a shell needs."
        ),
    ] = False,
    port: Annotated[
        int,
        typer.Option(min=1, max=65535, envvar="SALESFLOW_AWS_PORT", help="The port on 127.0.0.1."),
    ] = DEFAULT_PORT,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="SALESFLOW_AWS_DATA", help="Keep the state here between runs."),
    ] = None,
) -> None:
    """Serve just the local AWS, in the foreground, until Ctrl-C."""
    if print_env:
        environment = shell_environment(f"http://127.0.0.1:{port}")
        prepare_airflow(environment)
        for name, value in environment.items():
            typer.echo(f"export {name}={shlex.quote(value)}")
        return
    command = [sys.executable, "-m", "localaws", "--port", str(port)]
    if data_dir:
        command += ["--data-dir", str(data_dir)]
    os.execv(sys.executable, command)  # noqa: S606 - our own server takes this process over
