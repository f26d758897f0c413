"""The local Athena beside plain DuckDB on the same files."""

from __future__ import annotations

import gzip
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import boto3
import duckdb

from bench.events import change, writes
from bench.measurement import Measurement, seconds_of
from bench.servers import deploy, local_aws
from salesflow.changes import changelog_row
from salesflow.orders import Put
from salesflow.patience import Patience
from salesflow.schema import CHANGELOG_COLUMNS

ORDERS = 20_000
FILES = 20
QUERIES = {
    "all rows": "SELECT * FROM {table} LIMIT 1000",
    "sales by product": (
        "SELECT product_name, sum(quantity * price) AS sales FROM {table} "
        "GROUP BY product_name ORDER BY sales DESC"
    ),
    "unique products": "SELECT count(DISTINCT product_name) AS products FROM {table}",
}
_DUCKDB_TYPES = {"string": "VARCHAR", "int": "INTEGER", "bigint": "BIGINT"}
ALLOWED_RATIO, ALLOWED_SECONDS = 1.5, 0.05


def measure() -> list[Measurement]:
    """Seconds per query of both, and whether ours is near enough."""
    with local_aws(), tempfile.TemporaryDirectory() as folder:
        outputs = deploy(["storage", "analytics"])
        _lay_out(outputs["LakeBucketName"], Path(folder))
        glue: Any = boto3.client("glue")
        glue.start_crawler(Name=outputs["CrawlerName"])
        Patience(timeout=120, interval=0.2).wait(
            "the crawl",
            lambda: glue.get_crawler(Name=outputs["CrawlerName"])["Crawler"].get("LastCrawl"),
        )
        athena: Any = boto3.client("athena")

        def theirs(sql: str) -> None:
            duckdb.execute(sql).fetchall()

        def ours(sql: str) -> None:
            """Until the result lies in S3, which is where Athena's answer is."""
            query = athena.start_query_execution(
                QueryString=sql,
                QueryExecutionContext={"Database": outputs["DatabaseName"]},
                WorkGroup=outputs["WorkGroupName"],
            )["QueryExecutionId"]
            Patience(timeout=60, interval=0.01).wait("the answer", lambda: _ended(athena, query))

        measurements = []
        # DuckDB is told the schema, as Athena is; guessing it takes most of its time.
        schema = ", ".join(
            f"{column.name}: '{_DUCKDB_TYPES.get(column.glue_type, column.glue_type)}'"
            for column in CHANGELOG_COLUMNS
        )
        files = f"read_json('{folder}/**/*.gz', format='newline_delimited', columns={{{schema}}})"
        for name, sql in QUERIES.items():
            plain = seconds_of(partial(theirs, sql.format(table=files)))
            local = seconds_of(partial(ours, sql.format(table="orders_changelog")))
            allowed = ALLOWED_RATIO * plain + ALLOWED_SECONDS
            measurements += [
                Measurement(f"athena: {name}, plain DuckDB", 1000 * plain, "ms"),
                Measurement(
                    f"athena: {name}, local Athena",
                    1000 * local,
                    "ms",
                    f"≤ {1000 * allowed:.0f} (1.5 × + 50)",
                    local <= allowed,
                ),
            ]
    return measurements


def _ended(athena: Any, query: str) -> bool | None:
    execution = athena.get_query_execution(QueryExecutionId=query)["QueryExecution"]
    state = execution["Status"]["State"]
    if state in {"FAILED", "CANCELLED"}:
        raise RuntimeError(execution["Status"]["StateChangeReason"])
    return True if state == "SUCCEEDED" else None


def _lay_out(bucket: str, folder: Path) -> None:
    """The same gzip'd files in the lake and on disk."""
    puts = [write for write in writes(ORDERS) if isinstance(write, Put)][:ORDERS]
    rows = [changelog_row(change(put, number)) for number, put in enumerate(puts)]
    s3: Any = boto3.client("s3")
    for number in range(FILES):
        body = gzip.compress(b"".join(rows[number::FILES]))
        name = f"dt=2026-01-31/hour={number % 24:02d}/part-{number}.gz"
        s3.put_object(Bucket=bucket, Key=f"bronze/orders_changelog/{name}", Body=body)
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
