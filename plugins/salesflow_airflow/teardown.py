"""Taking a deployment down, as tasks."""

from __future__ import annotations

from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowFailException

from salesflow.deployment import deployment_prefix
from salesflow.patience import Patience
from salesflow.teardown import Protected, teardown
from salesflow_airflow.deployment import connect

_PATIENCE = Patience(timeout=1800, interval=1)


@task
def check_confirmation(params: dict[str, Any]) -> None:
    """Refuse unless the stage was typed twice."""
    if params["confirm"] != params["stage"]:
        raise AirflowFailException(
            f"not confirmed: 'confirm' must be {params['stage']!r}, the name of the stage, "
            f"and it is {params['confirm']!r}; nothing was touched"
        )


@task
def delete_everything(params: dict[str, Any]) -> dict[str, Any]:
    """Empty, delete, and look whether anything is left."""
    prefix = deployment_prefix(params["stage"])
    try:
        removed = teardown(connect, prefix, patience=_PATIENCE)
    except Protected as error:
        raise AirflowFailException(str(error)) from error
    print(f"deleted {len(removed.stacks)} stacks and {removed.objects} objects; nothing is left")
    return {"stacks": list(removed.stacks), "objects": removed.objects}
