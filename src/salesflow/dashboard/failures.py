"""Why AWS couldn't be read, in a sentence for all who look: without addresses or keys."""

from __future__ import annotations

from typing import Final

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from salesflow.deployment import StackMissing
from salesflow.pages.reading import UnreadableRows
from salesflow.queries import QueryFailed

CONNECTION: Final = "aws_default"


class NotDeployed(Exception):
    """There is nothing to show yet, or no longer."""

    def __init__(self, stage: str) -> None:
        super().__init__(f"Stage {stage} isn't deployed: run the DAG deploy_pipeline.")


def sentence_of(error: BaseException) -> str | None:
    """What to tell; None of an error that nobody foresaw.

    AWS's own messages are left out where they may name accounts, users or addresses.
    """
    match error:
        case NotDeployed() | UnreadableRows():
            return str(error)
        case StackMissing():
            return f"A stack is missing: {error}."
        case ConnectionError() | HTTPClientError():
            return "AWS can't be reached."
        case ClientError():
            code = error.response.get("Error", {}).get("Code", "no reason")
            return f"AWS refuses {error.operation_name}: {code}."
        case BotoCoreError():
            # No credentials, no region, a profile that isn't there …
            return f"The connection {CONNECTION} doesn't work: {type(error).__name__}."
        case QueryFailed():
            return "Athena couldn't answer; the history of the workgroup says why."
        case TimeoutError():
            return "Athena takes too long to answer."
    return None
