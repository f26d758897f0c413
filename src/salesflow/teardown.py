"""Takes a deployment down, and proves that nothing of it is left.

Everything in the deployment's buckets and tables is lost. The order is that of the data, turned
around: nothing is emptied while something still writes to it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from salesflow.deployment import STACKS, Connect, await_idle_crawler, crawler_name, stack_name
from salesflow.patience import Patience
from salesflow.stack_state import find_stack
from salesflow.stacks import delete_stack

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

_VANISHING_SECONDS = 120.0


class Protected(Exception):
    """The deployment is protected from being taken down; nothing was touched."""


class NotEmptied(Exception):
    """Some objects of a bucket couldn't be deleted; the message names them."""


class LeftBehind(Exception):
    """Something of the deployment is still there.

    Attributes:
        names: what, as "service: name".
    """

    def __init__(self, prefix: str, names: list[str]) -> None:
        self.names = names
        super().__init__(f"of {prefix} is left: {'; '.join(names)}")


@dataclass(frozen=True)
class Teardown:
    """What a teardown removed."""

    stacks: tuple[str, ...]
    objects: int


def teardown(connect: Connect, prefix: str, *, patience: Patience | None = None) -> Teardown:
    """Delete a deployment's stacks with all that they hold; wait; check that nothing is left.

    What is gone already is passed over, so that it can be repeated.

    Args:
        prefix: of the deployment, such as salesflow-dev.

    Raises:
        Protected: the orders table's deletion protection is on.
        NotEmptied, StackFailed: something couldn't be deleted.
        LeftBehind: all was deleted, and yet something is there.
        TimeoutError: names what was waited for.
    """
    patience = patience or Patience()
    cloudformation: CloudFormationClient = connect("cloudformation")
    resources = stack_resources(cloudformation, prefix)
    refuse_if_protected(connect, resources)
    for crawler in resources.get("AWS::Glue::Crawler", []):
        await_idle_crawler(connect, crawler, patience)
    deleted, objects = [], 0
    for stack in reversed(STACKS):
        if stack == "storage":  # nothing writes any more: Firehose hands over its buffers and ends
            for bucket in resources.get("AWS::S3::Bucket", []):
                objects += empty_bucket(connect("s3"), bucket)
        name = stack_name(prefix, stack)
        if delete_stack(cloudformation, name, patience=patience):
            deleted.append(name)
    known = {name for names in resources.values() for name in names}
    vanishing = replace(patience, timeout=min(patience.timeout, _VANISHING_SECONDS))
    assert_nothing_left(connect, prefix, known, vanishing)
    return Teardown(tuple(deleted), objects)


def stack_resources(client: CloudFormationClient, prefix: str) -> dict[str, list[str]]:
    """What the deployment's stacks hold: resource type → physical ids."""
    found: dict[str, list[str]] = {}
    for stack in STACKS:
        name = stack_name(prefix, stack)
        if find_stack(client, name) is None:
            continue
        pages = client.get_paginator("list_stack_resources").paginate(StackName=name)
        for resource in (r for page in pages for r in page["StackResourceSummaries"]):
            if resource["ResourceStatus"] != "DELETE_COMPLETE" and (
                physical_id := resource.get("PhysicalResourceId")
            ):
                found.setdefault(resource["ResourceType"], []).append(physical_id)
    return found


def refuse_if_protected(connect: Connect, resources: dict[str, list[str]]) -> None:
    """Raise `Protected` if DynamoDB would refuse to delete the table of orders.

    Asked before anything is deleted: else the refusal would come when the rest is gone.
    """
    dynamodb = connect("dynamodb")
    for table in resources.get("AWS::DynamoDB::Table", []):
        try:
            description = dynamodb.describe_table(TableName=table)["Table"]
        except dynamodb.exceptions.ResourceNotFoundException:
            continue
        if description.get("DeletionProtectionEnabled"):
            raise Protected(
                f"the table {table} is protected: deploy the storage stack with "
                "ProtectOrders=false first"
            )


def empty_bucket(client: S3Client, bucket: str) -> int:
    """Delete all objects of a bucket, with all versions and delete markers, and count them.

    A bucket that isn't there counts as empty.

    Raises:
        NotEmptied: names what S3 refused to delete.
    """
    deleted = 0
    try:
        for page in client.get_paginator("list_object_versions").paginate(Bucket=bucket):
            found: list[ObjectIdentifierTypeDef] = [
                {"Key": version["Key"], "VersionId": version["VersionId"]}
                for version in [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            ]
            if not found:
                continue
            # A page has at most 1,000 entries, as many as one request may delete.
            answer = client.delete_objects(Bucket=bucket, Delete={"Objects": found, "Quiet": True})
            if errors := answer.get("Errors"):
                named = "; ".join(f"{e.get('Key')}: {e.get('Message')}" for e in errors)
                raise NotEmptied(f"{len(errors)} objects of {bucket} couldn't be deleted: {named}")
            deleted += len(found)
    except client.exceptions.NoSuchBucket:
        return deleted
    return deleted


def assert_nothing_left(
    connect: Connect, prefix: str, known: set[str], patience: Patience | None = None
) -> None:
    """Look until nothing of a deployment is left: Glue and Firehose delete behind one's back.

    A function that was still running when its log group was deleted makes it anew; such a log
    group is deleted again.

    Args:
        known: physical ids of what its stacks held.

    Raises:
        LeftBehind: something is there at the end of the patience.
    """
    patience = patience or Patience(timeout=_VANISHING_SECONDS)

    def look() -> bool | None:
        left = left_behind(connect, prefix, known)
        for name in left:
            what, _, group = name.partition(": ")
            if what == _LOG_GROUP:
                connect("logs").delete_log_group(logGroupName=group)
        return None if left else True

    try:
        patience.wait("the last resources to vanish", look)
    except TimeoutError:
        raise LeftBehind(prefix, left_behind(connect, prefix, known)) from None


def left_behind(connect: Connect, prefix: str, known: set[str] | None = None) -> list[str]:
    """What is there of a deployment, as "service: name", whether a stack knows of it or not.

    A resource belongs to a deployment if one of its stacks held it, or if its name begins with
    the name of one of the stacks, as CloudFormation names resources, or is derived from the
    prefix as those of the analytics stack are.
    """
    known = known or set()
    database = prefix.replace("-", "_")
    stacks = "|".join(re.escape(stack_name(prefix, stack)) for stack in STACKS)
    belongs = re.compile(rf"(^|/)({stacks})[-/]", re.IGNORECASE)
    named = {prefix, database, crawler_name(prefix)}
    found = [
        f"{service}: {name}"
        for service, name in _all_names(connect)
        if name in known or name in named or belongs.search(name)
    ]
    glue = connect("glue")
    try:
        pages = glue.get_paginator("get_tables").paginate(DatabaseName=database)
        tables = [table["Name"] for page in pages for table in page["TableList"]]
    except glue.exceptions.EntityNotFoundException:
        return found
    return found + [f"table: {database}.{table}" for table in tables]


_LOG_GROUP = "log group"
_LISTS: tuple[tuple[str, str, str, str, str], ...] = (
    # what, service, paginated operation, list in the answer, name in an entry ("" if it is it)
    ("alarm", "cloudwatch", "describe_alarms", "MetricAlarms", "AlarmName"),
    ("pipe", "pipes", "list_pipes", "Pipes", "Name"),
    ("stream", "kinesis", "list_streams", "StreamNames", ""),
    ("function", "lambda", "list_functions", "Functions", "FunctionName"),
    ("mapping", "lambda", "list_event_source_mappings", "EventSourceMappings", "UUID"),
    (_LOG_GROUP, "logs", "describe_log_groups", "logGroups", "logGroupName"),
    ("queue", "sqs", "list_queues", "QueueUrls", ""),
    ("database", "glue", "get_databases", "DatabaseList", "Name"),
    ("crawler", "glue", "get_crawlers", "Crawlers", "Name"),
    ("bucket", "s3", "list_buckets", "Buckets", "Name"),
    ("table", "dynamodb", "list_tables", "TableNames", ""),
)


def _all_names(connect: Connect) -> Iterator[tuple[str, str]]:
    """Name (queues: URL) of everything that there is of the kinds that a deployment consists of."""
    for what, service, operation, entries, key in _LISTS:
        for page in connect(service).get_paginator(operation).paginate():
            for entry in page.get(entries, []):
                yield what, entry[key] if key else entry
    # These two have no paginator.
    request: dict[str, str] = {}
    while True:
        page = connect("firehose").list_delivery_streams(**request)
        yield from (("delivery stream", name) for name in page["DeliveryStreamNames"])
        if not page["HasMoreDeliveryStreams"]:
            break
        request = {"ExclusiveStartDeliveryStreamName": page["DeliveryStreamNames"][-1]}
    request = {}
    while True:
        page = connect("athena").list_work_groups(**request)
        yield from (("workgroup", group["Name"]) for group in page["WorkGroups"])
        if not page.get("NextToken"):
            break
        request = {"NextToken": page["NextToken"]}
