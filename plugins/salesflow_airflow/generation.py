"""What the generated world has besides orders, as tasks."""

from __future__ import annotations

from datetime import datetime
from itertools import chain
from typing import Any

from airflow.sdk import task

from salesflow.generation import Assignment
from salesflow.warehouse import restocks_of, store_restocks
from salesflow_airflow.deployment import connect


@task
def write_restocks(
    written: dict[str, Any], outputs: dict[str, str], params: dict[str, Any]
) -> dict[str, Any]:
    """Write to the lake what the warehouse orders for these orders; where, and how many."""
    until = datetime.fromisoformat(written["until"])
    whole = Assignment(written["orders"], written["days"], until, written["seed"])
    parts = list(whole.parts()) if params["where"] == "lambda" else [whole]
    restocks = restocks_of(chain.from_iterable(part.writes() for part in parts), until)
    bucket = outputs["LakeBucketName"]
    key = store_restocks(connect("s3"), bucket, f"{parts}", restocks)
    return {"s3_uri": f"s3://{bucket}/{key}", "restocks": len(restocks)}
