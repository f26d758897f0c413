"""What a CloudFormation change set would change, in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from salesflow.patience import Patience

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_cloudformation.type_defs import ChangeTypeDef, DescribeChangeSetOutputTypeDef


@dataclass(frozen=True)
class Change:
    """One resource of a change set.

    Attributes:
        action: Add, Modify, Remove, Import or Dynamic.
        replacement: True, False or Conditional for a Modify, else empty.
        properties: the properties that change.
    """

    action: str
    logical_id: str
    resource_type: str
    replacement: str = ""
    properties: tuple[str, ...] = ()

    def __str__(self) -> str:
        line = f"{self.action} {self.logical_id} ({self.resource_type})"
        if self.properties:
            line += f": {', '.join(self.properties)}"
        if self.replacement == "True":
            line += " [REPLACED]"
        elif self.replacement == "Conditional":
            line += " [perhaps replaced]"
        return line


def finished_change_set(
    client: CloudFormationClient, change_set_id: str, patience: Patience
) -> DescribeChangeSetOutputTypeDef:
    """Wait until a change set is made, or has failed.

    Raises:
        TimeoutError: names the change set.
    """

    def look() -> DescribeChangeSetOutputTypeDef | None:
        change_set = client.describe_change_set(ChangeSetName=change_set_id)
        return change_set if change_set["Status"] in ("CREATE_COMPLETE", "FAILED") else None

    return patience.wait(f"change set {change_set_id}", look)


def changes_in(client: CloudFormationClient, change_set_id: str) -> tuple[Change, ...]:
    """All changes of a change set, in CloudFormation's order."""
    pages = client.get_paginator("describe_change_set").paginate(ChangeSetName=change_set_id)
    return tuple(_change(change) for page in pages for change in page["Changes"])


def _change(change: ChangeTypeDef) -> Change:
    resource = change.get("ResourceChange", {})
    # Attribute says what kind of thing changes (Properties, Tags, Metadata…), Name which property.
    targets = (detail.get("Target", {}) for detail in resource.get("Details", []))
    names = {str(target.get("Name") or target.get("Attribute", "")) for target in targets}
    return Change(
        action=resource.get("Action", ""),
        logical_id=resource.get("LogicalResourceId", ""),
        resource_type=resource.get("ResourceType", ""),
        replacement=resource.get("Replacement", ""),
        properties=tuple(sorted(names - {""})),
    )
