"""``salesflow``: works against whatever AWS the environment names."""

from __future__ import annotations

import sys
from typing import Annotated

import boto3
import typer
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from salesflow.cli import ask, local, write
from salesflow.cli.context import Deployment, complain
from salesflow.deployment import ParameterError, StackMissing
from salesflow.local import AirflowUnready
from salesflow.queries import QueryFailed
from salesflow.rowfiles import UnreadableFile
from salesflow.writer import WriteError

app = typer.Typer(
    name="salesflow",
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# What a person can mend: one sentence, no traceback. Anything else is a fault of ours.
_EXPECTED = (
    AirflowUnready,
    BotoCoreError,
    ClientError,
    ParameterError,
    QueryFailed,
    StackMissing,
    TimeoutError,
    UnreadableFile,
    WriteError,
)

_NO_AWS = (EndpointConnectionError, NoCredentialsError, NoRegionError)
_HINT = (
    "no AWS answers: choose one with --profile and --region, or use the local one: "
    'start `salesflow aws` and run eval "$(salesflow aws --print-env)"'
)


@app.callback()
def choose_deployment(
    context: typer.Context,
    stage: Annotated[
        str, typer.Option(envvar="SALESFLOW_STAGE", help="Which deployment: salesflow-<stage>.")
    ] = "dev",
    profile: Annotated[
        str | None, typer.Option(envvar="AWS_PROFILE", help="The AWS profile to use.")
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar="AWS_DEFAULT_REGION", help="The AWS region.")
    ] = None,
) -> None:
    """What all commands share."""
    boto3.setup_default_session(profile_name=profile, region_name=region)
    context.obj = Deployment(stage=stage)


app.command("generate")(write.generate)
app.command("replay")(write.replay_file)
app.command("query")(ask.query)
app.command("status")(ask.status)
app.command("aws")(local.aws)


def _sentence(error: Exception) -> str:
    """What AWS says, without how it was asked."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return f"{said.get('Message')} ({said.get('Code')})"
    return " ".join(str(error).split())


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    try:
        app()
    except _EXPECTED as error:
        complain(_sentence(error))
        if isinstance(error, _NO_AWS):
            complain(_HINT)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
