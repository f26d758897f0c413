"""AWS::Glue::Crawler and AWS::Glue::Classifier.

https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/AWS_Glue.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from localaws import wire
from localaws.errors import AwsError, Unsupported
from localaws.glue.classifiers import Classifiers
from localaws.service import Params, ResourceType

if TYPE_CHECKING:
    from localaws.glue.service import Glue


class CrawlerType(ResourceType):
    """A crawler in a template."""

    type_name: ClassVar[str] = "AWS::Glue::Crawler"
    create_only: ClassVar[frozenset[str]] = frozenset({"Name"})

    def __init__(self, glue: Glue) -> None:
        self._glue = glue

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the crawler; its physical id is its name."""
        params = _crawler({"Name": default_name, **properties})
        self._glue.create(params)
        return params["Name"], {}

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the crawler, unless it runs (CrawlerRunningException)."""
        del old
        self._glue.replace(_crawler({**new, "Name": physical_id}))
        return {}

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the crawler, unless it runs (CrawlerRunningException)."""
        del properties
        try:
            self._glue.delete(physical_id)
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise


class ClassifierType(ResourceType):
    """A classifier in a template."""

    type_name: ClassVar[str] = "AWS::Glue::Classifier"

    def __init__(self, classifiers: Classifiers) -> None:
        self._classifiers = classifiers

    def create(self, properties: Params, default_name: str) -> tuple[str, Params]:
        """Create the classifier; its physical id is its name."""
        named = {kind: {"Name": default_name, **each} for kind, each in properties.items()}
        params = _checked("CreateClassifier", named)
        self._classifiers.create(params)
        return params["JsonClassifier"]["Name"], {}

    def update(self, physical_id: str, old: Params, new: Params) -> Params:
        """Change the classifier's path."""
        del old
        for kind, each in new.items():
            if each.get("Name", physical_id) != physical_id:
                raise Unsupported(f"another name for the {kind} {physical_id} in a stack update")
        named = {kind: {**each, "Name": physical_id} for kind, each in new.items()}
        self._classifiers.update(_checked("UpdateClassifier", named))
        return {}

    def delete(self, physical_id: str, properties: Params) -> None:
        """Delete the classifier."""
        del properties
        try:
            self._classifiers.delete({"Name": physical_id})
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise


def _crawler(properties: Params) -> Params:
    """A template's properties as CreateCrawler has them: there the schedule is a text."""
    params = dict(properties)
    if "Schedule" in params:
        params["Schedule"] = (params["Schedule"] or {}).get("ScheduleExpression")
    if isinstance(params.get("Tags"), list):
        params["Tags"] = {tag["Key"]: tag["Value"] for tag in params["Tags"]}
    return _checked("CreateCrawler", params)


def _checked(operation: str, properties: Params) -> Params:
    shape: Any = wire.service_model("glue").operation_model(operation).input_shape
    params: Params = wire.coerce(shape, properties)
    wire.validate(shape, params)
    return params
