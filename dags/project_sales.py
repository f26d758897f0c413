"""
### Project the sales

Projects revenue and units of the next 28 days, in total and per category and product, from what was
sold in the three years up to a day, without cancelled and returned orders. Models are chosen by
backtest; intervals of 80 and 95 % are calibrated by past errors. Then the projections of the last
five weeks are held against what came.

The tables `sales_projection`, `projection_backtest` and `projection_accuracy` have the rows, and
so have reports of the same names; `projection_not_projected` says which products have no projection
of their own, and why. A rerun replaces the rows of its day.

At the end the page of that day is written anew, to show the projection that begins there.

Too little history, or a broken one, gives no number: the task `project_sales` is skipped and says
what is missing, and so does the report `projection_outcome`.

**When:** after each run of `daily_sales_reports`, as of the day before; by hand, as of the given
day.
**Waits:** until all that was written on that day is in silver, 2 hours.
**Assets:** is started by `sales_reports`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import dag

from salesflow_airflow.defaults import DEFAULT_ARGS, SALES_REPORTS, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.operators.page import WritePageOperator
from salesflow_airflow.operators.projection import (
    MeasureAccuracyOperator,
    ProjectSalesOperator,
    ReadHistoryOperator,
)
from salesflow_airflow.operators.silver import DeclareTablesOperator
from salesflow_airflow.projection import choose_last_day
from salesflow_airflow.reports import day_param
from salesflow_airflow.sensors.silver import SilverSensor
from salesflow_airflow.tables import MACROS, TABLES, VIEWS


@dag(
    schedule=[SALES_REPORTS],
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    user_defined_macros=MACROS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=40)},
    params={
        "stage": stage_param(),
        "day": day_param("the last day to project from; by default the day before the run is due"),
    },
)
def project_sales() -> None:
    outputs = read_outputs()
    day = choose_last_day()
    bucket = outputs["LakeBucketName"]
    athena = {"database": outputs["DatabaseName"], "workgroup": outputs["WorkGroupName"]}

    declare_tables = DeclareTablesOperator(
        task_id="declare_tables", tables=TABLES, views=VIEWS, bucket=bucket, **athena
    )
    silver = SilverSensor(
        task_id="wait_for_silver",
        day=day,
        stream=outputs["DeliveryStreamName"],
        bucket=bucket,
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(hours=2).total_seconds(),
        execution_timeout=timedelta(hours=3),
        **athena,
    )
    history = ReadHistoryOperator(task_id="read_history", day=day, **athena)
    rows = {"history": history.output, "bucket": bucket, "watermark": silver.output, **athena}
    project = ProjectSalesOperator(task_id="project_sales", **rows)
    # Without a projection of today's, those of the past are judged all the same.
    measure = MeasureAccuracyOperator(
        task_id="measure_accuracy", trigger_rule="none_failed", **rows
    )
    write_page = WritePageOperator(
        task_id="write_page",
        trigger_rule="none_failed",
        days=[day],
        watermark=silver.output,
        shop="salesflow {{ params.stage }}",
        bucket=bucket,
        **athena,
    )

    day >> declare_tables >> silver >> history >> project >> measure >> write_page


project_sales()
