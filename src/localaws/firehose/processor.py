"""The data transformation: batches of records to a Lambda function, and its answers.

https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html
"""

from __future__ import annotations

import json
from binascii import Error as Base64Error
from binascii import a2b_base64
from collections import Counter
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec
from botocore.exceptions import BotoCoreError, ClientError

from localaws.firehose.records import Fault, Record
from localaws.service import Aws, Params

#: Bytes that Lambda takes and gives in a synchronous invocation.
#: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
PAYLOAD_LIMIT: Final = 6 * 1024 * 1024
_SERVER_ERROR: Final = 500

FUNCTION_ERROR: Final = Fault(
    "Lambda.FunctionError",
    "The Lambda function was successfully invoked but it returned an error result.",
)
UNREADABLE: Final = Fault(
    "Lambda.JsonProcessingException",
    "There was an error parsing returned records from the Lambda function. Ensure that the "
    "returned records follow the status model required by Firehose.",
)
MISSING: Final = Fault(
    "Lambda.MissingRecordId",
    "One or more record Ids were not returned. Ensure that the Lambda function returns all "
    "received record Ids.",
)
DUPLICATED: Final = Fault(
    "Lambda.DuplicatedRecordId",
    "Multiple records were returned with the same record Id. Ensure that the Lambda function "
    "returns a unique record Id for each record.",
)
PROCESSING_FAILED: Final = Fault(
    "Lambda.ProcessingFailedStatus", "ProcessingFailed status set for record"
)
UNKNOWN_RESULT: Final = Fault(
    "Lambda.InvalidReturnFormat",
    "The result of a record must be one of Ok, Dropped and ProcessingFailed.",
)
NO_DATA: Final = Fault(
    "Lambda.InvalidReturnFormat", "The data of a record must be there and be base64 encoded."
)
_REFUSALS: Final = {
    "TooManyRequestsException": Fault(
        "Lambda.InvokeLimitExceeded",
        "The Lambda concurrent execution limit is exceeded. Increase the concurrent execution "
        "limit.",
    ),
    "AccessDeniedException": Fault(
        "Lambda.InvokeAccessDenied",
        "Access was denied. Ensure that the access policy allows access to the Lambda function.",
    ),
    "ResourceNotFoundException": Fault(
        "Lambda.ResourceNotFound", "The specified Lambda function does not exist."
    ),
}

#: What became of a record: its new data, None if it was dropped, or why it failed.
Outcome = bytes | Fault | None


@dataclass(frozen=True, slots=True)
class Invocation:
    """What became of an invocation: an outcome for each record in order, or a fault of all, which
    is worth a retry."""

    outcomes: list[Outcome]
    fault: Fault | None = None


class Function:
    """The Lambda function of a delivery stream."""

    def __init__(
        self, aws: Aws, arn: str, delivery_stream_arn: str, source_arn: str | None
    ) -> None:
        self._client = aws.client("lambda")
        self._arn = arn
        self._event: Params = {"deliveryStreamArn": delivery_stream_arn, "region": aws.region}
        if source_arn:
            self._event["sourceKinesisStreamArn"] = source_arn

    def invoke(self, records: list[Record]) -> Invocation:
        """Have records transformed."""
        try:
            answer = self._client.invoke(FunctionName=self._arn, Payload=self._payload(records))
            body = answer["Payload"].read()
        except ClientError as error:
            return Invocation([], _refusal(error))
        except BotoCoreError as error:
            return Invocation([], Fault("Lambda.FunctionTimedOut", str(error)))
        if answer.get("FunctionError") or len(body) > PAYLOAD_LIMIT:
            return Invocation([], FUNCTION_ERROR)
        return Invocation(outcomes_of(body, records))

    def _payload(self, records: list[Record]) -> bytes:
        head = json.dumps({"invocationId": str(uuid4()), **self._event})
        events = ",".join([record.event for record in records])
        return f'{head[:-1]}, "records": [{events}]}}'.encode()


def payload_size(record: Record) -> int:
    """Bytes that a record takes of the payload."""
    return len(record.event) + 1


def outcomes_of(body: bytes, records: list[Record]) -> list[Outcome]:
    """What the function's answer says of each record, in their order.

    https://docs.aws.amazon.com/firehose/latest/dev/data-transformation-status-model.html
    """
    try:
        answers = msgspec.json.decode(body)["records"]
        by_id = {answer["recordId"]: answer for answer in answers}
    except (msgspec.DecodeError, KeyError, TypeError):
        return [UNREADABLE] * len(records)
    twice: set[Any] = set()
    if len(by_id) < len(answers):
        counts = Counter(answer["recordId"] for answer in answers)
        twice = {record_id for record_id, count in counts.items() if count > 1}
    return [
        DUPLICATED if record.record_id in twice else _outcome(by_id.get(record.record_id))
        for record in records
    ]


def _outcome(answer: Params | None) -> Outcome:
    if answer is None:
        return MISSING
    match answer.get("result"):
        case "Ok":
            try:
                return a2b_base64(answer["data"], strict_mode=True)
            except (KeyError, TypeError, ValueError, Base64Error):
                return NO_DATA
        case "Dropped":
            return None
        case "ProcessingFailed":
            return PROCESSING_FAILED
    return UNKNOWN_RESULT


def _refusal(error: ClientError) -> Fault:
    told = error.response["Error"]
    if told["Code"] in _REFUSALS:
        return _REFUSALS[told["Code"]]
    if error.response["ResponseMetadata"]["HTTPStatusCode"] >= _SERVER_ERROR:
        return Fault("Lambda.InternalServerError", told.get("Message", ""))
    return Fault(f"Lambda.{told['Code']}", told.get("Message", ""))
