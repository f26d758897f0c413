"""What the commands share: the deployment that they work on, and how they speak."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import boto3
from rich.console import Console

from salesflow.deployment import deployment_prefix, stack_outputs

# What a command gives goes to the one, what it says about it to the other: pipes stay clean.
output = Console()
speech = Console(stderr=True)


def complain(message: str) -> None:
    """Say in one sentence, on standard error, what is wrong."""
    speech.print("[bold red]error:[/] ", end="")
    speech.print(message, markup=False, highlight=False, soft_wrap=True)


@dataclass
class Deployment:
    """One deployment in the AWS that the environment names."""

    stage: str

    @property
    def prefix(self) -> str:
        """What the names of the deployment begin with."""
        return deployment_prefix(self.stage)

    @cached_property
    def outputs(self) -> dict[str, str]:
        """The outputs of the deployment's stacks."""
        return stack_outputs(boto3.client("cloudformation"), self.prefix)
