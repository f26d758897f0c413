"""
### Daily sales reports

Runs one report per SQL file in `sql/reports/` on the newest state of each order of a day, and
stores its result in the lake as `reports/<name>/dt=<day>/<name>.csv`. A rerun replaces it: with
the same bytes, if no order of that day has changed since.

**When:** every day at 00:00 UTC for the day before; backfillable; by hand for the given day.
A scheduled run first waits until 00:20, since orders of the last minutes are still on their way.
**Assets:** none.
"""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.sensors.date_time import DateTimeSensor
from airflow.sdk import CronDataIntervalTimetable, Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.operators.athena import ReportOperator
from salesflow_airflow.reports import choose_day

REPORTS = sorted(path.stem for path in (Path(__file__).parent / "sql" / "reports").glob("*.sql"))


@dag(
    schedule=CronDataIntervalTimetable("0 0 * * *", timezone="UTC"),
    max_active_runs=4,
    doc_md=__doc__,
    tags=TAGS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=40)},
    params={
        "stage": stage_param(),
        "day": Param(
            None,
            type=["null", "string"],
            description="YYYY-MM-DD (UTC), not in the future; by default the day of the run's "
            "data interval, without one yesterday",
        ),
    },
)
def daily_sales_reports() -> None:
    outputs = read_outputs()
    day = choose_day()
    late_orders = DateTimeSensor(
        task_id="wait_for_late_orders",
        target_time="{{ dag_run.run_after + macros.timedelta(minutes=20)"
        " if dag_run.run_type == 'scheduled' else dag_run.run_after }}",
        mode="reschedule",
        poke_interval=60,
        timeout=timedelta(minutes=30).total_seconds(),
    )
    run_report = ReportOperator.partial(
        task_id="run_report",
        map_index_template="{{ task.report }}",
        day=day,
        bucket=outputs["LakeBucketName"],
        database=outputs["DatabaseName"],
        workgroup=outputs["WorkGroupName"],
    ).expand_kwargs([{"report": name, "query": f"sql/reports/{name}.sql"} for name in REPORTS])

    [outputs, day, late_orders] >> run_report


daily_sales_reports()
