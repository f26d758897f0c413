"""The quarantine, as tasks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from airflow.sdk import task

from salesflow.quarantine import judge_new
from salesflow_airflow.deployment import connect


@task
def judge_quarantine(outputs: dict[str, str], delivery: dict[str, Any] | None = None) -> int:
    """Find out why records failed of which nobody has yet; how many they were.

    Args:
        delivery: what the delivery sensor found: then only what is new is looked at.
    """
    first_day = None
    if delivery and delivery["since"]:
        # A folder is named after the oldest record in its object, perhaps of the day before.
        first_day = (datetime.fromisoformat(delivery["since"]) - timedelta(days=1)).date()
    judged = judge_new(connect("s3"), outputs["LakeBucketName"], first_day)
    print(f"{judged} failed records were judged")
    return judged
