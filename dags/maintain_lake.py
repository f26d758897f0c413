"""
### Maintain the lake

Every ingestion leaves small files and a snapshot behind in the lake's Iceberg tables. This brings
the files together (OPTIMIZE), checks that no row changed by it, and only then expires the old
snapshots (VACUUM; a table's properties say how old). The check compares the rows of the two
snapshots around each compaction, by their number and the sum of their digests.

It may run while orders are ingested: of two that commit to a table at once, the later one fails
and is repeated, here within the task, there by the task's retry.

Old query results are deleted too. On AWS the bucket's lifecycle rule does that.

**When:** every Sunday at 22:00 UTC, or by hand.
**Assets:** none.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.maintenance import (
    clear_query_results,
    compact_table,
    list_tables,
    vacuum_table,
)


@dag(
    schedule=CronTriggerTimetable("0 22 * * 0", timezone="UTC"),
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(hours=2)},
    params={
        "stage": stage_param(),
        "results_days": Param(
            30, type="integer", minimum=1, description="Query results are kept for so many days"
        ),
    },
)
def maintain_lake() -> None:
    outputs = read_outputs()
    compacted = compact_table.partial(outputs=outputs).expand(table=list_tables(outputs))
    vacuum_table.partial(outputs=outputs).expand(compaction=compacted)
    clear_query_results(outputs)


maintain_lake()
