"""A small lake and its crawlers, for the tests of crawls."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from localaws.server import LocalAws

BUCKET = "lake"
DATABASE = "salesflow_test"
CRAWLER = "bronze"
ROLE = "crawler"
NOW = datetime(2025, 7, 10, 14, 5, tzinfo=UTC)

#: What the pipeline's own crawler is set to.
CONFIGURATION: dict[str, Any] = {
    "Version": 1.0,
    "CrawlerOutput": {"Partitions": {"AddOrUpdateBehavior": "InheritFromTable"}},
    "Grouping": {"TableGroupingPolicy": "CombineCompatibleSchemas", "TableLevelConfiguration": 3},
}


class Lake:
    """A bucket, a database, a role that Glue may take on, and whatever crawls them."""

    def __init__(self, local_aws: LocalAws) -> None:
        self.local_aws = local_aws
        self.s3, self.glue = local_aws.aws.client("s3"), local_aws.aws.client("glue")
        self.now = NOW
        self.s3.create_bucket(Bucket=BUCKET)
        self.glue.create_database(DatabaseInput={"Name": DATABASE})
        trust = {"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}}
        self.trust(ROLE, trust)

    def trust(self, role: str, statement: Mapping[str, Any]) -> None:
        """Make a role."""
        document = {"Version": "2012-10-17", "Statement": [statement]}
        self.local_aws.aws.client("iam").create_role(
            RoleName=role, AssumeRolePolicyDocument=json.dumps(document)
        )

    def put(self, key: str, *rows: Mapping[str, Any], compressed: bool = False) -> None:
        """Put rows, one JSON object a line."""
        self.put_bytes(key, lines(rows), compressed=compressed)

    def put_bytes(self, key: str, data: bytes, *, compressed: bool = False) -> None:
        """Put an object."""
        body = gzip.compress(data, mtime=0) if compressed else data
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=body)

    def delete(self, key: str) -> None:
        """Delete an object."""
        self.s3.delete_object(Bucket=BUCKET, Key=key)

    def crawler(self, path: str = "bronze/orders", name: str = CRAWLER, **more: Any) -> None:
        """Make a crawler of one folder; a ``Configuration`` may be given as a mapping."""
        target = {"Path": f"s3://{BUCKET}/{path}", **more.pop("Target", {})}
        if isinstance(more.get("Configuration"), Mapping):
            more["Configuration"] = json.dumps(more["Configuration"])
        definition = {
            "Name": name,
            "Role": ROLE,
            "DatabaseName": DATABASE,
            "Targets": {"S3Targets": [target]},
            **more,
        }
        self.glue.create_crawler(**definition)

    def crawl(self, name: str = CRAWLER) -> dict[str, Any]:
        """Run a crawler to its end, a minute after the last one; gives LastCrawl."""
        self.now += timedelta(minutes=1)
        self.glue.start_crawler(Name=name)
        self.local_aws.step(self.now)
        crawler = self.glue.get_crawler(Name=name)["Crawler"]
        assert crawler["State"] == "READY"
        last: dict[str, Any] = crawler["LastCrawl"]
        return last

    def crawled(self, name: str = CRAWLER) -> None:
        """Run a crawler that has to succeed."""
        last = self.crawl(name)
        assert last["Status"] == "SUCCEEDED", last

    def table(self, name: str = "orders") -> dict[str, Any]:
        """A table of the catalogue."""
        table: dict[str, Any] = self.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"]
        return table

    def all(self) -> list[dict[str, Any]]:
        """All tables."""
        tables: list[dict[str, Any]] = self.glue.get_tables(DatabaseName=DATABASE)["TableList"]
        return tables

    def tables(self) -> set[str]:
        """The names of all tables."""
        return {table["Name"] for table in self.all()}

    def columns(self, name: str = "orders") -> dict[str, str]:
        """The types of a table's columns, in their order."""
        return typed(self.table(name)["StorageDescriptor"])

    def keys(self, name: str = "orders") -> dict[str, str]:
        """The types of a table's partition keys."""
        return {key["Name"]: key["Type"] for key in self.table(name)["PartitionKeys"]}

    def partitions(self, name: str = "orders") -> dict[tuple[str, ...], dict[str, Any]]:
        """The partitions of a table by their values."""
        answer = self.glue.get_partitions(DatabaseName=DATABASE, TableName=name)
        return {tuple(partition["Values"]): partition for partition in answer["Partitions"]}

    def log(self, name: str = CRAWLER) -> list[str]:
        """What a crawler wrote to its log."""
        answer = self.local_aws.aws.client("logs").get_log_events(
            logGroupName="/aws-glue/crawlers", logStreamName=name
        )
        return [event["message"] for event in answer["events"]]

    @contextmanager
    def on_reading(self, react: Callable[[str], object]) -> Iterator[None]:
        """Tell of every object that is about to be read, by its name."""

        def tell(params: Mapping[str, Any], **_: Any) -> None:
            react(params["url"].rpartition("/")[2])

        self.s3.meta.events.register("before-call.s3.GetObject", tell)
        try:
            yield
        finally:
            self.s3.meta.events.unregister("before-call.s3.GetObject", tell)


def lines(rows: Iterable[Mapping[str, Any]]) -> bytes:
    """Rows as newline-delimited JSON."""
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def typed(descriptor: Mapping[str, Any]) -> dict[str, str]:
    """The columns of a table's or partition's storage descriptor."""
    return {column["Name"]: column["Type"] for column in descriptor["Columns"]}
