"""The part of Lambda's API that is about event source mappings; the rest is MiniStack's.

https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import ClassVar, Final
from uuid import uuid4

from botocore.exceptions import ClientError

from localaws.errors import AwsError
from localaws.event_sources.mover import Mover
from localaws.event_sources.resource import EventSourceMappingType
from localaws.event_sources.settings import MappingSettings, invalid, settings_of, with_defaults
from localaws.metrics import Metrics
from localaws.service import Aws, Operation, Params, ResourceType, Service

log = logging.getLogger(__name__)

NOT_EMULATED: Final[tuple[str, ...]] = (
    "Event sources other than Kinesis data streams are refused; so are their dedicated consumers.",
    "FilterCriteria, tumbling windows, a ParallelizationFactor other than 1, encryption of the "
    "mapping's settings, metrics and log settings, and tags of a mapping are refused.",
    "Failure destinations other than SQS queues are refused.",
    "The function's role is not assumed, so a missing permission to read goes unnoticed.",
    "Records aren't given up when they expire in their stream: a mapping holds what it has read.",
)

_MOVES_TO: Final = {
    "Creating": "Enabled",
    "Enabling": "Enabled",
    "Disabling": "Disabled",
}
_SETTLED: Final = frozenset({"Enabled", "Disabled"})
_PAGE_SIZE: Final = 100
# Seconds between two looks at the source, while something moves and when nothing does. AWS looks
# once a second; what is live should look it.
_QUICK: Final = 0.2
_SLOW: Final = 0.3

_FUNCTION: Final = re.compile(
    r"(?:arn:aws:lambda:[^:]+:)?(?:\d{12}:)?(?:function:)?(?P<name>[\w.-]+)(?::(?P<part>[\w$.-]+))?"
)
# What isn't shown of a mapping, or under another name.
_HIDDEN: Final = frozenset({"FunctionName", "Enabled"})


@dataclass
class EventSourceMapping:
    """A mapping. `definition` has the parameters of CreateEventSourceMapping."""

    uuid: str
    function_arn: str
    definition: Params
    created: datetime
    modified: datetime
    state: str = "Creating"

    @property
    def desired(self) -> str:
        """The state that was asked for."""
        return "Enabled" if self.definition.get("Enabled", True) else "Disabled"

    @property
    def settings(self) -> MappingSettings:
        """What the definition means."""
        return settings_of(self.definition, self.created)


class EventSources(Service):
    """Lambda's event source mappings of Kinesis data streams."""

    name: ClassVar[str] = "lambda"
    passes_on: ClassVar[bool] = True
    error_codes: ClassVar[Mapping[str, str]] = {
        "ValidationException": "InvalidParameterValueException"
    }

    def __init__(self, aws: Aws) -> None:
        super().__init__(aws)
        self._mappings: dict[str, EventSourceMapping] = {}
        self._movers: dict[str, Mover] = {}
        self._metrics = Metrics(aws, "AWS/Lambda")

    def operations(self) -> Mapping[str, Operation]:
        """The operations on mappings."""
        return {
            "CreateEventSourceMapping": self.create_event_source_mapping,
            "GetEventSourceMapping": self.get_event_source_mapping,
            "ListEventSourceMappings": self.list_event_source_mappings,
            "UpdateEventSourceMapping": self.update_event_source_mapping,
            "DeleteEventSourceMapping": self.delete_event_source_mapping,
        }

    def resource_types(self) -> list[ResourceType]:
        """The mapping."""
        return [EventSourceMappingType(self)]

    # ------------------------------------------------------------------ operations

    def create_event_source_mapping(self, params: Params) -> Params:
        """CreateEventSourceMapping."""
        settings_of(params, datetime.now(UTC))
        self._check_function(params["FunctionName"])
        self._check_stream(params["EventSourceArn"])
        return self.add(params)

    def add(self, params: Params) -> Params:
        """Create a mapping whose function and stream are known to be there."""
        now = datetime.now(UTC)
        mapping = EventSourceMapping(
            str(uuid4()), self._arn(params["FunctionName"]), with_defaults(params), now, now
        )
        settings = mapping.settings  # raises what is wrong with the parameters
        with self.lock:
            for other in self._mappings.values():
                if (other.function_arn, other.settings.source) == (
                    mapping.function_arn,
                    settings.source,
                ):
                    raise _conflict(
                        f"The event source arn ({settings.source}) and function "
                        f"({mapping.function_arn}) provided mapping already exists. Please update "
                        f"or delete the existing mapping with UUID {other.uuid}"
                    )
            self._mappings[mapping.uuid] = mapping
        self.wake.set()
        return self._shown(mapping)

    def get_event_source_mapping(self, params: Params) -> Params:
        """GetEventSourceMapping."""
        with self.lock:
            return self._shown(self._mapping(params["UUID"]))

    def list_event_source_mappings(self, params: Params) -> Params:
        """ListEventSourceMappings."""
        function = params.get("FunctionName")
        arn = self._arn(function) if function else None
        with self.lock:
            chosen = [
                mapping
                for uuid, mapping in sorted(self._mappings.items())
                if arn in (None, mapping.function_arn)
                and params.get("EventSourceArn", mapping.settings.source) == mapping.settings.source
                and uuid > params.get("Marker", "")
            ]
            page = chosen[: min(params.get("MaxItems", _PAGE_SIZE), _PAGE_SIZE)]
            return {
                "EventSourceMappings": [self._shown(mapping) for mapping in page],
                "NextMarker": page[-1].uuid if len(chosen) > len(page) else None,
            }

    def update_event_source_mapping(self, params: Params) -> Params:
        """UpdateEventSourceMapping. What isn't given stays as it is."""
        if function := params.get("FunctionName"):
            self._check_function(function)
        return self.change(params)

    def change(self, params: Params) -> Params:
        """Change a mapping, to a function that is known to be there."""
        with self.lock:
            mapping = self._settled(params["UUID"], "update")
            given = {name: value for name, value in params.items() if name != "UUID"}
            changed = {**mapping.definition, **given}
            settings_of(changed, mapping.created)
            before = mapping.desired
            mapping.definition = changed
            mapping.function_arn = self._arn(changed["FunctionName"])
            mapping.modified = datetime.now(UTC)
            turned = "Enabling" if mapping.desired == "Enabled" else "Disabling"
            mapping.state = "Updating" if mapping.desired == before else turned
        self.wake.set()
        return self._shown(mapping)

    def delete_event_source_mapping(self, params: Params) -> Params:
        """DeleteEventSourceMapping."""
        with self.lock:
            mapping = self._settled(params["UUID"], "delete")
            mapping.state = "Deleting"
        self.wake.set()
        return self._shown(mapping)

    def _shown(self, mapping: EventSourceMapping) -> Params:
        """What all operations tell of a mapping."""
        mover = self._movers.get(mapping.uuid)
        arn = self.aws.arn("lambda", f"event-source-mapping:{mapping.uuid}")
        return {
            **{k: v for k, v in mapping.definition.items() if k not in _HIDDEN},
            "UUID": mapping.uuid,
            "EventSourceMappingArn": arn,
            "FunctionArn": mapping.function_arn,
            "LastModified": mapping.modified,
            "LastProcessingResult": mover.result if mover else "No records processed",
            "State": mapping.state,
            "StateTransitionReason": "User action",
        }

    def _arn(self, function: str) -> str:
        """The ARN of a function that is named by its name or by any part of its ARN."""
        found = _FUNCTION.fullmatch(function)
        if found is None:
            raise invalid(f"{function!r} is not the name of a function")
        part = f":{found['part']}" if found["part"] else ""
        return self.aws.arn("lambda", f"function:{found['name']}{part}")

    def _check_function(self, function: str) -> None:
        arn = self._arn(function)
        try:
            self.aws.client("lambda").get_function_configuration(FunctionName=arn)
        except ClientError as error:
            raise AwsError(
                "ResourceNotFoundException", f"Function not found: {arn}", HTTPStatus.NOT_FOUND
            ) from error

    def _check_stream(self, arn: str) -> None:
        try:
            self.aws.client("kinesis").describe_stream_summary(StreamARN=arn)
        except ClientError as error:
            raise invalid(
                f"Received Exception while reading from provided stream. "
                f"{error.response['Error'].get('Message', '')}"
            ) from error

    def _mapping(self, uuid: str) -> EventSourceMapping:
        if uuid not in self._mappings:
            raise AwsError(
                "ResourceNotFoundException",
                f"The resource you requested does not exist: event source mapping {uuid}",
                HTTPStatus.NOT_FOUND,
            )
        return self._mappings[uuid]

    def _settled(self, uuid: str, action: str) -> EventSourceMapping:
        mapping = self._mapping(uuid)
        if mapping.state not in _SETTLED:
            raise AwsError(
                "ResourceInUseException",
                f"Cannot {action} the event source mapping because it is in use: "
                f"it is {mapping.state}",
            )
        return mapping

    # ------------------------------------------------------------------ movement

    def settle(self, uuid: str) -> None:
        """Let a mapping arrive at the state that it is moving to."""
        with self.lock:
            mapping = self._mappings.get(uuid)
            if mapping is None:
                return
            if mapping.state == "Deleting":
                del self._mappings[uuid]
                self._movers.pop(uuid, None)
                return
            if uuid in self._movers and mapping.state not in _SETTLED:
                self._movers[uuid].configure(mapping.function_arn, mapping.settings)
            mapping.state = mapping.desired

    def step(self, now: datetime) -> bool:
        """Let states arrive, and enabled mappings move."""
        with self.lock:
            uuids = list(self._mappings)
        busy = moving = False
        for uuid in uuids:
            self.settle(uuid)
            with self.lock:
                mapping = self._mappings.get(uuid)
                if mapping is None or mapping.state != "Enabled":
                    continue
                mover = self._mover(mapping)
            busy = mover.step(now) or busy
            moving = moving or not mover.idle
        self._metrics.send(now)
        self.pause = _QUICK if busy or moving else min(_SLOW, self.pause * 1.3)
        return busy

    def _mover(self, mapping: EventSourceMapping) -> Mover:
        if mapping.uuid not in self._movers:
            self._movers[mapping.uuid] = Mover(
                self.aws, mapping.function_arn, mapping.settings, self._metrics
            )
        return self._movers[mapping.uuid]

    # ------------------------------------------------------------------ state

    def snapshot(self) -> Params:
        """All mappings, with where they are and what they hold."""
        with self.lock:
            return {
                "mappings": [_saved(mapping) for mapping in self._mappings.values()],
                "movers": {uuid: mover.snapshot() for uuid, mover in self._movers.items()},
            }

    def restore(self, state: Params) -> None:
        """Take up the state that ``snapshot`` gave."""
        for saved in state["mappings"]:
            mapping = _restored(saved)
            self._mappings[mapping.uuid] = mapping
            if mover := state["movers"].get(mapping.uuid):
                self._mover(mapping).restore(mover, datetime.now(UTC))

    def reset(self) -> None:
        """Forget all mappings."""
        with self.lock:
            self._mappings.clear()
            self._movers.clear()
            self._metrics.clear()


_TIMESTAMP: Final = "StartingPositionTimestamp"


def _saved(mapping: EventSourceMapping) -> Params:
    definition = dict(mapping.definition)
    if start := definition.get(_TIMESTAMP):
        definition[_TIMESTAMP] = start.isoformat()
    return {
        "uuid": mapping.uuid,
        "function_arn": mapping.function_arn,
        "definition": definition,
        "created": mapping.created.isoformat(),
        "modified": mapping.modified.isoformat(),
        "state": mapping.state,
    }


def _restored(saved: Params) -> EventSourceMapping:
    definition = dict(saved["definition"])
    if start := definition.get(_TIMESTAMP):
        definition[_TIMESTAMP] = datetime.fromisoformat(start)
    created, modified = (datetime.fromisoformat(saved[at]) for at in ("created", "modified"))
    return EventSourceMapping(
        saved["uuid"], saved["function_arn"], definition, created, modified, saved["state"]
    )


def _conflict(message: str) -> AwsError:
    return AwsError("ResourceConflictException", message, HTTPStatus.CONFLICT)
