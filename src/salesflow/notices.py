"""What people are told when a run fails or a report is late: the text of a message to SNS."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

LONGEST_SUBJECT: Final = 99
"""A subject of SNS is shorter than 100 characters, ASCII, without line breaks.

https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
"""

LONGEST_REASON: Final = 8_000
"""Characters of a reason that are told; the log has all of it."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A message, as SNS takes it."""

    subject: str
    message: str


def failure_notice(
    *, stage: str, dag_id: str, task_id: str, run_id: str, reason: str, log_url: str
) -> Notice:
    """A task has failed for good.

    Args:
        reason: what it failed of; what is longer than a message should be is cut.
    """
    if len(reason) > LONGEST_REASON:
        reason = reason[:LONGEST_REASON] + " … (cut; the log has all of it)"
    lines = [
        f"The task {task_id} of {dag_id} has failed ({stage}).",
        "",
        reason or "It gave no reason.",
        "",
        f"Run: {run_id}",
        f"Log: {log_url}",
    ]
    return Notice(_subject(f"{dag_id}.{task_id} failed ({stage})"), "\n".join(lines))


def lateness_notice(
    *, stage: str, dag_id: str, run_id: str, due: str, state: str, run_url: str
) -> Notice:
    """A run wasn't finished when it was due.

    Args:
        due: when that was, ISO 8601; state: the run's state by now.
    """
    lines = [
        f"{dag_id} should have been finished by {due} ({stage}); it is {state}.",
        "",
        f"Run: {run_id}",
        f"Its tasks: {run_url}",
    ]
    return Notice(_subject(f"{dag_id} is late ({stage})"), "\n".join(lines))


def _subject(text: str) -> str:
    ascii_only = " ".join(text.encode("ascii", "replace").decode().split())
    return ascii_only[:LONGEST_SUBJECT]
