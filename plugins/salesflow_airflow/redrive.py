"""Redriving, as tasks."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from salesflow.cdc_stream import StreamWriter
from salesflow.dead_letters import DeadLetterQueue
from salesflow.queries import Row, ask, read_rows
from salesflow.redrive import Redrive, quarantined_replays, redrive_dead_letters, restore_orders
from salesflow_airflow.deployment import connect


@task
def redrive_quarantine(outputs: dict[str, str], query_id: str, run_id: str) -> dict[str, Any]:
    """Put quarantined records to the CDC stream again; the counts.

    Args:
        query_id: of the query that chose them.
    """
    redrive = _redrive(outputs, run_id)
    waiting = (
        (str(digest), int(failures or 0), str(uri))
        for digest, failures, uri in read_rows(connect("athena"), query_id)
    )
    redrive.put(quarantined_replays(connect("s3"), waiting))
    return _told(redrive)


@task
def redrive_letters(outputs: dict[str, str], params: dict[str, Any], run_id: str) -> dict[str, Any]:
    """Put the changes that the pipe gave up to the CDC stream; the counts.

    With the param `compare`, or if the table's stream has forgotten some of them, the whole table
    is compared with silver, and what differs is put as it is now.
    """
    redrive = _redrive(outputs, run_id)
    compared = False

    def restore() -> None:
        nonlocal compared
        compared = True
        restore_orders(redrive, connect, outputs, lambda sql: _ask(outputs, sql))

    queue = DeadLetterQueue(connect("sqs"), outputs["DeadLetterQueueUrl"])
    redrive_dead_letters(redrive, queue, connect("dynamodbstreams"), restore)
    if params["compare"] and not compared:
        restore()
    return _told(redrive)


@task
def sum_up(redrives: list[dict[str, Any]]) -> dict[str, Any]:
    """What was put in all, and between which times; the run goes on only if it was anything."""
    done = [redrive for redrive in redrives if redrive["changes"]]
    if not done:
        raise AirflowSkipException("there was nothing to redrive")
    return {
        "changes": sum(redrive["changes"] for redrive in done),
        "orders": sum(redrive["orders"] for redrive in done),
        "written_from": min(redrive["written_from"] for redrive in done),
        "written_until": max(redrive["written_until"] for redrive in done),
    }


@task
def announce_redrive(
    redriven: dict[str, Any], params: dict[str, Any], task: Any, outlet_events: Any
) -> None:
    """Say in the events of the outlets what was put, and when.

    These are changes of before, so nobody can count them by the time at which they were made.
    """
    for outlet in task.outlets:
        outlet_events[outlet].extra = {"stage": params["stage"], "redriven": True, **redriven}


def _redrive(outputs: dict[str, str], run_id: str) -> Redrive:
    return Redrive(
        run_id=run_id,
        stream=StreamWriter(client=connect("kinesis"), stream=outputs["CdcStreamName"]),
        write=lambda sql: _ask(outputs, sql),
    )


def _ask(outputs: dict[str, str], sql: str) -> list[Row]:
    answer = ask(
        connect("athena"),
        sql,
        database=outputs["DatabaseName"],
        workgroup=outputs["WorkGroupName"],
    )
    return list(answer.rows)


def _told(redrive: Redrive) -> dict[str, Any]:
    summary = redrive.outcome.summary()
    print(f"{summary['changes']} changes of {summary['orders']} orders were put again")
    for refused in summary["refused"]:
        print(f"not redriven: {refused}")
    return summary
