"""
### Deploy the pipeline

Packages the Lambda functions and creates or updates the deployment's four CloudFormation stacks,
each by a change set: storage (table, buckets), streaming (pipe, streams, functions), analytics
(catalogue, crawler, workgroup), monitoring (alarms). A stack that needs no change is left alone, so
a rerun does no harm. A failure shows the stack's events; after a failed update the stack is as it
was before.

**When:** by hand, after every change of a template or a function.
**Preview:** shows every change set and changes nothing. A stack that needs the outputs of a stack
that isn't there yet is skipped, and says so.
**Waits:** for the crawler to end its run, and for each stack, 30 minutes at most.
**Assets:** none.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, TAGS, stage_param
from salesflow_airflow.deployment import (
    TEMPLATES,
    package_lambdas,
    sort_parameters,
    upload_lambdas,
)
from salesflow_airflow.operators.crawl import AwaitIdleCrawlerOperator
from salesflow_airflow.operators.deploy_stack import DeployStackOperator

NAMED = {
    "Stage": "stage",
    "StreamMode": "stream_mode",
    "ShardCount": "shard_count",
    "BufferIntervalSeconds": "buffer_interval_seconds",
    "TransformBufferIntervalSeconds": "transform_buffer_interval_seconds",
    "AlarmEmail": "alarm_email",
}


def seconds(default: int, description: str) -> Param:
    """A param of a buffering interval, within Firehose's limits."""
    return Param(default, type="integer", minimum=0, maximum=900, description=description)


@dag(
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(minutes=45)},
    render_template_as_native_obj=True,
    params={
        "stage": stage_param(),
        "preview": Param(
            False, type="boolean", description="Show what would change, and change nothing"
        ),
        "buffer_interval_seconds": seconds(60, "How long Firehose collects rows for an object"),
        "transform_buffer_interval_seconds": seconds(
            60, "How long Firehose collects changes before it has them transformed"
        ),
        "stream_mode": Param(
            "PROVISIONED",
            enum=["PROVISIONED", "ON_DEMAND"],
            description="Capacity of the CDC stream",
        ),
        "shard_count": Param(
            1, type="integer", minimum=1, maximum=200, description="Shards, if it is provisioned"
        ),
        "alarm_email": Param(
            "", type="string", description="Address that is mailed when an alarm rises, or empty"
        ),
        "parameters": Param(
            {}, type="object", description="Any other parameters of the templates: name → value"
        ),
    },
)
def deploy_pipeline() -> None:
    parameters = sort_parameters(NAMED)
    code = package_lambdas()

    def deploy(stack: str, code: object = None) -> DeployStackOperator:
        return DeployStackOperator(
            task_id=f"deploy_{stack}",
            stack=stack,
            prefix="salesflow-{{ params.stage }}",
            templates=TEMPLATES,
            overrides=parameters[stack],
            code=code,
            preview="{{ params.preview }}",
            # In a preview, a stack may be skipped that the next one doesn't need.
            trigger_rule="none_failed",
        )

    storage, streaming = deploy("storage"), deploy("streaming", code)
    analytics, monitoring = deploy("analytics"), deploy("monitoring")
    await_idle_crawler = AwaitIdleCrawlerOperator(
        task_id="await_idle_crawler",
        prefix="salesflow-{{ params.stage }}",
        trigger_rule="none_failed",
    )

    [parameters, code] >> storage >> upload_lambdas() >> streaming
    streaming >> await_idle_crawler >> analytics >> monitoring


deploy_pipeline()
