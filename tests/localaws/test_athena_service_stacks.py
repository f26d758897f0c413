"""Athena's CloudFormation types."""

from __future__ import annotations

import json
from typing import Any

import pytest

from athena_queries import Athena
from localaws.server import LocalAws


@pytest.fixture
def athena(local_aws: LocalAws) -> Athena:
    return Athena(local_aws)


def template(query: str = "SELECT 1", cutoff: Any = "20000000", **group: Any) -> str:
    """A workgroup with a query; numbers come from parameters as text."""
    return json.dumps(
        {
            "Parameters": {"Cutoff": {"Type": "Number", "Default": cutoff}},
            "Resources": {
                "Group": {
                    "Type": "AWS::Athena::WorkGroup",
                    "Properties": {
                        "Name": "team",
                        "RecursiveDeleteOption": True,
                        "WorkGroupConfiguration": {
                            "EnforceWorkGroupConfiguration": "true",
                            "BytesScannedCutoffPerQuery": {"Ref": "Cutoff"},
                            "ResultConfiguration": {"OutputLocation": "s3://lake/team/"},
                        },
                        **group,
                    },
                },
                "Query": {
                    "Type": "AWS::Athena::NamedQuery",
                    "Properties": {
                        "Name": "one",
                        "Database": "sales",
                        "WorkGroup": {"Ref": "Group"},
                        "QueryString": query,
                    },
                },
            },
            "Outputs": {
                "Group": {"Value": {"Ref": "Group"}},
                "Query": {"Value": {"Ref": "Query"}},
                "Engine": {
                    "Value": {
                        "Fn::GetAtt": [
                            "Group",
                            "WorkGroupConfiguration.EngineVersion.EffectiveEngineVersion",
                        ]
                    }
                },
                "Created": {"Value": {"Fn::GetAtt": ["Group", "CreationTime"]}},
            },
        }
    )


def outputs(athena: Athena, waiter: str) -> dict[str, str]:
    """The stack's outputs, once it is there."""
    client = athena.local_aws.aws.client("cloudformation")
    client.get_waiter(waiter).wait(StackName="s", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200})
    stack = client.describe_stacks(StackName="s")["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}


@pytest.mark.behaviour(
    "athena",
    "AWS::Athena::WorkGroup: Ref is the name, the configuration is updated in place, and "
    "RecursiveDeleteOption takes its queries along. AWS::Athena::NamedQuery: Ref is the id, every "
    "change makes a new one.",
)
def test_a_stack_makes_changes_and_deletes_workgroup_and_query(athena: Athena) -> None:
    stacks = athena.local_aws.aws.client("cloudformation")
    stacks.create_stack(StackName="s", TemplateBody=template())
    created = outputs(athena, "stack_create_complete")

    assert created["Group"] == "team"
    assert created["Engine"] == "Athena engine version 3"
    assert created["Created"]
    group = athena.client.get_work_group(WorkGroup="team")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 20_000_000
    assert group["Configuration"]["EnforceWorkGroupConfiguration"] is True
    query = athena.client.get_named_query(NamedQueryId=created["Query"])["NamedQuery"]
    assert (query["QueryString"], query["WorkGroup"]) == ("SELECT 1", "team")

    stacks.update_stack(
        StackName="s", TemplateBody=template("SELECT 2", "30000000", Description="new")
    )
    changed = outputs(athena, "stack_update_complete")

    group = athena.client.get_work_group(WorkGroup="team")["WorkGroup"]
    assert group["Configuration"]["BytesScannedCutoffPerQuery"] == 30_000_000
    assert group["Description"] == "new"
    assert changed["Query"] != created["Query"]
    assert athena.client.list_named_queries(WorkGroup="team")["NamedQueryIds"] == [changed["Query"]]

    athena.run("SELECT 1", WorkGroup="team")
    stacks.delete_stack(StackName="s")
    stacks.get_waiter("stack_delete_complete").wait(
        StackName="s", WaiterConfig={"Delay": 0.05, "MaxAttempts": 200}
    )
    names = [group["Name"] for group in athena.client.list_work_groups()["WorkGroups"]]
    assert names == ["primary"]


def test_a_fault_in_a_template_is_shown_in_the_stack_events(athena: Athena) -> None:
    stacks = athena.local_aws.aws.client("cloudformation")
    stacks.create_stack(StackName="s", TemplateBody=template(cutoff="1"), OnFailure="DO_NOTHING")
    with pytest.raises(Exception, match=r"CREATE_FAILED|ROLLBACK"):
        outputs(athena, "stack_create_complete")
    events = stacks.describe_stack_events(StackName="s")["StackEvents"]
    reasons = " ".join(event.get("ResourceStatusReason", "") for event in events)
    assert "BytesScannedCutoffPerQuery" in reasons
