"""A client of the local Athena with a lake to ask about, for the tests of queries."""

from __future__ import annotations

import uuid
from typing import Any

from localaws.server import LocalAws

BUCKET = "lake"
DATABASE = "sales"
OUTPUT = "s3://lake/results/"

Row = list[str | None]


class Athena:
    """Asks, waits by turning the clock, and reads what came of it."""

    def __init__(self, local_aws: LocalAws) -> None:
        self.local_aws = local_aws
        aws = local_aws.aws
        self.client, self.s3, self.glue = aws.client("athena"), aws.client("s3"), aws.client("glue")
        self.s3.create_bucket(Bucket=BUCKET)
        self.glue.create_database(DatabaseInput={"Name": DATABASE})

    def start(self, sql: str, **options: Any) -> str:
        """Submit a statement; returns the QueryExecutionId."""
        request = {
            "QueryExecutionContext": {"Database": DATABASE},
            "ResultConfiguration": {"OutputLocation": OUTPUT},
            **options,
        }
        return str(
            self.client.start_query_execution(QueryString=sql, **request)["QueryExecutionId"]
        )

    def execution(self, query_id: str) -> dict[str, Any]:
        """What Athena says of a query."""
        found = self.client.get_query_execution(QueryExecutionId=query_id)["QueryExecution"]
        return dict(found)

    def finished(self, sql: str, **options: Any) -> dict[str, Any]:
        """Submit a statement and see it through to its end."""
        query_id = self.start(sql, **options)
        self.local_aws.step()
        return self.execution(query_id)

    def run(self, sql: str, **options: Any) -> dict[str, Any]:
        """Submit a statement that is to succeed."""
        execution = self.finished(sql, **options)
        status = execution["Status"]
        assert status["State"] == "SUCCEEDED", status.get("StateChangeReason")
        return execution

    def failure(self, sql: str, **options: Any) -> str:
        """Submit a statement that is to fail; returns the reason."""
        status = self.finished(sql, **options)["Status"]
        assert status["State"] == "FAILED", status
        return str(status["StateChangeReason"])

    def answer(self, sql: str, **options: Any) -> dict[str, Any]:
        """Submit a statement; returns GetQueryResults' answer."""
        query_id = self.run(sql, **options)["QueryExecutionId"]
        return dict(self.client.get_query_results(QueryExecutionId=query_id))

    def rows(self, sql: str, **options: Any) -> list[Row]:
        """Submit a statement; returns the first page's rows, a SELECT's with its header."""
        return values(self.answer(sql, **options))

    def lines(self, sql: str) -> list[str | None]:
        """Submit a statement that shows something; returns its lines."""
        return [row[0] for row in self.rows(sql)]

    def put(self, key: str, text: str) -> None:
        """An object in the lake."""
        self.s3.put_object(Bucket=BUCKET, Key=key, Body=text.encode())

    def text(self, uri: str) -> str:
        """An object's text."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()
        return body.decode()

    def keys(self, prefix: str) -> list[str]:
        """The keys in the lake that begin so."""
        listed = self.s3.list_objects_v2(Bucket=BUCKET, Prefix=prefix).get("Contents", [])
        return [found["Key"] for found in listed]

    def table(self, name: str) -> dict[str, Any]:
        """A table of the catalogue."""
        return dict(self.glue.get_table(DatabaseName=DATABASE, Name=name)["Table"])

    def partitions(self, name: str) -> dict[tuple[str, ...], str]:
        """A table's partitions: values and locations."""
        found = self.glue.get_partitions(DatabaseName=DATABASE, TableName=name)["Partitions"]
        return {tuple(p["Values"]): p["StorageDescriptor"]["Location"] for p in found}


def values(answer: dict[str, Any]) -> list[Row]:
    """The rows of GetQueryResults' answer."""
    return [
        [datum.get("VarCharValue") for datum in row["Data"]] for row in answer["ResultSet"]["Rows"]
    ]


def token() -> str:
    """A ClientRequestToken: Athena wants 32 characters at least."""
    return str(uuid.uuid4())
