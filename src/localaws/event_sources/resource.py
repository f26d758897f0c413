"""AWS::Lambda::EventSourceMapping.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-eventsourcemapping.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from localaws import wire
from localaws.errors import AwsError
from localaws.event_sources.settings import with_defaults
from localaws.service import Params, ResourceType

if TYPE_CHECKING:
    from localaws.event_sources.service import EventSources


class EventSourceMappingType(ResourceType):
    """A mapping in a template. As on AWS it is enabled when its creation is complete."""

    type_name: ClassVar[str] = "AWS::Lambda::EventSourceMapping"
    create_only: ClassVar[frozenset[str]] = frozenset(
        {"EventSourceArn", "StartingPosition", "StartingPositionTimestamp"}
    )

    def __init__(self, event_sources: EventSources) -> None:
        self._event_sources = event_sources

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the mapping; its physical id is its UUID."""
        del default_name
        created = self._event_sources.add(_parameters("CreateEventSourceMapping", properties))
        uuid: str = created["UUID"]
        self._event_sources.settle(uuid)
        return uuid, _attributes(created)

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the mapping in place. What a template no longer says goes back to its default."""
        del old
        changeable = wire.input_shape("lambda", "UpdateEventSourceMapping").members
        given = {"Enabled": True, **with_defaults(new), "UUID": physical_id}
        parameters = {name: value for name, value in given.items() if name in changeable}
        self._event_sources.settle(physical_id)
        changed = self._event_sources.change(_parameters("UpdateEventSourceMapping", parameters))
        self._event_sources.settle(physical_id)
        return _attributes(changed)

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the mapping."""
        del properties
        self._event_sources.settle(physical_id)
        try:
            self._event_sources.delete_event_source_mapping({"UUID": physical_id})
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
        self._event_sources.settle(physical_id)


def _parameters(operation: str, properties: Params) -> Params:
    shape = wire.input_shape("lambda", operation)
    params: Params = wire.coerce(shape, properties)
    wire.validate(shape, params)
    return params


def _attributes(mapping: Params) -> Params:
    return {"Id": mapping["UUID"], "EventSourceMappingArn": mapping["EventSourceMappingArn"]}
