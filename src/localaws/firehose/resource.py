"""AWS::KinesisFirehose::DeliveryStream.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-kinesisfirehose-deliverystream.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from localaws import wire
from localaws.errors import AwsError
from localaws.service import Params, ResourceType

if TYPE_CHECKING:
    from localaws.firehose.service import Firehose


class DeliveryStreamType(ResourceType):
    """A delivery stream in a template. As on AWS it is active when its creation is complete."""

    type_name: ClassVar[str] = "AWS::KinesisFirehose::DeliveryStream"
    create_only: ClassVar[frozenset[str]] = frozenset(
        {"DeliveryStreamName", "DeliveryStreamType", "KinesisStreamSourceConfiguration"}
    )

    def __init__(self, firehose: Firehose) -> None:
        self._firehose = firehose

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the delivery stream; its physical id is its name."""
        params = _parameters({"DeliveryStreamName": default_name, **properties})
        answer = self._firehose.create_delivery_stream(params)
        name: str = params["DeliveryStreamName"]
        self._firehose.settle(name)
        return name, {"Arn": answer["DeliveryStreamARN"]}

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the delivery stream in place."""
        params = _parameters({**new, "DeliveryStreamName": physical_id})
        return {"Arn": self._firehose.reconfigure(physical_id, params)}

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the delivery stream."""
        del properties
        try:
            self._firehose.delete_delivery_stream({"DeliveryStreamName": physical_id})
        except AwsError as error:
            if error.code != "ResourceNotFoundException":
                raise
        self._firehose.settle(physical_id)


def _parameters(properties: Params) -> Params:
    shape = wire.input_shape("firehose", "CreateDeliveryStream")
    params: Params = wire.coerce(shape, _with_texts(properties))
    wire.validate(shape, params)
    return params


def _with_texts(value: Any) -> Any:
    """The values of processor parameters as text, which templates may write as numbers."""
    if isinstance(value, dict):
        return {
            name: str(item) if name == "ParameterValue" else _with_texts(item)
            for name, item in value.items()
        }
    return [_with_texts(item) for item in value] if isinstance(value, list) else value
