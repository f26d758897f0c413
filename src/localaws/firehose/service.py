"""The API of Amazon Data Firehose.

https://docs.aws.amazon.com/firehose/latest/APIReference/Welcome.html
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from itertools import count
from typing import ClassVar, Final
from uuid import uuid4

from localaws.errors import AwsError, Unsupported
from localaws.firehose.definition import DIRECT, KINESIS, DeliveryStream
from localaws.firehose.mover import Mover
from localaws.firehose.records import Record, direct_record
from localaws.firehose.resource import DeliveryStreamType
from localaws.firehose.settings import MIB, destination_of, with_defaults
from localaws.metrics import Metrics
from localaws.service import Aws, Operation, Params, ResourceType, Service

NOT_EMULATED: Final[tuple[str, ...]] = (
    "Sources other than Kinesis data streams and direct puts are refused.",
    "Destinations other than S3 are refused.",
    "Dynamic partitioning, data format conversion and S3 backup are refused.",
    "Compression other than GZIP is refused.",
    "Processors other than Lambda and AppendDelimiterToRecord are refused.",
    "Server-side encryption of the delivery stream is refused.",
    "The delivery stream's roles are not assumed, so a missing permission goes unnoticed.",
    "Direct puts are not throttled.",
    "Records that were put directly are lost if the process is killed before they are delivered.",
)

DESTINATION_ID: Final = "destinationId-000000000001"
_RECORD_BYTES: Final = 1000 * 1024
_BATCH_BYTES: Final = 4 * MIB
_BATCH_RECORDS: Final = 500
_PAGE_SIZE: Final = 10
_TAGS: Final = 50
_S3 = ("ExtendedS3DestinationConfiguration", "S3DestinationConfiguration")
_SUPPORTED: Final = frozenset(
    {"DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration", "Tags", *_S3}
)
# Seconds between two looks at the source, while something moves and when nothing does. AWS looks
# four times a second; fewer looks at more records are cheaper.
_QUICK: Final = 0.2
_SLOW: Final = 0.5


class Firehose(Service):
    """Amazon Data Firehose, from Kinesis data streams or direct puts to S3."""

    name: ClassVar[str] = "firehose"
    error_codes: ClassVar[Mapping[str, str]] = {"ValidationException": "InvalidArgumentException"}

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self._streams: dict[str, DeliveryStream] = {}
        self._movers: dict[str, Mover] = {}
        self._inboxes: dict[str, list[Record]] = {}
        self._numbers = count(1)
        self._metrics = Metrics(aws, "AWS/Firehose")

    def operations(self) -> Mapping[str, Operation]:
        """The operations that are supported."""
        return {
            "CreateDeliveryStream": self.create_delivery_stream,
            "DescribeDeliveryStream": self.describe_delivery_stream,
            "DeleteDeliveryStream": self.delete_delivery_stream,
            "ListDeliveryStreams": self.list_delivery_streams,
            "UpdateDestination": self.update_destination,
            "PutRecord": self.put_record,
            "PutRecordBatch": self.put_record_batch,
            "TagDeliveryStream": self.tag_delivery_stream,
            "UntagDeliveryStream": self.untag_delivery_stream,
            "ListTagsForDeliveryStream": self.list_tags,
        }

    def resource_types(self) -> list[ResourceType]:
        """The delivery stream."""
        return [DeliveryStreamType(self)]

    # ------------------------------------------------------------------ operations

    def create_delivery_stream(self, params: Params) -> Params:
        """CreateDeliveryStream."""
        name = params["DeliveryStreamName"]
        destination = _destination(params)
        kind = params.get("DeliveryStreamType", DIRECT)
        source = params.get("KinesisStreamSourceConfiguration")
        if kind not in {KINESIS, DIRECT}:
            raise Unsupported(f"DeliveryStreamType {kind}")
        if (kind == KINESIS) != (source is not None):
            raise _invalid(f"KinesisStreamSourceConfiguration doesn't fit the type {kind}")
        with self.lock:
            if name in self._streams:
                raise AwsError(
                    "ResourceInUseException",
                    f"Firehose {name} under accountId {self.aws.account} already exists",
                )
            stream = DeliveryStream(
                name,
                self.aws.arn("firehose", f"deliverystream/{name}"),
                kind,
                source,
                destination,
                _now().isoformat(),
                tags={tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])},
            )
            self._streams[name] = stream
        self.wake.set()
        return {"DeliveryStreamARN": stream.arn}

    def describe_delivery_stream(self, params: Params) -> Params:
        """DescribeDeliveryStream."""
        with self.lock:
            stream = self._stream(params["DeliveryStreamName"])
            created = datetime.fromisoformat(stream.created)
            source = stream.source and {**stream.source, "DeliveryStartTimestamp": created}
            shown = {k: v for k, v in stream.destination.items() if k != "S3BackupConfiguration"}
            return {
                "DeliveryStreamDescription": {
                    "DeliveryStreamName": stream.name,
                    "DeliveryStreamARN": stream.arn,
                    "DeliveryStreamStatus": stream.status,
                    "DeliveryStreamType": stream.kind,
                    "VersionId": str(stream.version),
                    "CreateTimestamp": created,
                    "LastUpdateTimestamp": stream.updated
                    and datetime.fromisoformat(stream.updated),
                    "Source": {"KinesisStreamSourceDescription": source} if source else None,
                    "Destinations": [
                        {
                            "DestinationId": DESTINATION_ID,
                            "ExtendedS3DestinationDescription": shown,
                        }
                    ],
                    "HasMoreDestinations": False,
                }
            }

    def delete_delivery_stream(self, params: Params) -> Params:
        """DeleteDeliveryStream. What it holds is lost, as on AWS."""
        with self.lock:
            self._stream(params["DeliveryStreamName"]).status = "DELETING"
        self.wake.set()
        return {}

    def list_delivery_streams(self, params: Params) -> Params:
        """ListDeliveryStreams."""
        with self.lock:
            names = [
                name
                for name in sorted(self._streams)
                if name > params.get("ExclusiveStartDeliveryStreamName", "")
                and params.get("DeliveryStreamType", self._streams[name].kind)
                == self._streams[name].kind
            ]
        limit = params.get("Limit", _PAGE_SIZE)
        return {
            "DeliveryStreamNames": names[:limit],
            "HasMoreDeliveryStreams": len(names) > limit,
        }

    def update_destination(self, params: Params) -> Params:
        """UpdateDestination. Parameters that aren't given stay as they are."""
        given = {n for n in params if n.endswith("Update")}
        known = {"ExtendedS3DestinationUpdate", "S3DestinationUpdate"}
        if given - known:
            raise Unsupported(", ".join(sorted(given - known)))
        with self.lock:
            stream = self._active(params["DeliveryStreamName"])
            if params["DestinationId"] != DESTINATION_ID:
                raise _invalid(f"Destination Id {params['DestinationId']} not found")
            if params["CurrentDeliveryStreamVersionId"] != str(stream.version):
                raise AwsError(
                    "ConcurrentModificationException",
                    f"Cannot update firehose: {stream.name} since the current version id: "
                    f"{stream.version} and specified version id: "
                    f"{params['CurrentDeliveryStreamVersionId']} do not match",
                )
            update: Params = next((params[name] for name in sorted(known) if name in params), {})
            self._configure(stream, {**stream.destination, **update})
        return {}

    def put_record(self, params: Params) -> Params:
        """PutRecord."""
        (record_id,) = self._put(params["DeliveryStreamName"], [params["Record"]])
        return {"RecordId": record_id, "Encrypted": False}

    def put_record_batch(self, params: Params) -> Params:
        """PutRecordBatch."""
        records = params["Records"]
        if len(records) > _BATCH_RECORDS:
            raise _invalid(f"{len(records)} records, but a batch may have {_BATCH_RECORDS}")
        if sum(len(record["Data"]) for record in records) > _BATCH_BYTES:
            raise _invalid("Records size exceeds 4 MB limit")
        ids = self._put(params["DeliveryStreamName"], records)
        return {
            "FailedPutCount": 0,
            "Encrypted": False,
            "RequestResponses": [{"RecordId": record_id} for record_id in ids],
        }

    def tag_delivery_stream(self, params: Params) -> Params:
        """TagDeliveryStream."""
        given = {tag["Key"]: tag.get("Value", "") for tag in params["Tags"]}
        with self.lock:
            stream = self._stream(params["DeliveryStreamName"])
            tags = {**stream.tags, **given}
            if len(tags) > _TAGS:
                raise AwsError("LimitExceededException", f"more than {_TAGS} tags")
            stream.tags = tags
        return {}

    def untag_delivery_stream(self, params: Params) -> Params:
        """UntagDeliveryStream."""
        with self.lock:
            tags = self._stream(params["DeliveryStreamName"]).tags
            for key in params["TagKeys"]:
                tags.pop(key, None)
        return {}

    def list_tags(self, params: Params) -> Params:
        """ListTagsForDeliveryStream."""
        with self.lock:
            tags = self._stream(params["DeliveryStreamName"]).tags
            keys = [key for key in sorted(tags) if key > params.get("ExclusiveStartTagKey", "")]
            limit = params.get("Limit", _TAGS)
            return {
                "Tags": [{"Key": key, "Value": tags[key]} for key in keys[:limit]],
                "HasMoreTags": len(keys) > limit,
            }

    def reconfigure(self, name: str, params: Params) -> str:
        """Give a delivery stream the destination and tags of a CreateDeliveryStream; returns its
        ARN."""
        destination = _destination(params)
        with self.lock:
            stream = self._stream(name)
            stream.tags = {tag["Key"]: tag.get("Value", "") for tag in params.get("Tags", [])}
            if destination != stream.destination:
                self._configure(stream, destination)
            return stream.arn

    def _configure(self, stream: DeliveryStream, destination: Params) -> None:
        meaning = destination_of(destination)
        stream.destination = destination
        stream.version += 1
        stream.updated = _now().isoformat()
        if stream.name in self._movers:
            self._movers[stream.name].configure(meaning, str(stream.version))

    def _put(self, name: str, records: list[Params]) -> list[str]:
        arrived = _now().timestamp()
        with self.lock:
            stream = self._active(name)
            if stream.kind != DIRECT:
                raise AwsError(
                    "InvalidSourceException",
                    f"This operation is not permitted on {stream.kind} delivery stream type.",
                )
            for record in records:
                if len(record["Data"]) > _RECORD_BYTES:
                    raise _invalid("Record size exceeds 1000 KB limit")
            inbox = self._inboxes.setdefault(name, [])
            for record in records:
                number = f"{round(arrived * 1000):020d}{next(self._numbers):036d}"
                inbox.append(direct_record(number, arrived, b64encode(record["Data"]).decode()))
        return [uuid4().hex for _ in records]

    def _stream(self, name: str) -> DeliveryStream:
        if name not in self._streams:
            raise AwsError(
                "ResourceNotFoundException",
                f"Firehose {name} under account {self.aws.account} not found.",
            )
        return self._streams[name]

    def _active(self, name: str) -> DeliveryStream:
        stream = self._stream(name)
        if stream.status == "CREATING":
            raise AwsError("ResourceInUseException", f"Firehose {name} is not active yet.")
        if stream.status == "DELETING":
            raise AwsError("ResourceNotFoundException", f"Firehose {name} is being deleted.")
        return stream

    # ------------------------------------------------------------------ movement

    def settle(self, name: str) -> None:
        """Let a delivery stream arrive at the status that it is moving to."""
        with self.lock:
            stream = self._streams.get(name)
            if stream is None:
                return
            if stream.status == "CREATING":
                stream.status = "ACTIVE"
            elif stream.status == "DELETING":
                for kept in (self._streams, self._movers, self._inboxes):
                    kept.pop(name, None)

    def step(self, now: datetime) -> bool:
        """Let statuses arrive, and active delivery streams move."""
        with self.lock:
            names = list(self._streams)
        busy, idle = False, True
        for name in names:
            self.settle(name)
            with self.lock:
                stream = self._streams.get(name)
                direct = self._inboxes.pop(name, [])
                mover = self._mover(stream) if stream else None
            if mover is not None:
                busy = mover.step(direct, now) or busy
                idle = idle and mover.idle
        self._metrics.send(now)
        self.pause = min(_SLOW, self.pause * 1.3) if idle else _QUICK
        return busy

    def _mover(self, stream: DeliveryStream) -> Mover:
        if stream.name not in self._movers:
            self._movers[stream.name] = Mover(
                self.aws,
                stream.name,
                stream.arn,
                stream.source["KinesisStreamARN"] if stream.source else None,
                datetime.fromisoformat(stream.created),
                destination_of(stream.destination),
                str(stream.version),
                self._metrics,
            )
        return self._movers[stream.name]

    # ------------------------------------------------------------------ state

    def snapshot(self) -> Params:
        """All delivery streams, with where they are and what they hold."""
        with self.lock:
            return {
                "streams": [asdict(stream) for stream in self._streams.values()],
                "movers": {name: mover.snapshot() for name, mover in self._movers.items()},
                "inboxes": {
                    name: [record.to_json() for record in inbox]
                    for name, inbox in self._inboxes.items()
                },
                "next_number": next(self._numbers),
            }

    def restore(self, state: Params) -> None:
        """Take up the state that ``snapshot`` gave."""
        self._numbers = count(state["next_number"])
        for saved in state["streams"]:
            stream = DeliveryStream(**saved)
            self._streams[stream.name] = stream
            if mover := state["movers"].get(stream.name):
                self._mover(stream).restore(mover, _now())
        for name, inbox in state["inboxes"].items():
            self._inboxes[name] = [Record(*saved) for saved in inbox]

    def reset(self) -> None:
        """Forget all delivery streams."""
        with self.lock:
            for kept in (self._streams, self._movers, self._inboxes):
                kept.clear()
            self._metrics.clear()


def _destination(params: Params) -> Params:
    """The S3 destination of a CreateDeliveryStream, checked, with its defaults."""
    others = params.keys() - _SUPPORTED
    if others:
        raise Unsupported(", ".join(sorted(others)))
    given = [params[name] for name in _S3 if name in params]
    if len(given) != 1:
        raise _invalid("exactly one destination configuration is supported")
    destination_of(given[0])
    return with_defaults(given[0])


def _invalid(message: str) -> AwsError:
    return AwsError("ValidationException", message)


def _now() -> datetime:
    return datetime.now(UTC)
