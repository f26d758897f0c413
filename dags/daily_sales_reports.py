"""
### Daily sales reports

Runs one report per SQL file in `sql/reports/` on silver, and stores its result in the lake as
`reports/<name>/dt=<day>/<name>.csv`, with a Parquet file and a manifest beside it. A rerun gives
the same bytes, if no order of that day has changed since.

Late changes restate: an earlier day that was reported before, and that a merge has touched since,
is computed again. Where a report differs, it becomes a new version; the one before is kept under
`report-versions/`, and the table `restatements` says by how much it changed.

`reports/page/dt=<day>/page.html` shows a day to people, with the state of the data and the newest
projection; the task `write_page` has a link to it. It says which reports failed, if any did.

**When:** every day at 00:00 UTC for the day before; backfillable (a backfill restates no other
days); by hand for the given day, and for some of its reports alone.
**Waits:** until all that was written on that day is in silver, 2 hours.
**Due:** `SALESFLOW_REPORTS_DUE_HOURS` after the day, if that variable is set: of a scheduled run
that is late, those are told who are told of alarms.
**Assets:** emits `sales_reports`, which starts `project_sales`.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.sdk import CronDataIntervalTimetable, Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, SALES_REPORTS, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.notices import due
from salesflow_airflow.operators.page import WritePageOperator
from salesflow_airflow.operators.report import ReportOperator
from salesflow_airflow.operators.reporting import (
    FindDaysOperator,
    RecordReportsOperator,
    RecordRestatementsOperator,
)
from salesflow_airflow.operators.silver import DeclareTablesOperator
from salesflow_airflow.reports import choose_day, choose_reports, day_param, reports_param
from salesflow_airflow.sensors.silver import SilverSensor
from salesflow_airflow.tables import MACROS, TABLES, VIEWS

REPORTS = sorted(path.stem for path in (Path(__file__).parent / "sql" / "reports").glob("*.sql"))


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    max_active_runs=4,
    deadline=due(),
    doc_md=__doc__,
    tags=TAGS,
    user_defined_macros=MACROS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=40)},
    params={
        "stage": stage_param(),
        "day": day_param("by default that of the run's data interval, without one yesterday"),
        "reports": reports_param(REPORTS),
        "restate": Param(
            True, type="boolean", description="Whether days touched by late changes are restated"
        ),
    },
)
def daily_sales_reports() -> None:
    outputs = read_outputs()
    day, reports = choose_day(), choose_reports(REPORTS)
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
        execution_timeout=timedelta(hours=2, minutes=10),
        **athena,
    )
    days = FindDaysOperator(task_id="find_days", day=day, **athena)
    run_report = ReportOperator.partial(
        task_id="run_report",
        map_index_template="{{ task.report }}",
        days=days.output["days"],
        watermark=silver.output,
        bucket=bucket,
        **athena,
    ).expand(report=reports)
    # Also if a report failed: what the others stored is written down, and shown.
    after_all = {
        "trigger_rule": "all_done_min_one_success",
        "results": run_report.output,
        "bucket": bucket,
        **athena,
    }
    record_restatements = RecordRestatementsOperator(task_id="record_restatements", **after_all)
    # The last one, and not run if a report failed: that has to fail the run as well.
    record_reports = RecordReportsOperator(
        task_id="record_reports", found=days.output, outlets=[SALES_REPORTS], **athena
    )
    write_page = WritePageOperator(
        task_id="write_page",
        days=days.output["days"],
        reports=reports,
        watermark=silver.output,
        shop="salesflow {{ params.stage }}",
        **after_all,
    )

    day >> outputs >> reports  # so that nothing has succeeded for a day that is refused
    outputs >> declare_tables >> silver >> days >> run_report >> [record_restatements, write_page]
    [run_report, record_restatements] >> record_reports


daily_sales_reports()
