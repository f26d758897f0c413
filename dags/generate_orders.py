"""
### Generate orders

Writes orders with their past to the orders table: each is placed, then paid, shipped, delivered,
perhaps cancelled, returned or removed. The task returns the exact counts of what DynamoDB has
acknowledged. The same seed and the same `until` give the same orders: a rerun writes them again,
and leaves them as they are. What the warehouse orders to replace what was sold goes to the lake.

**When:** by hand, or on the schedule in the environment variable `SALESFLOW_GENERATE_SCHEDULE`
(a cron expression, UTC).
**Assets:** emits `orders_written`, with what was written and until when, which starts
`ingest_orders`.
"""

from __future__ import annotations

import os
from datetime import timedelta

from airflow.sdk import CronTriggerTimetable, Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, ORDERS_WRITTEN, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.generation import write_restocks
from salesflow_airflow.operators.generate_orders import GenerateOrdersOperator

CRON = os.environ.get("SALESFLOW_GENERATE_SCHEDULE")


@dag(
    schedule=CronTriggerTimetable(CRON, timezone="UTC") if CRON else None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(hours=2)},
    params={
        "stage": stage_param(),
        "orders": Param(100, type="integer", minimum=1, description="How many orders"),
        "days": Param(
            1, type="integer", minimum=1, description="Over how many days they were placed"
        ),
        "until": Param(
            None,
            type=["null", "string"],
            format="date-time",
            description="When the last of these days ends; by default when the run was due",
        ),
        "seed": Param(
            None,
            type=["null", "integer"],
            description="Other seeds give other orders; by default it follows from `until`",
        ),
        "where": Param(
            "worker",
            enum=["worker", "lambda"],
            description="Who writes: Airflow's worker, or the generator's Lambda function",
        ),
    },
)
def generate_orders() -> None:
    outputs = read_outputs()
    write_orders = GenerateOrdersOperator(
        task_id="write_orders",
        where="{{ params.where }}",
        table=outputs["OrdersTableName"],
        function=outputs["GenerateFunctionName"],
        stage="{{ params.stage }}",
        orders="{{ params.orders }}",
        days="{{ params.days }}",
        until="{{ params.until or '' }}",
        seed="{{ '' if params.seed is none else params.seed }}",
        outlets=[ORDERS_WRITTEN],
    )
    write_restocks(write_orders.output, outputs)


generate_orders()
