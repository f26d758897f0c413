"""Telling people: of a task that has failed, of a run that is late.

They are told by the topic of the stage's alarms. The monitoring stack has one if it was given an
address; without it nobody is told, and the log says so.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote

from airflow.configuration import conf
from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.sdk import AsyncCallback, Context, DeadlineAlert, DeadlineReference
from botocore.exceptions import ClientError

from salesflow.deployment import deployment_prefix, stack_name
from salesflow.notices import Notice, failure_notice, lateness_notice
from salesflow_airflow.stage import default_stage

TOPIC_OUTPUT: Final = "AlarmTopicArn"
DUE_HOURS: Final = "SALESFLOW_REPORTS_DUE_HOURS"
AWS_CONN_ID: Final = "aws_default"

log = logging.getLogger(__name__)


def tell_of_failure(context: Context) -> None:
    """Tell that a task has failed for good (an on_failure_callback)."""
    ti = context["ti"]
    mapped = f"[{ti.map_index}]" if ti.map_index is not None and ti.map_index >= 0 else ""
    stage = (context.get("params") or {}).get("stage") or default_stage()
    notice = failure_notice(
        stage=stage,
        dag_id=ti.dag_id,
        task_id=f"{ti.task_id}{mapped}",
        run_id=ti.run_id,
        reason=str(context.get("exception") or ""),
        log_url=ti.log_url,
    )
    asyncio.run(publish(stage, notice))


async def tell_of_lateness(context: Mapping[str, Any]) -> None:
    """Tell that a run is late (the callback of a DeadlineAlert; it runs in the triggerer).

    A backfill is late by its nature: nobody is told.

    Args:
        context: `dag_run` as the REST API describes it, and `deadline` with its time.
    """
    run = context["dag_run"]
    if run["run_type"] == "backfill":
        return
    stage = (run.get("conf") or {}).get("stage") or default_stage()
    base_url = conf.get("api", "base_url", fallback="http://localhost:8080/").rstrip("/")
    notice = lateness_notice(
        stage=stage,
        dag_id=run["dag_id"],
        run_id=run["dag_run_id"],
        due=str(context["deadline"]["deadline_time"]),
        state=run["state"],
        run_url=f"{base_url}/dags/{run['dag_id']}/runs/{quote(run['dag_run_id'])}",
    )
    await publish(stage, notice)


def due() -> DeadlineAlert | None:
    """By when the reports of a day have to be there, or people are told: hours after the day.

    The environment variable ``SALESFLOW_REPORTS_DUE_HOURS`` says how many; without it nothing is
    late, and nor is a run without logical date, such as one by hand.

    Raises:
        ValueError: the variable is no number of hours.
    """
    text = os.environ.get(DUE_HOURS)
    if not text:
        return None
    if not text.isdecimal():
        raise ValueError(f"{DUE_HOURS}={text} is no number of hours")
    return DeadlineAlert(
        reference=DeadlineReference.DAGRUN_LOGICAL_DATE,
        interval=timedelta(days=1, hours=int(text)),
        callback=AsyncCallback(tell_of_lateness),
    )


async def publish(stage: str, notice: Notice) -> None:
    """Publish to the topic of a stage's alarms, if there is one."""
    topic = await _topic(stack_name(deployment_prefix(stage), "monitoring"))
    if topic is None:
        log.info("nobody is told: the monitoring stack of %s has no address", stage)
        return
    hook = AwsBaseHook(aws_conn_id=AWS_CONN_ID, client_type="sns")
    async with await hook.get_async_conn() as client:
        await client.publish(TopicArn=topic, Subject=notice.subject, Message=notice.message)
    log.info("told %s: %s", topic, notice.subject)


async def _topic(stack: str) -> str | None:
    hook = AwsBaseHook(aws_conn_id=AWS_CONN_ID, client_type="cloudformation")
    async with await hook.get_async_conn() as client:
        try:
            [description] = (await client.describe_stacks(StackName=stack))["Stacks"]
        except ClientError as error:
            # CloudFormation has no code of its own for a stack that isn't there.
            if "does not exist" in str(error):
                return None
            raise
    outputs = {each["OutputKey"]: each["OutputValue"] for each in description.get("Outputs", [])}
    return outputs.get(TOPIC_OUTPUT)
