"""Crawlers and classifiers in CloudFormation."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import WaiterError

from crawled_lake import BUCKET, CONFIGURATION, DATABASE, NOW, ROLE, Lake
from localaws.server import LocalAws

STACK = "analytics"


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    lake = Lake(local_aws)
    lake.put("bronze/orders/dt=1/a.json", {"orderid": "1"})
    return lake


def template(**crawler: Any) -> dict[str, Any]:
    return {
        "Parameters": {"CrawlSchedule": {"Type": "String", "Default": "cron(0 3 * * ? *)"}},
        "Resources": {
            "Rows": {
                "Type": "AWS::Glue::Classifier",
                "Properties": {"JsonClassifier": {"Name": "rows", "JsonPath": "$"}},
            },
            "Crawler": {
                "Type": "AWS::Glue::Crawler",
                "Properties": {
                    "Name": "of-the-stack",
                    "Role": f"arn:aws:iam::000000000000:role/{ROLE}",
                    "DatabaseName": DATABASE,
                    "Classifiers": [{"Ref": "Rows"}],
                    "Targets": {"S3Targets": [{"Path": f"s3://{BUCKET}/bronze/orders/"}]},
                    "Schedule": {"ScheduleExpression": {"Ref": "CrawlSchedule"}},
                    "Configuration": json.dumps(CONFIGURATION),
                    **crawler,
                },
            },
        },
        "Outputs": {
            "CrawlerName": {"Value": {"Ref": "Crawler"}},
            "ClassifierName": {"Value": {"Ref": "Rows"}},
        },
    }


class Stack:
    """The stack of a template, on its way."""

    def __init__(self, lake: Lake) -> None:
        self.lake = lake
        self.client = lake.local_aws.aws.client("cloudformation")

    def wait(self, event: str) -> None:
        quick = {"Delay": 0.05, "MaxAttempts": 200}
        self.client.get_waiter(event).wait(StackName=STACK, WaiterConfig=quick)

    def create(self, body: dict[str, Any], **more: Any) -> None:
        self.client.create_stack(StackName=STACK, TemplateBody=json.dumps(body), **more)
        self.wait("stack_create_complete")

    def update(self, body: dict[str, Any]) -> None:
        self.client.update_stack(StackName=STACK, TemplateBody=json.dumps(body))

    def outputs(self) -> dict[str, str]:
        stack = self.client.describe_stacks(StackName=STACK)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    def reasons(self) -> str:
        events = self.client.describe_stack_events(StackName=STACK)["StackEvents"]
        return " ".join(event.get("ResourceStatusReason", "") for event in events)

    def crawler(self) -> dict[str, Any]:
        found: dict[str, Any] = self.lake.glue.get_crawler(Name="of-the-stack")["Crawler"]
        return found


@pytest.fixture
def stack(lake: Lake) -> Stack:
    return Stack(lake)


@pytest.mark.behaviour(
    "glue", "AWS::Glue::Crawler and AWS::Glue::Classifier are known by their names."
)
def test_a_stack_with_a_crawler(stack: Stack) -> None:
    stack.create(template(Tags={"stage": "test"}))
    assert stack.outputs() == {"CrawlerName": "of-the-stack", "ClassifierName": "rows"}
    crawler = stack.crawler()
    assert crawler["Role"] == ROLE
    assert crawler["Classifiers"] == ["rows"]
    assert crawler["Schedule"]["ScheduleExpression"] == "cron(0 3 * * ? *)"
    stack.lake.crawled("of-the-stack")
    assert stack.lake.tables() == {"orders"}
    assert stack.lake.glue.list_crawlers(Tags={"stage": "test"})["CrawlerNames"] == ["of-the-stack"]


def test_names_that_cloudformation_gives(stack: Stack) -> None:
    body = template()
    del body["Resources"]["Crawler"]["Properties"]["Name"]
    del body["Resources"]["Rows"]["Properties"]["JsonClassifier"]["Name"]
    stack.create(body)
    names = stack.outputs()
    assert names["CrawlerName"].startswith(f"{STACK}-Crawler-")
    assert names["ClassifierName"].startswith(f"{STACK}-Rows-")


@pytest.mark.behaviour("glue", "A stack update gives the crawler its new definition.")
def test_an_update_replaces_the_definition(stack: Stack) -> None:
    stack.create(template(Description="first", TablePrefix="raw_"))
    body = template(Description="second", SchemaChangePolicy={"DeleteBehavior": "LOG"})
    body["Resources"]["Rows"]["Properties"]["JsonClassifier"]["JsonPath"] = "$[*]"
    del body["Resources"]["Crawler"]["Properties"]["Schedule"]
    stack.update(body)
    stack.wait("stack_update_complete")
    crawler = stack.crawler()
    assert crawler["Description"] == "second"
    assert crawler["SchemaChangePolicy"]["DeleteBehavior"] == "LOG"
    assert not {"TablePrefix", "Schedule"} & crawler.keys()
    rows = stack.lake.glue.get_classifier(Name="rows")["Classifier"]["JsonClassifier"]
    assert rows["JsonPath"] == "$[*]"


@pytest.mark.behaviour(
    "glue", "Updating a running crawler fails, and the stack event says CrawlerRunningException."
)
def test_an_update_while_the_crawler_runs_fails(stack: Stack) -> None:
    stack.create(template(Description="first"))
    stack.lake.glue.start_crawler(Name="of-the-stack")
    stack.update(template(Description="second"))
    stack.wait("stack_rollback_complete")
    assert "CrawlerRunningException" in stack.reasons()
    assert stack.crawler()["Description"] == "first"

    stack.lake.local_aws.step(NOW)
    stack.update(template(Description="second"))
    stack.wait("stack_update_complete")
    assert stack.crawler()["Description"] == "second"


def test_what_is_refused_is_named_in_the_stack_events(stack: Stack) -> None:
    body = template(Targets={"DynamoDBTargets": [{"Path": "orders"}]})
    with pytest.raises(WaiterError):
        stack.create(body, OnFailure="ROLLBACK")
    assert "the local AWS does not support DynamoDBTargets" in stack.reasons()
    assert stack.lake.glue.list_crawlers()["CrawlerNames"] == []


def test_a_deleted_stack_leaves_neither_crawler_nor_classifier(stack: Stack) -> None:
    stack.create(template())
    stack.lake.glue.delete_classifier(Name="rows")
    stack.client.delete_stack(StackName=STACK)
    stack.wait("stack_delete_complete")
    assert stack.lake.glue.list_crawlers()["CrawlerNames"] == []
