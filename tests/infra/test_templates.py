"""The rules that all templates keep."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from salesflow.deployment import (
    STACKS,
    parameters_for,
    read_templates,
    template_parameters,
)
from salesflow.stacks import MAX_TEMPLATE_BYTES

OUTPUTS = {
    "storage": [
        "OrdersTableName",
        "OrdersTableArn",
        "OrdersStreamArn",
        "LakeBucketName",
        "LakeBucketArn",
        "ArtefactBucketName",
        "ArtefactBucketArn",
    ],
    "streaming": [
        "CdcStreamName",
        "CdcStreamArn",
        "PipeName",
        "DeadLetterQueueUrl",
        "DeadLetterQueueArn",
        "DeadLetterQueueName",
        "DeliveryStreamName",
        "TransformFunctionName",
        "GenerateFunctionName",
        "LiveTotalsName",
        "LiveFailureQueueUrl",
        "LiveFailureQueueName",
        "AggregateFunctionName",
    ],
    "analytics": [
        "DatabaseName",
        "ChangelogTableName",
        "CrawlerName",
        "WorkGroupName",
        "QuestionsWorkGroupName",
        "ResultsUri",
    ],
    "monitoring": ["AlarmTopicArn"],
}
STATEFUL = {
    "AWS::DynamoDB::Table",
    "AWS::S3::Bucket",
    "AWS::Kinesis::Stream",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::SQS::Queue",
    "AWS::Logs::LogGroup",
    "AWS::Logs::LogStream",
    "AWS::Glue::Database",
    "AWS::Athena::WorkGroup",
}
NAMED = {
    # property that names → why it may
    ("AWS::Glue::Database", "Name"): "typed into queries",
    ("AWS::Glue::Classifier", "Name"): "found in the console",
    ("AWS::Glue::Crawler", "Name"): "found in the console",
    ("AWS::Athena::WorkGroup", "Name"): "AWS requires it",
    ("AWS::Athena::NamedQuery", "Name"): "found in the console",
    ("AWS::Logs::LogStream", "LogStreamName"): "Firehose's own name for it",
}


def test_cfn_lint_finds_nothing(templates_directory: Path) -> None:
    lint = subprocess.run(
        [Path(sys.prefix, "bin", "cfn-lint"), *sorted(templates_directory.glob("*.yaml"))],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (lint.returncode, lint.stdout, lint.stderr) == (0, "", "")


@pytest.mark.parametrize("stack", STACKS)
def test_outputs_are_what_others_rely_on(templates: Any, stack: str) -> None:
    outputs = templates[stack].get("Outputs", {})
    assert list(outputs) == OUTPUTS[stack]
    assert [key for key, output in outputs.items() if not output.get("Description")] == []


def test_stacks_hand_over_by_parameters_not_by_exports(templates: Any) -> None:
    text = json.dumps(templates)
    assert '"Export"' not in text
    assert "Fn::ImportValue" not in text


@pytest.mark.parametrize("stack", STACKS)
def test_parameters_are_described_and_constrained(templates: Any, stack: str) -> None:
    for name, parameter in templates[stack]["Parameters"].items():
        assert len(parameter["Description"]) > 10, name
        assert {"AllowedValues", "AllowedPattern", "MinValue"} & set(parameter), name


def test_the_stage_is_the_same_parameter_everywhere(templates: Any) -> None:
    stages = [template["Parameters"]["Stage"] for template in templates.values()]
    assert stages == [stages[0]] * len(STACKS)


@pytest.mark.parametrize("stage", ["dev", "x", "prod-eu-1", "a1"])
def test_stages_that_all_names_can_carry(templates: Any, stage: str) -> None:
    assert re.fullmatch(templates["storage"]["Parameters"]["Stage"]["AllowedPattern"], stage)


@pytest.mark.parametrize("stage", ["", "Dev", "1st", "dev-", "-dev", "dev_1", "a b"])
def test_stages_that_some_name_could_not_carry(templates: Any, stage: str) -> None:
    assert not re.fullmatch(templates["storage"]["Parameters"]["Stage"]["AllowedPattern"], stage)


def test_every_parameter_gets_a_value_from_an_earlier_stack_or_has_a_default(
    templates_directory: Path,
) -> None:
    outputs: dict[str, str] = {}
    functions = ("Transform", "Generate", "Aggregate")
    code_keys = {f"{function}CodeKey": "some key" for function in functions}
    for stack, body in read_templates(templates_directory).items():
        given = parameters_for(body, outputs | code_keys, {"Stage": "dev"})
        handed_over = set(given) - set(code_keys) - {"Stage"}
        assert all(template_parameters(body)[name] is None for name in handed_over)
        outputs |= dict.fromkeys(OUTPUTS[stack], f"of {stack}")


def test_templates_fit_into_a_request(templates_directory: Path) -> None:
    for stack, body in read_templates(templates_directory).items():
        assert len(body.encode()) < MAX_TEMPLATE_BYTES, stack


def test_what_holds_state_says_what_becomes_of_it(templates: Any) -> None:
    for resource in templates.resources(*STATEFUL):
        assert {"DeletionPolicy", "UpdateReplacePolicy"} <= set(resource.definition), resource


def test_an_update_never_takes_orders_or_files_away(templates: Any) -> None:
    kept = [
        resource.logical_id
        for resource in templates.resources()
        if resource.definition.get("UpdateReplacePolicy") == "Retain"
    ]
    assert kept == ["OrdersTable", "LakeBucket", "ArtefactBucket"]


def test_a_deleted_stack_leaves_nothing_behind(templates: Any) -> None:
    policies = {r.definition.get("DeletionPolicy", "Delete") for r in templates.resources()}
    assert policies == {"Delete"}


def test_only_what_must_be_named_is_named(templates: Any) -> None:
    names = ("Name", "BucketName", "TableName", "QueueName", "TopicName", "FunctionName")
    names += ("RoleName", "LogGroupName", "LogStreamName", "DeliveryStreamName", "AlarmName")
    for resource in templates.resources():
        for properties in (resource.properties, *resource.properties.values()):
            if isinstance(properties, dict):
                for name in set(names) & set(properties):
                    if "Ref" not in properties[name]:
                        assert (resource.type, name) in NAMED, resource


def test_named_resources_carry_the_stage(templates: Any) -> None:
    for logical_id in ("ChangelogCrawler", "SalesWorkGroup", "QuestionsWorkGroup"):
        assert "${Stage}" in templates.resource(logical_id).properties["Name"]["Fn::Sub"]
