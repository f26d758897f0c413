"""How crawlers are defined, listed and tagged, and what their definition may not say."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from crawled_lake import BUCKET, CONFIGURATION, CRAWLER, DATABASE, ROLE, Lake
from localaws.errors import AwsError
from localaws.glue import schedule
from localaws.server import LocalAws

PATH = f"s3://{BUCKET}/bronze/orders"


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    return Lake(local_aws)


def configured(**members: Any) -> str:
    return json.dumps({"Version": 1.0, **members})


@pytest.mark.behaviour("glue", "GetCrawler gives the definition with AWS's defaults.")
def test_the_description_of_a_crawler(lake: Lake) -> None:
    lake.crawler(
        Description="Orders", TablePrefix="raw_", Configuration=CONFIGURATION, Tags={"a": "b"}
    )
    crawler = lake.glue.get_crawler(Name=CRAWLER)["Crawler"]
    times = crawler.pop("CreationTime"), crawler.pop("LastUpdated")
    assert times[0] == times[1]
    assert crawler == {
        "Name": CRAWLER,
        "Role": ROLE,
        "DatabaseName": DATABASE,
        "Description": "Orders",
        "TablePrefix": "raw_",
        "Targets": {"S3Targets": [{"Path": PATH}]},
        "Classifiers": [],
        "RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVERYTHING"},
        "SchemaChangePolicy": {
            "UpdateBehavior": "UPDATE_IN_DATABASE",
            "DeleteBehavior": "DEPRECATE_IN_DATABASE",
        },
        "LineageConfiguration": {"CrawlerLineageSettings": "DISABLE"},
        "Configuration": json.dumps(CONFIGURATION),
        "State": "READY",
        "CrawlElapsedTime": 0,
        "Version": 1,
    }


@pytest.mark.behaviour("glue", "UpdateCrawler changes what it is given and leaves the rest.")
def test_an_update_changes_what_is_given(lake: Lake) -> None:
    lake.crawler(Description="Orders")
    lake.glue.update_crawler(Name=CRAWLER, TablePrefix="raw_")
    crawler = lake.glue.get_crawler(Name=CRAWLER)["Crawler"]
    assert (crawler["Description"], crawler["TablePrefix"]) == ("Orders", "raw_")
    assert crawler["Version"] == 2
    assert crawler["LastUpdated"] > crawler["CreationTime"]


@pytest.mark.behaviour("glue", "A crawler's name is unique; one that isn't there isn't found.")
def test_names(lake: Lake) -> None:
    lake.crawler()
    with pytest.raises(ClientError, match="AlreadyExistsException"):
        lake.crawler()
    for call in (
        lake.glue.get_crawler,
        lake.glue.delete_crawler,
        lake.glue.start_crawler,
        lake.glue.stop_crawler,
        lake.glue.update_crawler,
    ):
        with pytest.raises(ClientError, match="EntityNotFoundException"):
            call(Name="nobody")


@pytest.mark.behaviour("glue", "Crawlers are listed, in pages, and fetched by name.")
def test_lists_of_crawlers(lake: Lake) -> None:
    for name in ("a", "b", "c"):
        lake.crawler(name=name)
    page = lake.glue.list_crawlers(MaxResults=2)
    rest = lake.glue.list_crawlers(NextToken=page["NextToken"])
    assert page["CrawlerNames"] + rest["CrawlerNames"] == ["a", "b", "c"]
    pages = lake.glue.get_paginator("get_crawlers").paginate(PaginationConfig={"PageSize": 2})
    assert [each["Name"] for page in pages for each in page["Crawlers"]] == ["a", "b", "c"]
    batch = lake.glue.batch_get_crawlers(CrawlerNames=["c", "nobody"])
    assert [each["Name"] for each in batch["Crawlers"]] == ["c"]
    assert batch["CrawlersNotFound"] == ["nobody"]
    with pytest.raises(ClientError, match="NextToken"):
        lake.glue.list_crawlers(NextToken="x")


@pytest.mark.behaviour("glue", "Crawlers have tags, by which ListCrawlers can choose.")
def test_tags(lake: Lake) -> None:
    arn = f"arn:aws:glue:us-east-1:000000000000:crawler/{CRAWLER}"
    lake.crawler(Tags={"stage": "test", "team": "sales"})
    lake.crawler(name="other", Tags={"team": "sales"})
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {"stage": "test", "team": "sales"}
    lake.glue.untag_resource(ResourceArn=arn, TagsToRemove=["team"])
    lake.glue.tag_resource(ResourceArn=arn, TagsToAdd={"cost": "low"})
    assert lake.glue.list_crawlers(Tags={"cost": "low"})["CrawlerNames"] == [CRAWLER]
    assert lake.glue.list_crawlers(Tags={"team": "sales"})["CrawlerNames"] == ["other"]
    lake.glue.delete_crawler(Name=CRAWLER)
    assert lake.glue.get_tags(ResourceArn=arn)["Tags"] == {}


@pytest.mark.behaviour("glue", "Targets other than S3 are refused.")
@pytest.mark.parametrize(
    "targets",
    [
        {"JdbcTargets": [{"ConnectionName": "c", "Path": "a/b"}]},
        {"DynamoDBTargets": [{"Path": "orders"}]},
        {"CatalogTargets": [{"DatabaseName": "a", "Tables": ["b"]}]},
        {"IcebergTargets": [{"Paths": [PATH]}]},
        {"S3Targets": [{"Path": PATH, "EventQueueArn": "arn:aws:sqs:us-east-1:0:q"}]},
        {"S3Targets": [{"Path": PATH, "ConnectionName": "vpc"}]},
        {"S3Targets": [{"Path": "lake/bronze"}]},
        {"S3Targets": [{"Path": PATH, "SampleSize": 250}]},
        {"S3Targets": []},
        {},
    ],
)
def test_targets_that_are_refused(lake: Lake, targets: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        lake.crawler(Targets=targets)
    assert lake.glue.list_crawlers()["CrawlerNames"] == []


@pytest.mark.behaviour("glue", "A Configuration with anything unknown in it is refused.")
@pytest.mark.parametrize(
    ("configuration", "culprit"),
    [
        ("{", "not valid JSON"),
        ("[]", "Version 1.0"),
        ("{}", "Version 1.0"),
        ('{"Version": 2.0}', "Version 1.0"),
        (configured(Output={}), "Configuration.Output"),
        (configured(CrawlerOutput=[]), "CrawlerOutput is not a JSON object"),
        (configured(CrawlerOutput={"Tables": {"Update": "x"}}), "CrawlerOutput.Tables.Update"),
        (
            configured(CrawlerOutput={"Tables": {"AddOrUpdateBehavior": "InheritFromTable"}}),
            "InheritFromTable",
        ),
        (configured(Grouping={"TableLevelConfiguration": "3"}), "'3'"),
        (configured(Grouping={"TableLevelConfiguration": 0}), "TableLevelConfiguration"),
        (configured(CreatePartitionIndex=True), "CreatePartitionIndex"),
    ],
)
def test_configurations_that_are_refused(lake: Lake, configuration: str, culprit: str) -> None:
    with pytest.raises(ClientError, match="InvalidInputException") as refusal:
        lake.crawler(Configuration=configuration)
    assert culprit in refusal.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    "definition",
    [
        {"CrawlerSecurityConfiguration": "secret"},
        {"LineageConfiguration": {"CrawlerLineageSettings": "ENABLE"}},
        {"LakeFormationConfiguration": {"UseLakeFormationCredentials": True}},
        {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_EVENT_MODE"}},
        {"Classifiers": ["nobody"]},
        {"CatalogId": "111111111111"},
        {"Schedule": "rate(5 minutes)"},
        {"SchemaChangePolicy": {"UpdateBehavior": "SOMETHING"}},
    ],
)
def test_definitions_that_are_refused(lake: Lake, definition: dict[str, Any]) -> None:
    with pytest.raises(ClientError, match="InvalidInputException"):
        lake.crawler(**definition)


@pytest.mark.behaviour("glue", "CRAWL_NEW_FOLDERS_ONLY allows no SchemaChangePolicy but LOG.")
def test_new_folders_only_logs(lake: Lake) -> None:
    recrawl = {"RecrawlPolicy": {"RecrawlBehavior": "CRAWL_NEW_FOLDERS_ONLY"}}
    with pytest.raises(ClientError, match="can have only LOG"):
        lake.crawler(**recrawl, SchemaChangePolicy={"UpdateBehavior": "UPDATE_IN_DATABASE"})
    lake.crawler(**recrawl)
    with pytest.raises(ClientError, match="target is immutable"):
        lake.glue.update_crawler(
            Name=CRAWLER, Targets={"S3Targets": [{"Path": f"s3://{BUCKET}/other"}]}
        )


@pytest.mark.parametrize(
    "expression",
    [
        "cron(0 12 * * *)",
        "cron(0 12 * * * *) x",
        "every day",
        "cron(61 * * * ? *)",
        "cron(0 0 L * ? *)",
        "cron(0 0 ? * 2#1 *)",
    ],
)
def test_schedules_that_are_refused(expression: str) -> None:
    with pytest.raises(AwsError, match="InvalidInputException"):
        schedule.check(expression)


@pytest.mark.parametrize(
    ("expression", "moment", "is_due"),
    [
        ("cron(15 12 * * ? *)", "2025-07-10T12:15:00", True),
        ("cron(15 12 * * ? *)", "2025-07-10T12:14:59", False),
        ("cron(0 12 ? * MON-FRI *)", "2025-07-11T12:00:00", True),
        ("cron(0 12 ? * MON-FRI *)", "2025-07-12T12:00:00", False),
        ("cron(0 12 ? * 1 *)", "2025-07-13T12:00:30", True),
        ("cron(0 12 ? * 2-6 *)", "2025-07-13T12:00:30", False),
        ("cron(0/10 * * * ? *)", "2025-07-10T12:20:00", True),
        ("cron(0 12 1 JAN ? 2026)", "2026-01-01T12:00:00", True),
        ("cron(0 12 1 JAN ? 2027)", "2026-01-01T12:00:00", False),
        ("cron(0 12 1 JAN ? 2020)", "2026-01-01T12:00:00", False),
    ],
)
def test_when_a_schedule_is_due(expression: str, moment: str, is_due: bool) -> None:
    now = datetime.fromisoformat(moment).replace(tzinfo=UTC)
    assert schedule.is_due(expression, now - timedelta(minutes=1), now) is is_due
