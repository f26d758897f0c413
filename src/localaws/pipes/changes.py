"""A change of a table, as a pipe hands it on.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-pipes-dynamodb.html
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from localaws.errors import AwsError
from localaws.service import Params

#: Finds the partition key of an event; None if the event has none.
KeyFinder = Callable[[Params], str | None]

#: Paths that lead to what a record's head has.
HEAD_PATH: Final = "$.dynamodb.Keys."

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
    data: bytes
    key: str | None

    @property
    def size(self) -> int:
        """Bytes of the payload."""
        return len(self.data)


class _Image(msgspec.Struct):
    SequenceNumber: str
    Keys: dict[str, dict[str, str]]
    ApproximateCreationDateTime: int | float = 0


class Head(msgspec.Struct):
    """What a pipe has to know of every record."""

    dynamodb: _Image
    userIdentity: msgspec.Raw | None = None


head_of: Final = msgspec.json.Decoder(Head).decode
_decode: Final = msgspec.json.Decoder(dict[str, Any]).decode
_encode: Final = msgspec.json.Encoder().encode
# AWS's events have no blanks, and what is handed on is not longer than it must be.
_compact: Final = msgspec.json.format


def change_of(record: msgspec.Raw, rules: Rules) -> Change | None:
    """A record of DynamoDB's GetRecords as a change; None if it is filtered out.

    A record becomes an event by what little AWS adds to it, so most are never decoded.
    """
    head = head_of(record)
    created = head.dynamodb.ApproximateCreationDateTime
    if rules.read_all or head.userIdentity is not None or not isinstance(created, int):
        event = event_of(_decode(record), rules.source)
        if not rules.matches(event):
            return None
        key, data = rules.key_of(event), _encode(event)
    else:
        key = rules.key_of({"dynamodb": {"Keys": head.dynamodb.Keys}})
        data = _compact(rules.opening + memoryview(record)[1:], indent=-1)
    return Change(head.dynamodb.SequenceNumber, created, data, key)


def event_of(record: Params, stream_arn: str) -> Params:
    """The event that AWS makes of a record of DynamoDB's GetRecords."""
    event = {"eventSourceARN": stream_arn, **record}
    change = event["dynamodb"] = {**record["dynamodb"]}
    if "ApproximateCreationDateTime" in change:
        change["ApproximateCreationDateTime"] = int(change["ApproximateCreationDateTime"])
    if identity := record.get("userIdentity"):
        # The API writes PrincipalId and Type, the event principalId and type.
        event["userIdentity"] = {name[0].lower() + name[1:]: v for name, v in identity.items()}
    return event


@dataclass(frozen=True, slots=True)
class Rules:
    """What a pipe does to each record.

    Attributes:
        source: the stream's ARN.
        opening: how the text of an event begins, instead of with the record's own brace.
        read_all: whether the filter or the partition key need more than the keys of the item.
    """

    source: str
    matches: Callable[[Any], bool]
    key_of: KeyFinder
    read_all: bool
    opening: bytes = field(init=False)

    def __post_init__(self) -> None:
        opening = _encode({"eventSourceARN": self.source})[:-1] + b","
        object.__setattr__(self, "opening", opening)


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
