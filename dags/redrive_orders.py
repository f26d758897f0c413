"""
### Redrive orders

Puts what failed on its way once more to the CDC stream: quarantined records that wait, with their
own bytes; and the changes that the pipe gave up, which the messages of its dead-letter queue point
to. These are read again from the table's stream, which keeps them for 24 hours; after that, the
whole table is compared with silver, and what differs is put as it is now. Shows the counts of
before and after, and writes what it put into the table `redrives`.

Nothing is counted twice by it: a change keeps its id and its sequence number, so silver knows it. A
record that fails again is quarantined again, with its count, and waits again. A message is deleted
only when all its changes are acknowledged.

**When:** by hand, when the cause is mended. The table `quarantine` says what failed, and why.
**Waits:** for the delivery, 30 minutes.
**Assets:** emits `orders_written`, with what was put and until when, which starts `ingest_orders`.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, ORDERS_WRITTEN, TAGS, stage_param
from salesflow_airflow.deployment import read_outputs
from salesflow_airflow.operators.athena import AthenaStatementOperator
from salesflow_airflow.operators.redrive import CountFailuresOperator
from salesflow_airflow.operators.silver import DeclareTablesOperator
from salesflow_airflow.quarantine import judge_quarantine
from salesflow_airflow.redrive import (
    announce_redrive,
    redrive_letters,
    redrive_quarantine,
    sum_up,
)
from salesflow_airflow.sensors.delivery import DeliverySensor
from salesflow_airflow.tables import MACROS, TABLES, VIEWS


def choice(description: str, **schema: str) -> Param:
    """A param that narrows what is redriven from the quarantine."""
    return Param(None, type=["null", "string"], description=description, **schema)


@dag(
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    user_defined_macros=MACROS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(hours=1)},
    params={
        "stage": stage_param(),
        "since": choice(
            "Only quarantined records that last failed on this day (UTC) or later", format="date"
        ),
        "reason": choice("Only quarantined records whose reason contains this"),
        "orderid": choice("Only quarantined records of this order"),
        "compare": Param(
            False,
            type="boolean",
            description="Compare the whole table with silver even if no dead letter calls for it",
        ),
    },
)
def redrive_orders() -> None:
    outputs = read_outputs()
    athena = {"database": outputs["DatabaseName"], "workgroup": outputs["WorkGroupName"]}
    lake = {"stream": outputs["DeliveryStreamName"], "bucket": outputs["LakeBucketName"]}
    queue = {"queue_url": outputs["DeadLetterQueueUrl"], **athena}
    whatever_was_put = {"trigger_rule": "none_failed"}

    declare_tables = DeclareTablesOperator(
        task_id="declare_tables", tables=TABLES, views=VIEWS, bucket=lake["bucket"], **athena
    )
    judged = judge_quarantine(outputs)
    before = CountFailuresOperator(task_id="count_before", **queue)
    waiting = AthenaStatementOperator(
        task_id="choose_waiting", query="sql/redrive/choose_waiting.sql", **athena
    )
    quarantined = redrive_quarantine(outputs, waiting.output)
    letters = redrive_letters(outputs)
    redriven = sum_up([quarantined, letters])
    delivery = DeliverySensor(
        task_id="wait_for_delivery",
        **lake,
        stage="{{ params.stage }}",
        written_until=redriven["written_until"],
        watermark=redriven["written_from"],
        timeout=timedelta(minutes=30).total_seconds(),
    )
    judged_again = judge_quarantine.override(task_id="judge_again", **whatever_was_put)(outputs)
    after = CountFailuresOperator(
        task_id="count_after", before=before.output, **queue, **whatever_was_put
    )
    announced = announce_redrive.override(outlets=[ORDERS_WRITTEN])(redriven)

    declare_tables >> judged >> before >> waiting >> quarantined >> letters
    redriven >> delivery >> [judged_again, announced]
    judged_again >> after


redrive_orders()
