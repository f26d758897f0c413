"""Invoking a function with a batch, and what its answer means.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-batchfailurereporting.html
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from localaws.event_sources.records import Record, payload_of
from localaws.service import Aws

_REPORT: Final = "batchItemFailures"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of an invocation.

    Attributes:
        failed_from: index of the first record that wasn't processed; None if all were.
        error: what the function's error was; None if it answered.
        refusal: why the function couldn't be invoked at all. Such tries don't count against the
            retry limit, and the batch stays as it is.
    """

    failed_from: int | None = None
    error: str | None = None
    refusal: str | None = None


DONE: Final = Outcome()


class Function:
    """The function of a mapping.

    Args:
        reports_failures: it may say from which record on a batch failed.
    """

    def __init__(self, aws: Aws, name: str, *, reports_failures: bool) -> None:
        self._client: Any = aws.client("lambda")
        self._name = name
        self._reports_failures = reports_failures
        self._role: str | None = None

    def invoke(self, records: list[Record]) -> Outcome:
        """Have records processed."""
        try:
            if self._role is None:
                configuration = self._client.get_function_configuration(FunctionName=self._name)
                self._role = str(configuration["Role"])
            answer = self._client.invoke(
                FunctionName=self._name, Payload=payload_of(records, self._role)
            )
            body = answer["Payload"].read()
        except ClientError as error:
            return _refused(error)
        except BotoCoreError as error:
            return Outcome(0, error=str(error))
        if error_kind := answer.get("FunctionError"):
            return Outcome(0, error=error_kind)
        if not self._reports_failures:
            return DONE
        return outcome_of(body, [record.sequence_number for record in records])


def outcome_of(body: bytes, sequence_numbers: list[str]) -> Outcome:
    """What a function that reports failures says of a batch, by its answer.

    Of several failures the first record counts; whoever names none that was in the batch, or not
    in the way that AWS documents, fails it all.
    """
    try:
        answer = json.loads(body) if body else None
    except ValueError:
        return Outcome(0)
    if answer is None:
        return DONE
    if not isinstance(answer, dict):
        return Outcome(0)
    failures = answer.get(_REPORT)
    if not failures:
        return DONE
    positions = {number: index for index, number in enumerate(sequence_numbers)}
    try:
        return Outcome(min(positions[failure["itemIdentifier"]] for failure in failures))
    except (KeyError, TypeError):
        return Outcome(0)


def _refused(error: ClientError) -> Outcome:
    status = error.response["ResponseMetadata"]["HTTPStatusCode"]
    told = error.response["Error"]
    if status == HTTPStatus.REQUEST_ENTITY_TOO_LARGE:
        return Outcome(0, error=told["Code"])
    return Outcome(0, refusal=f"{told['Code']}: {told.get('Message', '')}")
