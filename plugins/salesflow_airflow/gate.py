"""The gate between bronze and silver: what the run has found is judged before it is merged."""

from __future__ import annotations

from typing import Any

from airflow.sdk import Param, task_group

from salesflow.quality import QUARANTINE_LIMIT
from salesflow_airflow.bronze import check_columns
from salesflow_airflow.operators.checks import (
    CheckQuarantineOperator,
    CheckRowsOperator,
    CheckVolumeOperator,
    PassGateOperator,
)


def gate_params() -> dict[str, Param]:
    """The params of a DAG with the gate."""
    return {
        "set_aside": Param(
            False,
            type="boolean",
            description="Set the rows aside that break a rule, and merge without them",
        ),
        "quarantine_limit": Param(
            QUARANTINE_LIMIT,
            type="number",
            minimum=0,
            maximum=1,
            description="The part of the new records that may be in the quarantine",
        ),
    }


@task_group(prefix_group_id=False)
def quality_gate(outputs: Any, delivery: Any, since: Any) -> None:
    """Checks of the columns, of the new rows and of how many there are; then the gate.

    Args:
        outputs: of the stacks.
        delivery: what the delivery sensor found.
        since: when the newest object came that was merged before, ISO 8601; None: none was.
    """
    athena = {"database": outputs["DatabaseName"], "workgroup": outputs["WorkGroupName"]}
    of_run = {"delivery": delivery, "since": since, **athena}
    columns = check_columns(outputs)
    check_rows = CheckRowsOperator(task_id="check_rows", bucket=outputs["LakeBucketName"], **of_run)
    rows = check_rows.output
    check_quarantine = CheckQuarantineOperator(
        task_id="check_quarantine",
        new_rows=rows["new_rows"],
        max_threshold="{{ params.quarantine_limit }}",
        **of_run,
    )
    check_volume = CheckVolumeOperator(
        task_id="check_volume", new_orders=rows["new_orders"], **of_run
    )
    PassGateOperator(
        task_id="pass_gate",
        outcomes=[rows["outcomes"], columns, check_quarantine.output, check_volume.output],
        **athena,
    )
