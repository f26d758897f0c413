"""A change of a table, as a pipe hands it on.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from localaws.errors import AwsError
from localaws.service import Params

#: Finds the partition key of an event; None if the event has none.
KeyFinder = Callable[[Params], str | None]

_PATH: Final = re.compile(r"\$(?:\.[\w-]+|\[\d+\]|\['[^']+'\])+")
_STEP: Final = re.compile(r"\.([\w-]+)|\[(\d+)\]|\['([^']+)'\]")


@dataclass(slots=True)
class Change:
    """One change on its way.

    Attributes:
        created: approximate time of the change, epoch seconds.
        data: the JSON that the target gets.
        key: the partition key; None if the path leads to nothing in this change.
    """

    sequence_number: str
    created: float
    data: str
    key: str | None

    @property
    def size(self) -> int:
        """Characters of the payload; what isn't ASCII is rare enough to be counted as one."""
        return len(self.data)


def event_of(record: Params, stream_arn: str) -> Params:
    """A record of DynamoDB's GetRecords, as AWS sends it, as the event that AWS makes of it."""
    event = {**record, "eventSourceARN": stream_arn}
    change = event["dynamodb"] = {**record["dynamodb"]}
    if "ApproximateCreationDateTime" in change:
        change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"])
    if identity := record.get("userIdentity"):
        # The API writes PrincipalId and Type, the event principalId and type.
        event["userIdentity"] = {name[0].lower() + name[1:]: v for name, v in identity.items()}
    return event


def change_of(event: Params, key_of: KeyFinder) -> Change:
    """A change, ready to be sent."""
    change = event["dynamodb"]
    return Change(
        sequence_number=change["SequenceNumber"],
        created=change.get("ApproximateCreationDateTime", 0),
        data=_encode(event),
        key=key_of(event),
    )


_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


def key_finder(partition_key: str) -> KeyFinder:
    """The partition key as a target parameter has it: a static one, or wholly one JSON path.

    Raises:
        AwsError: ValidationException for what begins as a path and is none.
    """
    if not partition_key.startswith("$"):
        return lambda _: partition_key or None
    if not _PATH.fullmatch(partition_key):
        raise AwsError(
            "ValidationException",
            f"PartitionKey {partition_key!r} is not a JSON path; a dynamic key is wholly one path",
        )
    steps: list[str | int] = [
        int(index) if index else name or quoted
        for name, index, quoted in _STEP.findall(partition_key)
    ]

    def find(event: Params) -> str | None:
        value: Any = event
        for step in steps:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return str(value) if isinstance(value, str | int | float) and value != "" else None

    return find
