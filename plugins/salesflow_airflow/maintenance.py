"""The lake's upkeep, as tasks."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

from airflow.sdk import task

from salesflow.maintenance import clear_query_results as clear
from salesflow.maintenance import compact, iceberg_tables, vacuum
from salesflow.queries import Answer, ask
from salesflow_airflow.deployment import connect


@task
def list_tables(outputs: dict[str, str]) -> list[str]:
    """The names of the lake's Iceberg tables."""
    return iceberg_tables(connect("glue"), outputs["DatabaseName"])


@task(map_index_template="{{ table }}")
def compact_table(table: str, outputs: dict[str, str]) -> dict[str, Any]:
    """Bring a table's small files together; fail if a row has changed by it."""
    compaction = compact(lambda sql: _ask(outputs, sql), table)
    print(compaction)
    return asdict(compaction)


@task(map_index_template="{{ compaction['table'] }}")
def vacuum_table(compaction: dict[str, Any], outputs: dict[str, str]) -> None:
    """Expire the old snapshots of a table that was compacted as it should be."""
    vacuum(lambda sql: _ask(outputs, sql), compaction["table"])


@task
def clear_query_results(outputs: dict[str, str], params: dict[str, Any]) -> dict[str, int]:
    """Delete old query results; how many, and how many bytes."""
    before = datetime.now(UTC) - timedelta(days=params["results_days"])
    count, size = clear(connect("s3"), outputs["ResultsUri"], before)
    print(f"deleted {count} query results with {size:,} bytes, written before {before:%Y-%m-%d}")
    return {"objects": count, "bytes": size}


def _ask(outputs: dict[str, str], sql: str) -> Answer:
    return ask(
        connect("athena"),
        sql,
        database=outputs["DatabaseName"],
        workgroup=outputs["WorkGroupName"],
    )
