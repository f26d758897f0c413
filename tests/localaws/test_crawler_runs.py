"""A crawler's runs: its states, its schedule, its history, and how it fails."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from crawled_lake import CRAWLER, DATABASE, NOW, Lake
from localaws.glue.service import Glue
from localaws.server import LocalAws

ORDER = {"orderid": "1", "price": 10}


@pytest.fixture
def lake(local_aws: LocalAws) -> Lake:
    lake = Lake(local_aws)
    lake.put("bronze/orders/dt=1/a.json", ORDER)
    return lake


@pytest.fixture
def glue_clock(local_aws: LocalAws) -> Iterator[Glue]:
    """Glue's own clock, to turn it step by step."""
    yield from (service for service in local_aws.services if isinstance(service, Glue))


def crawler(lake: Lake, name: str = CRAWLER) -> dict[str, Any]:
    described: dict[str, Any] = lake.glue.get_crawler(Name=name)["Crawler"]
    return described


def crawls(lake: Lake, *filters: tuple[str, str, str]) -> list[dict[str, Any]]:
    names = ("FieldName", "FilterOperator", "FieldValue")
    given = [dict(zip(names, each, strict=True)) for each in filters]
    found: list[dict[str, Any]] = lake.glue.list_crawls(CrawlerName=CRAWLER, Filters=given)[
        "Crawls"
    ]
    return found


def refused(code: str) -> Any:
    return pytest.raises(ClientError, match=code)


@pytest.mark.behaviour("glue", "A crawler is READY, RUNNING, STOPPING, and READY again.")
def test_states_of_a_run(lake: Lake, glue_clock: Glue) -> None:
    lake.crawler()
    assert crawler(lake)["State"] == "READY"
    lake.glue.start_crawler(Name=CRAWLER)
    assert crawler(lake)["State"] == "RUNNING"
    assert crawls(lake)[0]["State"] == "RUNNING"
    assert glue_clock.step(NOW)
    assert crawler(lake)["State"] == "STOPPING"
    assert "LastCrawl" not in crawler(lake)
    assert not glue_clock.step(NOW + timedelta(seconds=30))
    assert crawler(lake)["State"] == "READY"


@pytest.mark.behaviour("glue", "LastCrawl is missing before the first run.")
def test_last_crawl(lake: Lake) -> None:
    lake.crawler()
    described = crawler(lake)
    assert "LastCrawl" not in described
    assert described["CrawlElapsedTime"] == 0
    lake.crawled()
    run = crawls(lake)[0]["CrawlId"]
    assert crawler(lake)["LastCrawl"] == {
        "Status": "SUCCEEDED",
        "LogGroup": "/aws-glue/crawlers",
        "LogStream": CRAWLER,
        "MessagePrefix": run,
        "StartTime": NOW + timedelta(minutes=1),
    }


@pytest.mark.behaviour("glue", "LastCrawl is the previous run's while a crawler runs.")
def test_last_crawl_while_running(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    lake.glue.start_crawler(Name=CRAWLER)
    assert crawler(lake)["LastCrawl"]["StartTime"] == NOW + timedelta(minutes=1)


@pytest.mark.behaviour("glue", "A running crawler can't be started, updated or deleted.")
def test_a_running_crawler_is_left_alone(lake: Lake, glue_clock: Glue) -> None:
    lake.crawler()
    lake.glue.start_crawler(Name=CRAWLER)
    for state in ("RUNNING", "STOPPING"):
        assert crawler(lake)["State"] == state
        for call in (lake.glue.start_crawler, lake.glue.update_crawler, lake.glue.delete_crawler):
            with refused("CrawlerRunningException"):
                call(Name=CRAWLER)
        glue_clock.step(NOW)


@pytest.mark.behaviour("glue", "A crawler that is stopped before it has written writes nothing.")
def test_a_stopped_crawl(lake: Lake) -> None:
    lake.crawler()
    with refused("CrawlerNotRunningException"):
        lake.glue.stop_crawler(Name=CRAWLER)
    lake.glue.start_crawler(Name=CRAWLER)
    lake.glue.stop_crawler(Name=CRAWLER)
    assert crawler(lake)["State"] == "STOPPING"
    with refused("CrawlerStoppingException"):
        lake.glue.stop_crawler(Name=CRAWLER)
    lake.local_aws.step(NOW)
    assert crawler(lake)["State"] == "READY"
    assert crawler(lake)["LastCrawl"]["Status"] == "CANCELLED"
    assert crawls(lake)[0]["State"] == "STOPPED"
    assert lake.tables() == set()


def test_a_crawl_that_is_stopped_while_it_reads(lake: Lake) -> None:
    lake.put("bronze/orders/dt=1/b.json", ORDER)
    lake.crawler()
    with lake.on_reading(lambda _: lake.glue.stop_crawler(Name=CRAWLER)):
        assert lake.crawl()["Status"] == "CANCELLED"
    assert lake.tables() == set()
    lake.crawled()
    assert lake.tables() == {"orders"}


@pytest.mark.behaviour("glue", "A missing bucket, database or role fails the crawl.")
@pytest.mark.parametrize(
    ("definition", "message"),
    [
        ({"Targets": {"S3Targets": [{"Path": "s3://nowhere/a"}]}}, "NoSuchBucket; Bucket: nowhere"),
        ({"DatabaseName": "nowhere"}, "Database nowhere"),
        ({"Role": "nobody"}, "unable to assume provided role"),
        ({"Role": "distrustful"}, "distrustful doesn't trust glue"),
    ],
)
def test_what_is_missing_fails_the_crawl(
    lake: Lake, definition: dict[str, Any], message: str
) -> None:
    lake.trust("distrustful", {"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}})
    lake.crawler(**definition)
    last = lake.crawl()
    assert last["Status"] == "FAILED"
    assert message in last["ErrorMessage"]
    (entry,) = crawls(lake)
    assert entry["State"] == "FAILED"
    assert entry["ErrorMessage"] == last["ErrorMessage"]
    assert any(last["ErrorMessage"] in line for line in lake.log())
    assert lake.tables() == set()


def test_a_classifier_that_was_deleted_fails_the_crawl(lake: Lake) -> None:
    lake.glue.create_classifier(JsonClassifier={"Name": "rows", "JsonPath": "$"})
    lake.crawler(Classifiers=["rows"])
    lake.glue.delete_classifier(Name="rows")
    assert "Classifier rows not found" in lake.crawl()["ErrorMessage"]


def test_a_defect_fails_the_crawl_and_is_not_hidden(lake: Lake) -> None:
    def react(_: str) -> None:
        raise RuntimeError("a defect")

    lake.crawler()
    lake.glue.start_crawler(Name=CRAWLER)
    with lake.on_reading(react), pytest.raises(RuntimeError, match="a defect"):
        lake.local_aws.step(NOW)
    lake.local_aws.step(NOW)
    last = crawler(lake)["LastCrawl"]
    assert (last["Status"], last["ErrorMessage"]) == ("FAILED", "Internal Service Exception")


@pytest.mark.behaviour("glue", "More tables than TableThreshold fail the crawl; none is written.")
def test_a_table_threshold(lake: Lake) -> None:
    lake.put("bronze/visits/a.json", {"page": "/"})
    configuration = {"Version": 1.0, "CrawlerOutput": {"Tables": {"TableThreshold": 1}}}
    lake.crawler("", Configuration=configuration)
    assert "detected by crawler: 2 is greater" in lake.crawl()["ErrorMessage"]
    assert lake.tables() == set()


@pytest.mark.behaviour("glue", "ListCrawls has every run, the newest first, with its summary.")
def test_the_history(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    lake.put("bronze/orders/dt=2/a.json", ORDER | {"price": 1.5})
    lake.crawled()
    second, first = crawls(lake)
    assert first["StartTime"] < second["StartTime"] <= second["EndTime"]
    assert first["State"] == second["State"] == "COMPLETED"
    assert first["CrawlId"] != second["CrawlId"]
    assert first["DPUHour"] >= 0
    assert {"LogGroup", "LogStream", "MessagePrefix"} <= first.keys()
    tables, partitions = (json.loads(first["Summary"])[kind] for kind in ("TABLE", "PARTITION"))
    assert json.loads(tables["ADD"]) == {"Details": {"names": ["orders"]}, "Count": 1}
    assert json.loads(partitions["ADD"])["Count"] == 1
    assert json.loads(json.loads(second["Summary"])["TABLE"]["UPDATE"])["Count"] == 1


@pytest.mark.behaviour("glue", "ListCrawls can be filtered and comes in pages.")
def test_the_history_can_be_filtered(lake: Lake) -> None:
    lake.crawler()
    for _ in range(3):
        lake.crawled()
    third, second, first = crawls(lake)
    seconds = str(int(second["StartTime"].timestamp()))
    assert crawls(lake, ("START_TIME", "GE", seconds)) == [third, second]
    assert crawls(lake, ("START_TIME", "GT", f"{seconds}000")) == [third]
    assert crawls(lake, ("END_TIME", "LT", second["EndTime"].isoformat())) == [first]
    assert crawls(lake, ("CRAWL_ID", "EQ", first["CrawlId"])) == [first]
    assert crawls(lake, ("STATE", "NE", "COMPLETED")) == []
    assert crawls(lake, ("DPU_HOUR", "GE", "0"), ("STATE", "EQ", "COMPLETED"))[0] == third
    for wrong in (("STATE", "GT", "FAILED"), ("START_TIME", "GT", "yesterday")):
        with refused("InvalidInputException"):
            crawls(lake, wrong)
    page = lake.glue.list_crawls(CrawlerName=CRAWLER, MaxResults=2)
    rest = lake.glue.list_crawls(CrawlerName=CRAWLER, NextToken=page["NextToken"])
    assert page["Crawls"] + rest["Crawls"] == [third, second, first]
    assert "NextToken" not in rest


def test_the_history_ends_with_the_crawler(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    lake.glue.delete_crawler(Name=CRAWLER)
    with refused("EntityNotFoundException"):
        crawls(lake)
    lake.crawler()
    assert crawls(lake) == []


@pytest.mark.behaviour("glue", "Crawls are kept for 12 months.")
def test_old_crawls_are_forgotten(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    lake.now += timedelta(days=367)
    lake.crawled()
    assert len(crawls(lake)) == 1


@pytest.mark.behaviour("glue", "GetCrawlerMetrics tells the last run's tables and times.")
def test_metrics(lake: Lake, glue_clock: Glue) -> None:
    lake.crawler()
    lake.crawler(name="other")
    lake.glue.start_crawler(Name=CRAWLER)
    glue_clock.step(NOW)
    glue_clock.step(NOW + timedelta(seconds=90))
    ran, other = lake.glue.get_crawler_metrics()["CrawlerMetricsList"]
    assert ran == {
        "CrawlerName": CRAWLER,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": False,
        "LastRuntimeSeconds": 90.0,
        "MedianRuntimeSeconds": 90.0,
        "TablesCreated": 1,
        "TablesUpdated": 0,
        "TablesDeleted": 0,
    }
    assert other["LastRuntimeSeconds"] == 0.0
    some = lake.glue.get_crawler_metrics(CrawlerNameList=["other", "nobody"])["CrawlerMetricsList"]
    assert [each["CrawlerName"] for each in some] == ["other"]


@pytest.mark.behaviour("glue", "A crawl writes what it did to its log stream.")
def test_the_log(lake: Lake) -> None:
    lake.crawler()
    lake.crawled()
    run = crawls(lake)[0]["CrawlId"]
    log = lake.log()
    assert all(line.startswith(f"[{run}] ") for line in log)
    assert any(f"Created table orders in database {DATABASE}" in line for line in log)


@pytest.mark.behaviour("glue", "A crawler with a schedule starts at the times of its cron().")
def test_a_schedule(lake: Lake) -> None:
    lake.crawler(Schedule="cron(15 14 * * ? *)")
    assert crawler(lake)["Schedule"] == {
        "ScheduleExpression": "cron(15 14 * * ? *)",
        "State": "SCHEDULED",
    }
    lake.local_aws.step(datetime(2025, 7, 10, 14, 5, tzinfo=UTC))
    lake.local_aws.step(datetime(2025, 7, 10, 14, 14, 59, tzinfo=UTC))
    assert crawls(lake) == []
    lake.local_aws.step(datetime(2025, 7, 10, 14, 15, 1, tzinfo=UTC))
    assert len(crawls(lake)) == 1
    lake.local_aws.step(datetime(2025, 7, 10, 14, 15, 2, tzinfo=UTC))
    lake.local_aws.step(datetime(2025, 7, 11, 14, 15, tzinfo=UTC))
    assert len(crawls(lake)) == 2


@pytest.mark.behaviour("glue", "A schedule can be paused, resumed, replaced and removed.")
def test_schedules_are_started_and_stopped(lake: Lake) -> None:
    lake.crawler()
    with refused("NoScheduleException"):
        lake.glue.start_crawler_schedule(CrawlerName=CRAWLER)
    with refused("SchedulerNotRunningException"):
        lake.glue.stop_crawler_schedule(CrawlerName=CRAWLER)
    lake.glue.update_crawler_schedule(CrawlerName=CRAWLER, Schedule="cron(0/5 * * * ? *)")
    with refused("SchedulerRunningException"):
        lake.glue.start_crawler_schedule(CrawlerName=CRAWLER)
    lake.glue.stop_crawler_schedule(CrawlerName=CRAWLER)
    assert crawler(lake)["Schedule"]["State"] == "NOT_SCHEDULED"
    lake.local_aws.step(NOW)
    lake.local_aws.step(NOW + timedelta(hours=1))
    assert crawls(lake) == []
    lake.glue.start_crawler_schedule(CrawlerName=CRAWLER)
    lake.local_aws.step(NOW + timedelta(hours=2))
    lake.local_aws.step(NOW + timedelta(hours=2, minutes=5))
    assert len(crawls(lake)) == 1
    lake.glue.update_crawler_schedule(CrawlerName=CRAWLER)
    assert "Schedule" not in crawler(lake)


def test_state_survives_a_restart(lake: Lake, glue_clock: Glue) -> None:
    lake.crawler(Schedule="cron(15 14 * * ? *)")
    lake.glue.create_classifier(JsonClassifier={"Name": "rows", "JsonPath": "$"})
    lake.crawled()
    lake.crawler(name="running")
    lake.glue.start_crawler(Name="running")
    before = crawler(lake), crawls(lake), lake.glue.get_classifier(Name="rows")["Classifier"]

    state = json.loads(json.dumps(glue_clock.snapshot()))
    glue_clock.reset()
    assert lake.glue.list_crawlers()["CrawlerNames"] == []
    glue_clock.restore(state)

    after = crawler(lake), crawls(lake), lake.glue.get_classifier(Name="rows")["Classifier"]
    assert after == before
    reads: list[str] = []
    with lake.on_reading(reads.append):
        lake.crawled()
    assert len(reads) == 1, "only the crawler that was running has not read its object"
    assert crawler(lake, "running")["LastCrawl"]["Status"] == "SUCCEEDED"


def test_the_role_may_be_an_arn_with_a_path(lake: Lake) -> None:
    lake.local_aws.aws.client("iam").create_role(
        RoleName="deep",
        Path="/service-role/",
        AssumeRolePolicyDocument=json.dumps(
            {
                "Version": "2012-10-17",
                "Statement": {
                    "Effect": "Allow",
                    "Principal": {"Service": ["glue.amazonaws.com"]},
                    "Action": "sts:AssumeRole",
                },
            }
        ),
    )
    lake.crawler(Role="arn:aws:iam::000000000000:role/service-role/deep")
    assert crawler(lake)["Role"] == "service-role/deep"
    lake.crawled()
