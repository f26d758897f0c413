"""A teardown takes everything, or says what it left and why."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from localaws.server import LocalAws
from salesflow.deployment import parameters_for, read_templates, stack_outputs, upload_artefacts
from salesflow.packaging import LambdaPackage
from salesflow.patience import Patience
from salesflow.stacks import deploy_stack
from salesflow.teardown import LeftBehind, Protected, empty_bucket, left_behind, teardown

PREFIX = "salesflow-dev"
QUICK = Patience(timeout=10, interval=0.02)
TEMPLATE = read_templates(Path(__file__).parents[2] / "infra" / "cloudformation")["storage"]


def deploy_storage(local_aws: LocalAws, **overrides: str) -> dict[str, str]:
    client = local_aws.aws.client("cloudformation")
    parameters = parameters_for(TEMPLATE, {}, overrides)
    deploy_stack(client, f"{PREFIX}-storage", TEMPLATE, parameters, patience=QUICK)
    return stack_outputs(client, PREFIX, ["storage"])


@pytest.fixture
def outputs(local_aws: LocalAws) -> dict[str, str]:
    return deploy_storage(local_aws)


@pytest.fixture
def s3(local_aws: LocalAws) -> Any:
    return local_aws.aws.client("s3")


def test_full_buckets_and_tables_are_taken_down(
    local_aws: LocalAws, outputs: dict[str, str], s3: Any
) -> None:
    s3.put_object(Bucket=outputs["LakeBucketName"], Key="bronze/a", Body=b"a")
    for body in (b"first version", b"second version"):
        s3.put_object(Bucket=outputs["ArtefactBucketName"], Key="lambdas/a.zip", Body=body)
    s3.delete_object(Bucket=outputs["ArtefactBucketName"], Key="lambdas/a.zip")
    local_aws.aws.client("dynamodb").put_item(
        TableName=outputs["OrdersTableName"], Item={"orderid": {"S": "1"}}
    )
    done = teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert done.stacks == (f"{PREFIX}-storage",)
    assert done.objects == 4  # one, two versions and a delete marker
    assert left_behind(local_aws.aws.client, PREFIX) == []


def test_a_teardown_can_be_repeated(local_aws: LocalAws, outputs: dict[str, str]) -> None:
    teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert teardown(local_aws.aws.client, PREFIX, patience=QUICK).stacks == ()


def test_another_stage_stays(local_aws: LocalAws, outputs: dict[str, str], s3: Any) -> None:
    s3.create_bucket(Bucket="salesflow-dev2-storage-lakebucket-1")
    teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert [b["Name"] for b in s3.list_buckets()["Buckets"]] == [
        "salesflow-dev2-storage-lakebucket-1"
    ]


def test_a_protected_table_keeps_everything_as_it_is(local_aws: LocalAws, s3: Any) -> None:
    outputs = deploy_storage(local_aws, ProtectOrders="true")
    s3.put_object(Bucket=outputs["LakeBucketName"], Key="bronze/a", Body=b"a")
    with pytest.raises(Protected, match="ProtectOrders=false"):
        teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert s3.get_object(Bucket=outputs["LakeBucketName"], Key="bronze/a")["Body"].read() == b"a"
    deploy_storage(local_aws, ProtectOrders="false")
    assert teardown(local_aws.aws.client, PREFIX, patience=QUICK).objects == 1


def test_what_no_stack_knows_of_is_named(
    local_aws: LocalAws, outputs: dict[str, str], s3: Any
) -> None:
    s3.create_bucket(Bucket="salesflow-dev-storage-lakebucket-replaced")
    glue = local_aws.aws.client("glue")
    glue.create_database(DatabaseInput={"Name": "salesflow_dev"})
    glue.create_table(DatabaseName="salesflow_dev", TableInput={"Name": "orders_changelog"})
    once = Patience(timeout=5, interval=0.05)
    with pytest.raises(LeftBehind) as failure:
        teardown(local_aws.aws.client, PREFIX, patience=once)
    assert sorted(failure.value.names) == [
        "bucket: salesflow-dev-storage-lakebucket-replaced",
        "database: salesflow_dev",
        "table: salesflow_dev.orders_changelog",
    ]


def test_a_log_group_that_a_late_function_makes_anew_is_deleted_again(
    local_aws: LocalAws, outputs: dict[str, str]
) -> None:
    logs = local_aws.aws.client("logs")
    logs.create_log_group(logGroupName=f"/aws/lambda/{PREFIX}-streaming-TransformFunction-1")
    teardown(local_aws.aws.client, PREFIX, patience=QUICK)
    assert left_behind(local_aws.aws.client, PREFIX) == []


def test_a_bucket_of_more_than_one_page_is_emptied(s3: Any) -> None:
    s3.create_bucket(Bucket="large")
    s3.put_bucket_versioning(Bucket="large", VersioningConfiguration={"Status": "Enabled"})
    for number in range(1005):
        s3.put_object(Bucket="large", Key=f"{number:05}", Body=b"")
    assert empty_bucket(s3, "large") == 1005
    s3.delete_bucket(Bucket="large")


def test_a_bucket_that_is_gone_is_empty(s3: Any) -> None:
    assert empty_bucket(s3, "never-there") == 0


def test_packages_are_uploaded_once(outputs: dict[str, str], s3: Any, tmp_path: Path) -> None:
    package = LambdaPackage("transform_orders", tmp_path / "t.zip", "ab" * 32, 3)
    package.path.write_bytes(b"zip")
    bucket = outputs["ArtefactBucketName"]
    for _ in range(2):
        keys = upload_artefacts(s3, bucket, [package])
        assert keys == {"TransformCodeKey": f"lambdas/transform_orders/{'ab' * 32}.zip"}
    (version,) = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert version["Size"] == 3
