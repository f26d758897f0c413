"""
### Ingest orders

Makes what was written queryable: waits until Firehose has delivered it to S3 (deferred), has the
crawler look at it, holds the table to the declared columns, renews the view `orders_current` (the
newest state of every order) and checks the rows that came. If the writers announced how many
changes there are, they are compared with what arrived.

**When:** after every `orders_written`, and every 15 minutes for whatever else writes. A scheduled
run that finds nothing new ends there, skipped. By hand: it waits for what was written before it
began.
**Waits:** for the delivery and for the crawl, 30 minutes each; the sensor's page says when
something counts as delivered.
**Assets:** emits `orders`, with the time of the newest object that is queryable.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, Param, dag

from salesflow_airflow.bronze import announce_orders, check_columns, declare_columns
from salesflow_airflow.defaults import DEFAULT_ARGS, ORDERS, ORDERS_WRITTEN, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.operators.athena import (
    AthenaStatementOperator,
    CheckOperator,
    CompareCountsOperator,
)
from salesflow_airflow.operators.crawl import CrawlOperator
from salesflow_airflow.sensors.delivery import DeliverySensor


@dag(
    schedule=AssetOrTimeSchedule(
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"), assets=[ORDERS_WRITTEN]
    ),
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
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
    },
)
def ingest_orders() -> None:
    outputs = read_outputs()
    athena = {"database": outputs["DatabaseName"], "workgroup": outputs["WorkGroupName"]}
    lake = {"stream": outputs["DeliveryStreamName"], "bucket": outputs["LakeBucketName"]}

    delivery = DeliverySensor(
        task_id="wait_for_delivery",
        **lake,
        stage="{{ params.stage }}",
        written_until="{{ params.written_until or '' }}",
        inlets=[ORDERS],
        timeout=timedelta(minutes=30).total_seconds(),
    )
    crawl = CrawlOperator(
        task_id="crawl",
        crawler=outputs["CrawlerName"],
        newest="{{ ti.xcom_pull('wait_for_delivery')['newest'] }}",
    )
    declared = declare_columns(outputs)
    create_view = AthenaStatementOperator(
        task_id="orders_current", query="sql/orders_current.sql", **athena
    )
    check_rows = CheckOperator(
        task_id="check_rows", query="sql/check_rows.sql", delivery=delivery.output, **athena
    )
    count_changes = CompareCountsOperator(
        task_id="count_changes",
        query="sql/count_changes.sql",
        delivery=delivery.output,
        **lake,
        **athena,
    )
    announced = announce_orders.override(outlets=[ORDERS])(delivery.output)

    delivery >> crawl >> declared
    declared >> [create_view, check_columns(outputs), check_rows, count_changes] >> announced


ingest_orders()
