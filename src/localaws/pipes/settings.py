"""What a pipe's parameters mean, checked.

https://docs.aws.amazon.com/eventbridge/latest/pipes-reference/API_PipeSourceDynamoDBStreamParameters.html
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from localaws.errors import AwsError, Unsupported
from localaws.pipes.changes import HEAD_PATH, Rules, key_finder
from localaws.pipes.patterns import compile_patterns
from localaws.service import Params

#: PutRecords takes no more.
KINESIS_BATCH_SIZE: Final = 500

_STREAM: Final = re.compile(r"arn:aws:dynamodb:[^:]+:\d{12}:table/[^/]+/stream/.+")
_TARGET: Final = re.compile(r"arn:aws:kinesis:[^:]+:\d{12}:stream/[^/]+")
_QUEUE: Final = re.compile(r"arn:aws:sqs:[^:]+:\d{12}:[^/:]+")

_DEFAULTS: Final[Params] = {
    "BatchSize": 100,
    "MaximumBatchingWindowInSeconds": 0,
    "MaximumRecordAgeInSeconds": -1,
    "MaximumRetryAttempts": -1,
    "ParallelizationFactor": 1,
}


@dataclass(frozen=True, slots=True)
class PipeSettings:
    """How a pipe moves changes.

    Attributes:
        retries: how often a batch is tried again; None: until its records expire.
        record_age: the age at which a change is given up; None: never.
        dead_letter_queue: ARN of the queue that is told of changes that were given up.
    """

    source: str
    target: str
    latest: bool
    batch_size: int
    window: timedelta
    retries: int | None
    record_age: timedelta | None
    bisect: bool
    dead_letter_queue: str | None
    rules: Rules


def with_defaults(source_parameters: Params) -> Params:
    """Source parameters with what AWS assumes for the missing ones."""
    given = source_parameters.get("DynamoDBStreamParameters", {})
    return {**source_parameters, "DynamoDBStreamParameters": {**_DEFAULTS, **given}}


def settings_of(pipe: Params) -> PipeSettings:
    """The settings of a pipe, from the parameters of CreatePipe.

    Raises:
        AwsError: ValidationException for what is wrong or unsupported.
    """
    for name in ("Enrichment", "LogConfiguration", "KmsKeyIdentifier"):
        if pipe.get(name):
            raise Unsupported(f"{name} of a pipe")
    if not _STREAM.fullmatch(pipe["Source"]):
        raise Unsupported(f"the source {pipe['Source']}: only DynamoDB streams")
    if not _TARGET.fullmatch(pipe["Target"]):
        raise Unsupported(f"the target {pipe['Target']}: only Kinesis data streams")
    source = with_defaults(pipe.get("SourceParameters", {}))
    target = pipe.get("TargetParameters", {})
    _refuse_others(source, {"FilterCriteria", "DynamoDBStreamParameters"}, "SourceParameters")
    _refuse_others(target, {"KinesisStreamParameters"}, "TargetParameters")
    stream = source["DynamoDBStreamParameters"]
    if "StartingPosition" not in stream:
        raise AwsError(
            "ValidationException",
            "SourceParameters.DynamoDBStreamParameters.StartingPosition is required",
        )
    if "KinesisStreamParameters" not in target:
        raise AwsError(
            "ValidationException", "TargetParameters.KinesisStreamParameters is required"
        )
    if stream["BatchSize"] > KINESIS_BATCH_SIZE:
        raise AwsError(
            "ValidationException",
            f"BatchSize {stream['BatchSize']} exceeds the {KINESIS_BATCH_SIZE} records "
            "that a Kinesis stream takes at once",
        )
    if stream["ParallelizationFactor"] != 1:
        raise Unsupported("a ParallelizationFactor other than 1")
    queue = stream.get("DeadLetterConfig", {}).get("Arn")
    if queue and not _QUEUE.fullmatch(queue):
        raise Unsupported(f"the dead-letter target {queue}: only SQS queues")
    filters = source.get("FilterCriteria", {}).get("Filters", [])
    patterns = [f["Pattern"] for f in filters if "Pattern" in f]
    key = target["KinesisStreamParameters"]["PartitionKey"]
    age, retries = stream["MaximumRecordAgeInSeconds"], stream["MaximumRetryAttempts"]
    return PipeSettings(
        source=pipe["Source"],
        target=pipe["Target"],
        latest=stream["StartingPosition"] == "LATEST",
        batch_size=stream["BatchSize"],
        window=timedelta(seconds=stream["MaximumBatchingWindowInSeconds"]),
        retries=None if retries == -1 else retries,
        record_age=None if age == -1 else timedelta(seconds=age),
        bisect="OnPartialBatchItemFailure" in stream,
        dead_letter_queue=queue,
        rules=Rules(
            source=pipe["Source"],
            matches=compile_patterns(patterns),
            key_of=key_finder(key),
            read_all=bool(patterns) or (key.startswith("$") and not key.startswith(HEAD_PATH)),
        ),
    )


def _refuse_others(parameters: Params, known: set[str], where: str) -> None:
    others = {name for name, value in parameters.items() if value} - known
    if others:
        raise Unsupported(f"{where}.{', '.join(sorted(others))}")
