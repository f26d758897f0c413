"""What an event source mapping's parameters mean, checked.

https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-parameters.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from localaws.errors import AwsError, Unsupported
from localaws.service import Params

_STREAM: Final = re.compile(r"arn:aws:kinesis:[^:]+:\d{12}:stream/[^/]+")
_QUEUE: Final = re.compile(r"arn:aws:sqs:[^:]+:\d{12}:[^/:]+")

#: What AWS assumes for the parameters of a stream that aren't given.
_DEFAULTS: Final[Params] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "ParallelizationFactor": 1,
    "DestinationConfig": {},
    "MaximumRecordAgeInSeconds": -1,
    "BisectBatchOnFunctionError": False,
    "MaximumRetryAttempts": -1,
    "TumblingWindowInSeconds": 0,
    "FunctionResponseTypes": [],
}
_SUPPORTED: Final = frozenset(
    {
        "EventSourceArn",
        "FunctionName",
        "Enabled",
        "StartingPosition",
        "StartingPositionTimestamp",
        *_DEFAULTS,
    }
)
_LEAST_AGE: Final = 60


@dataclass(frozen=True, slots=True)
class MappingSettings:
    """How a mapping hands records to its function.

    Attributes:
        function: name or ARN, with a version or alias if it says so.
        start: when the records arrived that are read first; None: all that there are.
        retries: how often a record is tried again; None: until it is too old.
        record_age: the age at which a record is given up; None: never.
        reports_failures: the function may say from which record on a batch failed.
        destination: ARN of the queue that is told of records that were given up.
    """

    source: str
    function: str
    start: datetime | None
    batch_size: int
    window: timedelta
    retries: int | None
    record_age: timedelta | None
    bisect: bool
    reports_failures: bool
    destination: str | None


def with_defaults(parameters: Params) -> Params:
    """The parameters with what AWS assumes for the missing ones."""
    return {**_DEFAULTS, **parameters}


def settings_of(parameters: Params, created: datetime) -> MappingSettings:
    """The settings of a mapping, from the parameters of CreateEventSourceMapping.

    Args:
        created: when the mapping was created; one that starts at LATEST reads nothing older.

    Raises:
        AwsError: ValidationException for what is wrong or unsupported.
    """
    given = with_defaults(parameters)
    _refuse(given)
    age, retries = given["MaximumRecordAgeInSeconds"], given["MaximumRetryAttempts"]
    if age != -1 and age < _LEAST_AGE:
        raise invalid(f"MaximumRecordAgeInSeconds {age} is neither -1 nor at least {_LEAST_AGE}")
    return MappingSettings(
        source=given["EventSourceArn"],
        function=given["FunctionName"],
        start=_start(given, created),
        batch_size=given["BatchSize"],
        window=timedelta(seconds=given["MaximumBatchingWindowInSeconds"]),
        retries=None if retries == -1 else retries,
        record_age=None if age == -1 else timedelta(seconds=age),
        bisect=given["BisectBatchOnFunctionError"],
        reports_failures="ReportBatchItemFailures" in given["FunctionResponseTypes"],
        destination=given["DestinationConfig"].get("OnFailure", {}).get("Destination"),
    )


def _refuse(given: Params) -> None:
    others = {name for name, value in given.items() if value} - _SUPPORTED
    if others:
        raise Unsupported(f"{', '.join(sorted(others))} of an event source mapping")
    if not _STREAM.fullmatch(given.get("EventSourceArn", "")):
        source = given.get("EventSourceArn", "without an ARN")
        raise Unsupported(f"the event source {source}: only Kinesis data streams")
    if given["ParallelizationFactor"] != 1:
        raise Unsupported("a ParallelizationFactor other than 1")
    if given["TumblingWindowInSeconds"]:
        raise Unsupported("a TumblingWindowInSeconds")
    destinations = given["DestinationConfig"]
    if destinations.get("OnSuccess", {}).get("Destination"):
        raise Unsupported("an OnSuccess destination")
    queue = destinations.get("OnFailure", {}).get("Destination")
    if queue and not _QUEUE.fullmatch(queue):
        raise Unsupported(f"the failure destination {queue}: only SQS queues")


def _start(given: Params, created: datetime) -> datetime | None:
    timestamp: datetime | None = given.get("StartingPositionTimestamp")
    position = given.get("StartingPosition")
    if (position == "AT_TIMESTAMP") != (timestamp is not None):
        raise invalid("StartingPositionTimestamp goes with StartingPosition AT_TIMESTAMP")
    match position:
        case "TRIM_HORIZON":
            return None
        case "LATEST":
            return created
        case "AT_TIMESTAMP":
            return timestamp
    raise invalid("StartingPosition is required for a stream")


def invalid(message: str) -> AwsError:
    """What a service says of a parameter that is wrong."""
    return AwsError("ValidationException", message)
