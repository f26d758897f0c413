"""``salesflow reconcile``: whether silver has the orders that the table has."""

from __future__ import annotations

import json
import secrets
import sys
from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Any

import boto3
import typer

from salesflow.cli.context import Deployment, output, speech
from salesflow.cli.errors import EXPECTED, explain
from salesflow.reconciliation.reconcile import Plan
from salesflow.reconciliation.reconcile import reconcile as compare
from salesflow.seeds import seeded

MISMATCH = 1
FAILURE = 2


class Format(StrEnum):
    """How the outcome is printed."""

    TEXT = "text"
    JSON = "json"


def reconcile(
    context: typer.Context,
    sample: Annotated[
        int | None,
        typer.Option(min=1, max=5000, help="Compare about so many orders instead of all."),
    ] = None,
    seed: Annotated[
        str | None, typer.Option(help="The same seed chooses the same sample; by default another.")
    ] = None,
    max_shown: Annotated[
        int, typer.Option(min=0, max=10_000, help="How many orders of each kind to name.")
    ] = 20,
    form: Annotated[
        Format, typer.Option("--format", help="How to print what was found.")
    ] = Format.TEXT,
    quiet: Annotated[
        float,
        typer.Option(min=0, help="Seconds that a change may take from the table to the stream."),
    ] = 15,
    segments: Annotated[
        int, typer.Option(min=1, max=64, help="How many parts of the table to read at a time.")
    ] = 4,
) -> None:
    """Compare DynamoDB with silver, order by order, and name what is missing, extra or stale.

    Exit status 0: they match, 1: they don't, 2: they couldn't be compared.
    """
    deployment: Deployment = context.obj
    seed = seed or secrets.token_hex(4)
    plan = Plan(
        sample=sample,
        random=seeded(seed),
        max_shown=max_shown,
        segments=segments,
        quiet=timedelta(seconds=quiet),
    )
    # A service's name is known at run time only, which boto3's types have no signature for.
    connect: Any = boto3.client
    try:
        found = compare(connect, deployment.outputs, plan)
    except EXPECTED as error:
        explain(error)
        raise typer.Exit(FAILURE) from error
    if form is Format.JSON:
        json.dump(found.summary(), sys.stdout, indent=2, ensure_ascii=False)
        sys.stdout.write("\n")
    else:
        for line in found.lines():
            output.print(line, markup=False, highlight=False, soft_wrap=True)
    if sample is not None:
        speech.print(f"the same sample again: --sample {sample} --seed {seed}", style="dim")
    if found.mismatches:
        raise typer.Exit(MISMATCH)
