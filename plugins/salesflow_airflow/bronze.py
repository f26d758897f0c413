"""The changelog's table in the catalogue, as tasks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from airflow.sdk import task
from airflow.sdk.exceptions import AirflowSkipException

from salesflow.bronze import TableMissing, column_problems
from salesflow.bronze import declare_columns as declare
from salesflow.quality import problems_outcome
from salesflow_airflow.deployment import connect


@task
def declare_columns(outputs: dict[str, str]) -> list[str]:
    """Make the crawled table hold the declared columns; what was changed.

    The run ends here, skipped, if there is no table: nothing but failed records has ever come.
    """
    try:
        changes = declare(connect("glue"), outputs["DatabaseName"], outputs["ChangelogTableName"])
    except TableMissing as error:
        raise AirflowSkipException(f"{error}: no row has arrived") from error
    print("\n".join(changes) or "the table has the declared columns")
    return changes


@task
def check_columns(outputs: dict[str, str]) -> list[dict[str, Any]]:
    """Whether Athena's table has all declared columns with their types: the outcome."""
    table = connect("athena").get_table_metadata(
        CatalogName="AwsDataCatalog",
        DatabaseName=outputs["DatabaseName"],
        TableName=outputs["ChangelogTableName"],
    )["TableMetadata"]
    return [asdict(problems_outcome("columns", column_problems(table["Columns"])))]


@task
def announce_orders(
    delivery: dict[str, Any], params: dict[str, Any], task: Any, outlet_events: Any
) -> None:
    """Say in the events of the outlets until when everything is queryable."""
    for outlet in task.outlets:
        outlet_events[outlet].extra = {"stage": params["stage"], "newest": delivery["newest"]}
