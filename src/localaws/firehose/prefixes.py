"""Names of the objects that a delivery stream writes.

https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
https://docs.aws.amazon.com/firehose/latest/dev/s3-object-name.html
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import uuid4
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from localaws.errors import AwsError, Unsupported

ERROR_TYPE: Final = "firehose:error-output-type"
RANDOM: Final = "firehose:random-string"
_RANDOM_LENGTH: Final = 11
_DEFAULT_TIME: Final = "!{timestamp:yyyy/MM/dd/HH}/"

_EXPRESSION: Final = re.compile(r"!\{([^{}]*)\}")
# What Java's DateTimeFormatter makes of a run of letters.
# https://docs.oracle.com/javase/8/docs/api/java/time/format/DateTimeFormatter.html
_FIELDS: Final[dict[str, Callable[[datetime], str]]] = {
    "yyyy": lambda t: f"{t.year:04d}",
    "uuuu": lambda t: f"{t.year:04d}",
    "y": lambda t: str(t.year),
    "yy": lambda t: f"{t.year % 100:02d}",
    "MM": lambda t: f"{t.month:02d}",
    "M": lambda t: str(t.month),
    "dd": lambda t: f"{t.day:02d}",
    "d": lambda t: str(t.day),
    "DDD": lambda t: f"{t:%j}",
    "HH": lambda t: f"{t.hour:02d}",
    "H": lambda t: str(t.hour),
    "mm": lambda t: f"{t.minute:02d}",
    "m": lambda t: str(t.minute),
    "ss": lambda t: f"{t.second:02d}",
    "s": lambda t: str(t.second),
    "SSS": lambda t: f"{t.microsecond // 1000:03d}",
}
_TOKEN: Final = re.compile(r"'((?:[^']|'')*)'|([A-Za-z])\2*|[^A-Za-z']+")


@dataclass(frozen=True, slots=True)
class ObjectNames:
    """Names the objects of a delivery stream.

    Args:
        prefix, error_prefix: as CreateDeliveryStream has them; None or empty if not given.
        time_zone: CustomTimeZone, such as Asia/Tokyo; UTC by default.

    Raises:
        AwsError: ValidationException for a prefix that breaks AWS's rules.
    """

    prefix: str | None
    error_prefix: str | None
    time_zone: str = "UTC"

    def __post_init__(self) -> None:
        zone(self.time_zone)
        _check(self.prefix or "", "Prefix")
        _check(self.error_prefix or "", "ErrorOutputPrefix")
        if ERROR_TYPE in (self.prefix or ""):
            raise _invalid(f"Prefix can't contain !{{{ERROR_TYPE}}}")
        if _EXPRESSION.search(self.prefix or "") and not self.error_prefix:
            raise _invalid("ErrorOutputPrefix can't be null when Prefix contains expressions")
        expressions = _EXPRESSION.findall(self.error_prefix or "")
        if expressions and ERROR_TYPE not in expressions:
            raise _invalid(f"ErrorOutputPrefix must contain !{{{ERROR_TYPE}}}")

    def data(self, arrival: datetime) -> str:
        """The prefix of an object of delivered records.

        Args:
            arrival: of the object's oldest record.
        """
        prefix = self.prefix or ""
        # AWS says so of a prefix without expressions; of one with others, its pages disagree.
        if "!{timestamp:" not in prefix:
            prefix += _DEFAULT_TIME
        return self._evaluate(prefix, arrival, "")

    def errors(self, error_type: str, arrival: datetime) -> str:
        """The prefix of an object of failed records.

        Args:
            error_type: such as processing-failed.
            arrival: of the object's oldest record.
        """
        prefix = self.error_prefix or f"{self.prefix or ''}!{{{ERROR_TYPE}}}/{_DEFAULT_TIME}"
        return self._evaluate(prefix, arrival, error_type)

    def suffix(self, stream: str, version: str, arrival: datetime, extension: str) -> str:
        """What follows the prefix."""
        local = arrival.astimezone(zone(self.time_zone))
        return f"{stream}-{version}-{local:%Y-%m-%d-%H-%M-%S}-{uuid4()}{extension}"

    def _evaluate(self, prefix: str, arrival: datetime, error_type: str) -> str:
        local = arrival.astimezone(zone(self.time_zone))

        def value(match: re.Match[str]) -> str:
            namespace, _, name = match[1].partition(":")
            if namespace == "timestamp":
                return format_time(name, local)
            if match[1] == RANDOM:
                return secrets.token_hex(_RANDOM_LENGTH)[:_RANDOM_LENGTH]
            return error_type

        return _EXPRESSION.sub(value, prefix)


def format_time(pattern: str, time: datetime) -> str:
    """A time in a pattern of Java's DateTimeFormatter.

    Raises:
        AwsError: ValidationException for what is no pattern or isn't supported.
    """
    text, position = [], 0
    while position < len(pattern):
        match = _TOKEN.match(pattern, position)
        if match is None:
            raise _invalid(f"the quote in the timestamp pattern {pattern!r} isn't closed")
        if match[1] is not None:
            text.append(match[1].replace("''", "'") or "'")
        elif match[2] is None:
            text.append(match[0])
        elif match[0] in _FIELDS:
            text.append(_FIELDS[match[0]](time))
        else:
            raise Unsupported(f"{match[0]!r} in the timestamp pattern {pattern!r}")
        position = match.end()
    return "".join(text)


def zone(name: str) -> ZoneInfo:
    """A time zone by its name. Raises AwsError."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise _invalid(f"CustomTimeZone {name!r} is not a time zone") from error


def _check(prefix: str, name: str) -> None:
    for expression in _EXPRESSION.findall(prefix):
        namespace, _, value = expression.partition(":")
        if namespace == "timestamp" and value:
            format_time(value, datetime(2000, 1, 1, tzinfo=ZoneInfo("UTC")))
        elif namespace in {"partitionKeyFromLambda", "partitionKeyFromQuery"}:
            raise _invalid(f"{name} has !{{{expression}}}, which needs dynamic partitioning")
        elif expression not in {ERROR_TYPE, RANDOM}:
            raise _invalid(f"{name} has the unknown expression !{{{expression}}}")
    if "!{" in _EXPRESSION.sub("", prefix):
        raise _invalid(f"{name} has an expression that isn't closed: {prefix!r}")


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
