"""``salesflow``: works against whatever AWS the environment names."""

from __future__ import annotations

import sys
from typing import Annotated

import boto3
import typer

from salesflow.cli import ask, local, reconcile, write
from salesflow.cli.context import Deployment
from salesflow.cli.errors import EXPECTED, explain

app = typer.Typer(
    name="salesflow",
    help=__doc__,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
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
app.command("reconcile")(reconcile.reconcile)
app.command("aws")(local.aws)


def main() -> None:
    """Run the command line; ends the process with its exit status."""
    try:
        app()
    except EXPECTED as error:
        explain(error)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
