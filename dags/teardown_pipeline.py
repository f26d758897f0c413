"""
### Tear the pipeline down

Deletes the deployment with **everything** in it: the orders table, the lake, the reports. Empties
its buckets, deletes its stacks in reverse order, and fails if anything is left. What is gone
already is passed over, so that it can be repeated.

**When:** by hand, with the name of the stage typed as confirmation. A table that is protected from
deletion stops it before anything is touched.
**Waits:** for the crawler and for each stack, 30 minutes at most.
**Assets:** none.
"""

from __future__ import annotations

from datetime import timedelta

from airflow.sdk import Param, dag

from salesflow_airflow.defaults import DEFAULT_ARGS, TAGS, stage_param
from salesflow_airflow.teardown import check_confirmation, delete_everything


@dag(
    schedule=None,
    max_active_runs=1,
    doc_md=__doc__,
    tags=TAGS,
    default_args=DEFAULT_ARGS | {"execution_timeout": timedelta(hours=2)},
    params={
        "stage": stage_param(),
        "confirm": Param(
            "", type="string", description="The name of the stage once more: all its data is lost"
        ),
    },
)
def teardown_pipeline() -> None:
    check_confirmation() >> delete_everything()


teardown_pipeline()
