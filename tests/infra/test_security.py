"""What no tool checks: who may do what with which resource, and what is encrypted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

ACCOUNT = {"Ref": "AWS::AccountId"}
TRUSTED = {
    # service → condition that keeps it from acting for another account
    "firehose.amazonaws.com": {"StringEquals": {"sts:ExternalId": ACCOUNT}},
    "glue.amazonaws.com": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
    "pipes.amazonaws.com": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {
            "aws:SourceArn": {
                "Fn::Sub": "arn:${AWS::Partition}:pipes:${AWS::Region}:${AWS::AccountId}:pipe/*"
            }
        },
    },
    # Lambda sends no source when it assumes a role, and a role can't be passed across accounts.
    "lambda.amazonaws.com": None,
}
NO_RESOURCE_LEVEL = {"dynamodb:ListStreams"}


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def statements(resource: Any) -> Iterator[dict[str, Any]]:
    for policy in resource.properties["Policies"]:
        yield from policy["PolicyDocument"]["Statement"]


def test_every_role_trusts_one_service_which_acts_for_this_account_only(templates: Any) -> None:
    for role in templates.resources("AWS::IAM::Role"):
        (trust,) = role.properties["AssumeRolePolicyDocument"]["Statement"]
        assert trust["Action"] == "sts:AssumeRole", role
        assert trust.get("Condition") == TRUSTED[trust["Principal"]["Service"]], role


def test_no_role_may_do_anything_by_wildcard(templates: Any) -> None:
    for role in templates.resources("AWS::IAM::Role"):
        for statement in statements(role):
            assert statement["Effect"] == "Allow", role
            assert not [action for action in listed(statement["Action"]) if "*" in action], role


def test_no_role_may_do_something_to_everything_unless_the_action_knows_no_resource(
    templates: Any,
) -> None:
    for role in templates.resources("AWS::IAM::Role"):
        for statement in statements(role):
            if "*" in listed(statement["Resource"]):
                assert set(listed(statement["Action"])) <= NO_RESOURCE_LEVEL, role


def test_roles_carry_no_policies_of_others(templates: Any) -> None:
    for role in templates.resources("AWS::IAM::Role"):
        assert "ManagedPolicyArns" not in role.properties, role


def test_no_role_is_shared_between_functions(templates: Any) -> None:
    roles = [
        function.properties["Role"]["Fn::GetAtt"]
        for function in templates.resources("AWS::Lambda::Function")
    ]
    assert len(roles) == 3
    assert len({str(role) for role in roles}) == len(roles)


def test_the_delivery_stream_writes_nothing_but_rows_and_errors(templates: Any) -> None:
    (write,) = (
        statement
        for statement in statements(templates.resource("DeliveryRole"))
        if "s3:PutObject" in statement["Action"]
    )
    assert write["Resource"] == [
        {"Fn::Sub": "${LakeBucketArn}/bronze/orders_changelog/*"},
        {"Fn::Sub": "${LakeBucketArn}/errors/orders_changelog/*"},
    ]


def test_buckets_are_closed_and_encrypted_and_drop_unfinished_uploads(templates: Any) -> None:
    buckets = list(templates.resources("AWS::S3::Bucket"))
    assert [bucket.logical_id for bucket in buckets] == ["LakeBucket", "ArtefactBucket"]
    for bucket in buckets:
        assert set(bucket.properties["PublicAccessBlockConfiguration"].values()) == {True}
        assert len(bucket.properties["PublicAccessBlockConfiguration"]) == 4
        assert bucket.properties["OwnershipControls"] == {
            "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]
        }
        assert bucket.properties["BucketEncryption"]
        rules = bucket.properties["LifecycleConfiguration"]["Rules"]
        assert [rule for rule in rules if "AbortIncompleteMultipartUpload" in rule], bucket


def test_no_lifecycle_rule_expires_what_happened(templates: Any) -> None:
    rules = templates.resource("LakeBucket").properties["LifecycleConfiguration"]["Rules"]
    assert [rule["Prefix"] for rule in rules if "ExpirationInDays" in rule] == ["athena-results/"]


def test_only_bronze_is_archived_and_in_the_class_that_can_be_queried_as_before(
    templates: Any,
) -> None:
    rules = templates.resource("LakeBucket").properties["LifecycleConfiguration"]["Rules"]
    archived = {rule["Prefix"]: rule["Transitions"] for rule in rules if "Transitions" in rule}
    days = {"Ref": "BronzeArchiveDays"}
    # Of the other archive classes, Athena skips the objects, or needs them to be restored first.
    assert archived == {"bronze/": [{"StorageClass": "GLACIER_IR", "TransitionInDays": days}]}


@pytest.mark.parametrize(
    ("policy", "holder", "target"),
    [
        ("LakeBucketPolicy", "LakeBucket", "Bucket"),
        ("ArtefactBucketPolicy", "ArtefactBucket", "Bucket"),
        ("DeadLetterQueuePolicy", "DeadLetterQueue", "Queues"),
        ("LiveFailureQueuePolicy", "LiveFailureQueue", "Queues"),
    ],
)
def test_buckets_and_queues_refuse_plain_http(
    templates: Any, policy: str, holder: str, target: str
) -> None:
    properties = templates.resource(policy).properties
    (statement,) = properties["PolicyDocument"]["Statement"]
    assert listed(properties[target]) == [{"Ref": holder}]
    assert (statement["Effect"], statement["Principal"]) == ("Deny", "*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}
    assert {"Fn::GetAtt": [holder, "Arn"]} in listed(statement["Resource"])


def test_every_bucket_and_queue_has_a_policy(templates: Any) -> None:
    holders = list(templates.resources("AWS::S3::Bucket", "AWS::SQS::Queue"))
    policies = list(templates.resources("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy"))
    assert len(holders) == len(policies)


def test_orders_are_encrypted_and_recoverable(templates: Any) -> None:
    table = templates.resource("OrdersTable").properties
    assert table["SSESpecification"] == {"SSEEnabled": True}
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}


def test_changes_are_encrypted_in_transit_and_when_given_up(templates: Any) -> None:
    stream = templates.resource("CdcStream").properties
    assert stream["StreamEncryption"] == {"EncryptionType": "KMS", "KeyId": "alias/aws/kinesis"}
    for queue in ("DeadLetterQueue", "LiveFailureQueue"):
        assert templates.resource(queue).properties["SqsManagedSseEnabled"] is True


def test_live_totals_are_encrypted_and_only_their_function_writes_them(templates: Any) -> None:
    assert templates.resource("LiveTotals").properties["SSESpecification"] == {"SSEEnabled": True}
    arn = {"Fn::GetAtt": ["LiveTotals", "Arn"]}
    writers = [
        (role.logical_id, statement["Action"])
        for role in templates.resources("AWS::IAM::Role")
        for statement in statements(role)
        if arn in listed(statement["Resource"])
    ]
    assert writers == [
        ("AggregateRole", ["dynamodb:BatchGetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"])
    ]


@pytest.mark.parametrize("logical_id", ["SalesWorkGroup", "QuestionsWorkGroup"])
def test_query_results_are_encrypted_expire_and_stay_in_the_account(
    templates: Any, logical_id: str
) -> None:
    group = templates.resource(logical_id).properties["WorkGroupConfiguration"]
    assert group["EnforceWorkGroupConfiguration"] is True
    results = group["ResultConfiguration"]
    assert results["EncryptionConfiguration"] == {"EncryptionOption": "SSE_S3"}
    assert results["ExpectedBucketOwner"] == ACCOUNT
    # test_no_lifecycle_rule_expires_what_happened: what lies there is what expires.
    assert results["OutputLocation"]["Fn::Sub"].startswith("s3://${LakeBucketName}/athena-results/")


def test_only_alarms_of_this_account_may_publish(templates: Any) -> None:
    (statement,) = templates.resource("AlarmTopicPolicy").properties["PolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert statement["Condition"]["StringEquals"] == {"aws:SourceAccount": ACCOUNT}
