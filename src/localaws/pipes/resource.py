"""AWS::Pipes::Pipe.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-pipes-pipe.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from localaws import wire
from localaws.errors import AwsError, Unsupported
from localaws.service import Params, ResourceType

if TYPE_CHECKING:
    from localaws.pipes.service import Pipes


class PipeType(ResourceType):
    """A pipe in a template. As on AWS it is running when its creation is complete."""

    type_name: ClassVar[str] = "AWS::Pipes::Pipe"
    create_only: ClassVar[frozenset[str]] = frozenset({"Name", "Source"})

    def __init__(self, pipes: Pipes) -> None:
        self._pipes = pipes

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the pipe; its physical id is its name."""
        params = _parameters("CreatePipe", {"Name": default_name, **properties})
        self._pipes.create_pipe(params)
        self._pipes.settle(params["Name"])
        return params["Name"], self._attributes(params["Name"])

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the pipe in place."""
        if _starting_position(old) != _starting_position(new):
            raise Unsupported("another StartingPosition for a pipe that exists: replace the pipe")
        known = wire.input_shape("pipes", "UpdatePipe").members
        updatable = {k: v for k, v in new.items() if k in known}
        stream = updatable.get("SourceParameters", {}).get("DynamoDBStreamParameters")
        if stream:
            stream = {k: v for k, v in stream.items() if k != "StartingPosition"}
            parameters = {**updatable["SourceParameters"], "DynamoDBStreamParameters": stream}
            updatable["SourceParameters"] = parameters
        # What a template no longer says goes back to its default.
        defaults = {"Description": "", "DesiredState": "RUNNING"}
        self._pipes.update_pipe(
            _parameters("UpdatePipe", {**defaults, **updatable, "Name": physical_id})
        )
        self._pipes.retag(physical_id, new.get("Tags", {}))
        self._pipes.settle(physical_id)
        return self._attributes(physical_id)

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the pipe."""
        del properties
        try:
            self._pipes.delete_pipe({"Name": physical_id})
        except AwsError as error:
            if error.code != "NotFoundException":
                raise
        self._pipes.settle(physical_id)

    def _attributes(self, name: str) -> Params:
        pipe = self._pipes.describe_pipe({"Name": name})
        return {
            "Arn": pipe["Arn"],
            "CreationTime": pipe["CreationTime"].isoformat(),
            "CurrentState": pipe["CurrentState"],
            "LastModifiedTime": pipe["LastModifiedTime"].isoformat(),
            "StateReason": pipe.get("StateReason") or "",
        }


def _parameters(operation: str, properties: Params) -> Params:
    shape = wire.input_shape("pipes", operation)
    params: Params = wire.coerce(shape, properties)
    wire.validate(shape, params)
    return params


def _starting_position(properties: Params) -> object:
    parameters = properties.get("SourceParameters", {}).get("DynamoDBStreamParameters", {})
    return parameters.get("StartingPosition")
