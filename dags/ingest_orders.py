"""
### Ingest orders

Makes what was written queryable: waits until Firehose has delivered it to S3 (deferred), has the
crawler look at it, holds the changelog's table to the declared columns, checks what came and merges
it into silver: the Iceberg table `orders`, one row per order. `orders_current` is the view of those
that exist. If the writers announced how many changes there are, they are compared with what came.

**Checks:** `pass_gate` records the outcome of every check in the table `check_results`. If one that
blocks has failed, it fails, names the rows or objects, and nothing is merged; a row that breaks a
rule is left out once a run was given `set_aside`. A warning is recorded and logged.

Only the changelog's partitions that have new objects are read. How far silver has come stands in
the table `merges`; a merge that didn't finish has no row there, and is done again by the next run.
`reconcile_orders` compares silver with the table, order by order (a sample, unless told otherwise),
and fails with the names of the orders that differ, unless they are just being changed.

**When:** after every `orders_written`, and every 15 minutes for whatever else writes. A scheduled
run that finds nothing new ends there, skipped. One by hand waits for what was written before it.
**Waits:** for the delivery and for the crawl, 30 minutes each; the sensor's page says when
something counts as delivered.
**Assets:** emits `orders`, with the time of the newest object that was merged.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag

from salesflow_airflow.bronze import announce_orders, declare_columns
from salesflow_airflow.defaults import DEFAULT_ARGS, ORDERS, ORDERS_WRITTEN, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.gate import gate_params, quality_gate
from salesflow_airflow.operators.athena import CompareCountsOperator
from salesflow_airflow.operators.crawl import CrawlOperator
from salesflow_airflow.operators.reconcile import ReconcileOperator, reconcile_param
from salesflow_airflow.operators.silver import (
    DeclareTablesOperator,
    MergeOrdersOperator,
    ReadWatermarkOperator,
    RecordMergeOperator,
)
from salesflow_airflow.quarantine import judge_quarantine
from salesflow_airflow.sensors.delivery import DeliverySensor
from salesflow_airflow.tables import MACROS, TABLES, VIEWS


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"), assets=[ORDERS_WRITTEN]
    ),
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    user_defined_macros=MACROS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=45)},
    params={
        "stage": stage_param(),
        "written_until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="Wait for what was written until then; by default what the writers "
            "announced, else the moment at which the run begins",
        ),
        "since": Param(
            None,
            type=["null", "string"],
            format="date",
            description="A day of arrival (YYYY-MM-DD, UTC) from which on everything is merged "
            "again; by default only what is new",
        ),
        "reconcile": reconcile_param(),
        **gate_params(),
    },
)
def ingest_orders() -> None:
    outputs = read_outputs()
    athena = {"database": outputs["DatabaseName"], "workgroup": outputs["WorkGroupName"]}
    lake = {"stream": outputs["DeliveryStreamName"], "bucket": outputs["LakeBucketName"]}

    declare_tables = DeclareTablesOperator(
        task_id="declare_tables", tables=TABLES, views=VIEWS, bucket=lake["bucket"], **athena
    )
    watermark = ReadWatermarkOperator(task_id="read_watermark", **athena)
    delivery = DeliverySensor(
        task_id="wait_for_delivery",
        **lake,
        stage="{{ params.stage }}",
        written_until="{{ params.written_until or '' }}",
        watermark=watermark.output["newest"],
        again_from="{{ params.since or '' }}",
        timeout=timedelta(minutes=30).total_seconds(),
    )
    crawl = CrawlOperator(
        task_id="crawl",
        crawler=outputs["CrawlerName"],
        newest="{{ ti.xcom_pull('wait_for_delivery')['newest'] }}",
    )
    declared = declare_columns(outputs)
    of_delivery = {"delivery": delivery.output, **athena}
    gate = quality_gate(outputs, delivery.output, watermark.output["newest"])
    count_changes = CompareCountsOperator(
        task_id="count_changes", query="sql/count_changes.sql", **lake, **of_delivery
    )
    merge_orders = MergeOrdersOperator(task_id="merge_orders", **of_delivery)
    record_merge = RecordMergeOperator(
        task_id="record_merge", merged=merge_orders.output, **of_delivery
    )
    reconcile = ReconcileOperator(task_id="reconcile_orders", outputs=outputs)
    announced = announce_orders.override(outlets=[ORDERS])(delivery.output)

    declare_tables >> watermark >> delivery >> crawl >> declared
    delivery >> judge_quarantine(outputs, delivery.output)
    declared >> [gate, count_changes] >> merge_orders
    merge_orders >> record_merge >> reconcile >> announced


ingest_orders()
