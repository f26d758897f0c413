"""Errors that a person can mend, told in one sentence. Anything else is a fault of ours."""

from __future__ import annotations

from sqlite3 import OperationalError
from typing import Final

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    EndpointConnectionError,
    NoCredentialsError,
    NoRegionError,
)

from salesflow.cli.context import complain
from salesflow.deployment import ParameterError, StackMissing
from salesflow.local import AirflowUnready
from salesflow.queries import QueryFailed
from salesflow.questions.guard import Refused
from salesflow.reconciliation.orders_table import ReadStalled
from salesflow.reconciliation.silver import ResultMalformed, SilverMissing
from salesflow.rowfiles import UnreadableFile
from salesflow.writer import WriteError

EXPECTED: Final = (
    AirflowUnready,
    BotoCoreError,
    ClientError,
    OperationalError,  # no room for what was read
    ParameterError,
    QueryFailed,
    ReadStalled,
    Refused,
    ResultMalformed,
    SilverMissing,
    StackMissing,
    TimeoutError,
    UnreadableFile,
    WriteError,
)
"""What is told in a sentence, without a traceback."""

_NO_AWS: Final = (EndpointConnectionError, NoCredentialsError, NoRegionError)
_HINT: Final = (
    "no AWS answers: choose one with --profile and --region, or use the local one: "
    'start `salesflow aws` and run eval "$(salesflow aws --print-env)"'
)


def explain(error: Exception) -> None:
    """Say what is wrong, and what helps if no AWS answers."""
    complain(_sentence(error))
    if isinstance(error, _NO_AWS):
        complain(_HINT)


def _sentence(error: Exception) -> str:
    """What AWS says, without how it was asked."""
    if isinstance(error, ClientError):
        said = error.response["Error"]
        return f"{said.get('Message')} ({said.get('Code')})"
    return " ".join(str(error).split())
