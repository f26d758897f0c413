"""What a delivery stream's S3 destination says, checked.

https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html
"""

from __future__ import annotations

import codecs
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from localaws.errors import AwsError, Unsupported
from localaws.firehose.prefixes import ObjectNames
from localaws.service import Params

MIB: Final = 1024 * 1024

_DEFAULT_HINTS: Final[Params] = {"SizeInMBs": 5, "IntervalInSeconds": 300}
_EXTENSIONS: Final = {"UNCOMPRESSED": "", "GZIP": ".gz"}
_LAMBDA_PARAMETERS: Final = frozenset(
    {"LambdaArn", "NumberOfRetries", "RoleArn", "BufferSizeInMBs", "BufferIntervalInSeconds"}
)


@dataclass(frozen=True, slots=True)
class Processor:
    """The Lambda function that transforms the records.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_ProcessorParameter.html

    Attributes:
        size: bytes of records at which it is invoked.
        interval: time after which it is invoked earlier.
    """

    arn: str
    retries: int
    size: int
    interval: timedelta


@dataclass(frozen=True, slots=True)
class Destination:
    """Where and how a delivery stream delivers.

    Attributes:
        size: bytes at which an object is written.
        interval: time after which it is written earlier.
        delimiter: what is appended to each record.
        log: CloudWatch log group and stream of errors.
    """

    bucket: str
    names: ObjectNames
    size: int
    interval: timedelta
    gzip: bool
    extension: str
    processor: Processor | None
    delimiter: bytes
    kms_key: str | None
    log: tuple[str, str] | None


def with_defaults(configuration: Params) -> Params:
    """An S3 destination with what AWS assumes for the missing parameters."""
    return {
        "CompressionFormat": "UNCOMPRESSED",
        "EncryptionConfiguration": {"NoEncryptionConfig": "NoEncryption"},
        "CloudWatchLoggingOptions": {"Enabled": False},
        "S3BackupMode": "Disabled",
        **configuration,
        "BufferingHints": configuration.get("BufferingHints") or _DEFAULT_HINTS,
    }


def destination_of(configuration: Params) -> Destination:
    """The meaning of an ExtendedS3DestinationConfiguration.

    Raises:
        AwsError: ValidationException for what is wrong or unsupported.
    """
    _refuse(configuration)
    configuration = with_defaults(configuration)
    hints = configuration["BufferingHints"]
    if len(hints) != len(_DEFAULT_HINTS):
        raise _invalid("BufferingHints need both SizeInMBs and IntervalInSeconds, or neither")
    compression = configuration["CompressionFormat"]
    if compression not in _EXTENSIONS:
        raise Unsupported(f"CompressionFormat {compression}")
    names = ObjectNames(
        configuration.get("Prefix"),
        configuration.get("ErrorOutputPrefix"),
        configuration.get("CustomTimeZone") or "UTC",
    )
    processor, delimiter = _processors(configuration.get("ProcessingConfiguration", {}))
    kms = configuration["EncryptionConfiguration"].get("KMSEncryptionConfig", {})
    return Destination(
        bucket=configuration["BucketARN"].rpartition(":")[2],
        names=names,
        size=hints["SizeInMBs"] * MIB,
        interval=timedelta(seconds=hints["IntervalInSeconds"]),
        gzip=compression == "GZIP",
        extension=configuration.get("FileExtension") or _EXTENSIONS[compression],
        processor=processor,
        delimiter=delimiter,
        kms_key=kms.get("AWSKMSKeyARN"),
        log=_log(configuration["CloudWatchLoggingOptions"]),
    )


def _refuse(configuration: Params) -> None:
    if configuration.get("S3BackupMode") == "Enabled":
        raise Unsupported("S3BackupMode Enabled")
    for name in ("DataFormatConversionConfiguration", "DynamicPartitioningConfiguration"):
        # In a format conversion, Enabled is true unless it says otherwise.
        default = name == "DataFormatConversionConfiguration"
        if name in configuration and configuration[name].get("Enabled", default):
            raise Unsupported(name)


def _log(options: Params) -> tuple[str, str] | None:
    if not options.get("Enabled"):
        return None
    if not (options.get("LogGroupName") and options.get("LogStreamName")):
        raise _invalid("CloudWatchLoggingOptions need LogGroupName and LogStreamName")
    return options["LogGroupName"], options["LogStreamName"]


def _processors(configuration: Params) -> tuple[Processor | None, bytes]:
    found: dict[str, dict[str, str]] = {}
    for processor in configuration.get("Processors", []):
        kind = processor["Type"]
        if kind in found:
            raise _invalid(f"more than one {kind} processor")
        found[kind] = {
            p["ParameterName"]: p["ParameterValue"] for p in processor.get("Parameters", [])
        }
    others = found.keys() - {"Lambda", "AppendDelimiterToRecord"}
    if others:
        raise Unsupported(f"the processor {', '.join(sorted(others))}")
    processor = _lambda(found["Lambda"]) if "Lambda" in found else None
    delimiter = found.get("AppendDelimiterToRecord")
    if not configuration.get("Enabled"):
        return None, b""
    return processor, b"" if delimiter is None else _delimiter(delimiter)


def _lambda(parameters: dict[str, str]) -> Processor:
    others = parameters.keys() - _LAMBDA_PARAMETERS
    if others:
        raise Unsupported(f"the processor parameter {', '.join(sorted(others))}")
    if "LambdaArn" not in parameters:
        raise _invalid("the Lambda processor has no LambdaArn")
    return Processor(
        arn=parameters["LambdaArn"],
        retries=int(_number(parameters, "NumberOfRetries", 3, 0, 300)),
        size=int(_number(parameters, "BufferSizeInMBs", 1, 0.2, 3) * MIB),
        interval=timedelta(seconds=_number(parameters, "BufferIntervalInSeconds", 60, 0, 900)),
    )


def _number(
    parameters: dict[str, str], name: str, default: float, least: float, most: float
) -> float:
    try:
        value = float(parameters.get(name, default))
    except ValueError as error:
        raise _invalid(f"{name} {parameters[name]!r} is not a number") from error
    if not least <= value <= most:
        raise _invalid(f"{name} {value:g} is not between {least:g} and {most:g}")
    return value


def _delimiter(parameters: dict[str, str]) -> bytes:
    """The delimiter, in which ``\\n`` is written as in a string of Java's."""
    return codecs.decode(parameters.get("Delimiter", r"\n"), "unicode_escape").encode()


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)
