"""All four stacks, as they are, on the local AWS."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from localaws.server import LocalAws
from salesflow.deployment import (
    STACKS,
    ParameterError,
    deploy_all,
    read_templates,
    stack_name,
    stack_outputs,
)
from salesflow.packaging import LambdaPackage, build_package
from salesflow.patience import Patience
from salesflow.stack_state import find_stack
from salesflow.stacks import DeployResult
from salesflow.teardown import left_behind, teardown

ROOT = Path(__file__).parents[2]
PREFIX = "salesflow-dev"
QUICK = Patience(timeout=30, interval=0.02)
TEMPLATES = read_templates(ROOT / "infra" / "cloudformation")


@pytest.fixture(scope="module")
def packages(tmp_path_factory: pytest.TempPathFactory) -> list[LambdaPackage]:
    target = tmp_path_factory.mktemp("packages")
    return [
        build_package(handler.parent, target) for handler in (ROOT / "lambdas").glob("*/handler.py")
    ]


def deploy(
    local_aws: LocalAws,
    packages: list[LambdaPackage],
    overrides: Mapping[str, str] | None = None,
    *,
    preview: bool = False,
) -> list[DeployResult]:
    return deploy_all(
        local_aws.aws.client,
        "dev",
        TEMPLATES,
        packages,
        overrides,
        preview=preview,
        patience=QUICK,
    )


def test_four_stacks_are_created_in_order_and_then_unchanged(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    created = deploy(local_aws, packages)
    assert [(r.stack_name, r.outcome) for r in created] == [
        (stack_name(PREFIX, stack), "created") for stack in STACKS
    ]
    outputs = stack_outputs(local_aws.aws.client("cloudformation"), PREFIX)
    again = deploy(local_aws, packages)
    assert [r.outcome for r in again] == ["unchanged"] * 4
    assert stack_outputs(local_aws.aws.client("cloudformation"), PREFIX) == outputs


def test_names_that_people_type_derive_from_the_stage(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    deploy(local_aws, packages)
    outputs = stack_outputs(local_aws.aws.client("cloudformation"), PREFIX)
    assert outputs["DatabaseName"] == "salesflow_dev"
    assert outputs["WorkGroupName"] == "salesflow-dev"
    assert outputs["CrawlerName"] == "salesflow-dev-orders-changelog"
    assert outputs["ResultsUri"] == f"s3://{outputs['LakeBucketName']}/athena-results/"


def test_an_override_reaches_the_services(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    deploy(local_aws, packages)
    results = deploy(local_aws, packages, {"BufferIntervalSeconds": "3", "PipeBatchSize": "50"})
    assert [r.outcome for r in results] == ["unchanged", "updated", "unchanged", "unchanged"]
    outputs = stack_outputs(local_aws.aws.client("cloudformation"), PREFIX)
    pipe = local_aws.aws.client("pipes").describe_pipe(Name=outputs["PipeName"])
    assert pipe["SourceParameters"]["DynamoDBStreamParameters"]["BatchSize"] == 50
    stream = local_aws.aws.client("firehose").describe_delivery_stream(
        DeliveryStreamName=outputs["DeliveryStreamName"]
    )["DeliveryStreamDescription"]
    (destination,) = stream["Destinations"]
    hints = destination["ExtendedS3DestinationDescription"]["BufferingHints"]
    assert hints == {"IntervalInSeconds": 3, "SizeInMBs": 64}


def test_an_unknown_override_is_refused_before_anything_is_made(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    with pytest.raises(ParameterError, match="BufferSeconds"):
        deploy(local_aws, packages, {"BufferSeconds": "3"})
    assert find_stack(local_aws.aws.client("cloudformation"), f"{PREFIX}-storage") is None


def test_a_preview_of_nothing_shows_the_first_stack_and_makes_none(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    (storage,) = deploy(local_aws, packages, preview=True)
    assert "Add OrdersTable (AWS::DynamoDB::Table)" in map(str, storage.changes)
    assert left_behind(local_aws.aws.client, PREFIX) == []


def test_a_preview_of_a_deployment_shows_what_would_change(
    local_aws: LocalAws, packages: list[LambdaPackage]
) -> None:
    deploy(local_aws, packages)
    previews = deploy(local_aws, packages, {"FreshnessSeconds": "900"}, preview=True)
    changed = {r.stack_name: [c.logical_id for c in r.changes] for r in previews if r.changes}
    assert changed == {f"{PREFIX}-monitoring": ["DeliveryFreshness"]}


def test_a_teardown_leaves_nothing(local_aws: LocalAws, packages: list[LambdaPackage]) -> None:
    deploy(local_aws, packages)
    done = teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert done.stacks == tuple(stack_name(PREFIX, stack) for stack in reversed(STACKS))
    assert left_behind(local_aws.aws.client, PREFIX) == []
