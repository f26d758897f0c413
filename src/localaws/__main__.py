"""``python -m localaws``: the local AWS in the foreground."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from pathlib import Path
from typing import Annotated

import typer

from localaws.durable.directory import DirectoryRefused
from localaws.server import DEFAULT_PORT, LocalAws, PortTaken


def serve(
    port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, envvar="SALESFLOW_AWS_PORT", help="The port; 0 takes a free one."
        ),
    ] = DEFAULT_PORT,
    host: Annotated[
        str, typer.Option(envvar="SALESFLOW_AWS_HOST", help="The address to listen on.")
    ] = "127.0.0.1",
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="SALESFLOW_AWS_DATA", help="Keep all state here: it survives even a kill."
        ),
    ] = None,
) -> None:
    """Serve the local AWS until Ctrl-C or SIGTERM."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    stop = threading.Event()
    for name in (signal.SIGINT, signal.SIGTERM):
        signal.signal(name, lambda *_: stop.set())
    try:
        local = LocalAws(port, host=host, data_dir=data_dir)
    except PortTaken as error:
        typer.echo(f"{error}. Set SALESFLOW_AWS_PORT (or --port) to another one.", err=True)
        raise typer.Exit(1) from error
    except DirectoryRefused as error:
        typer.echo(f"{error} (SALESFLOW_AWS_DATA or --data-dir).", err=True)
        raise typer.Exit(1) from error
    local.start()
    typer.echo(f"local AWS ready at {local.aws.endpoint_url}")
    sys.stdout.flush()
    stop.wait()
    local.stop()
    sys.stdout.flush()
    # All is stopped and saved. DuckDB's binding would report what the interpreter's end leaves.
    os._exit(0)


if __name__ == "__main__":
    typer.run(serve)
